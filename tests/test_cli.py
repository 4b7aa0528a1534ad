from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from consumer import __version__, commands
from consumer.cli import COMMANDS, cli
from consumer.errors import KafkaFailed, MappingsInvalid, Problem, ProfileConsumerError, SettingsInvalid, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    Raising = Callable[[str, BaseException], Result]

ROOT = Path(__file__).parents[1]
PROBLEMS = [Problem("b.yaml", 2, 1, "second"), Problem("a.yaml", 1, 7, "first")]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Raising:
    """Calls a command of the given name that raises."""

    def call(name: str, error: BaseException) -> Result:
        @click.command(name)
        def command() -> None:
            raise error

        module = ModuleType(f"consumer.commands.{name}")
        module.__dict__["command"] = command
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(commands, name, module, raising=False)
        monkeypatch.setitem(COMMANDS, name, "raises")
        return CliRunner().invoke(cli, [name])

    return call


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(cli, ["--version"], prog_name="profile-consumer")

    assert (result.exit_code, result.stdout) == (0, f"profile-consumer {__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command_with_its_line(option: str) -> None:
    result = call(option)

    assert result.exit_code == 0
    for name, line in COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert line.split()[0] in result.stdout


def test_every_command_has_a_module_and_every_module_is_a_command() -> None:
    modules = {path.stem for path in (ROOT / "consumer" / "commands").glob("*.py")}

    assert set(COMMANDS) == modules - {"__init__", "options"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_has_an_example(name: str) -> None:
    result = call(name, "--help")

    assert result.exit_code == 0
    assert f"profile-consumer {name}" in result.stdout.partition("Example")[2]


def test_help_imports_no_command_and_nothing_that_is_slow() -> None:
    program = (
        "import sys; from consumer.cli import cli; cli(['--help'], standalone_mode=False);"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "{'pydantic', 'yaml', 'httpx', 'aiohttp', 'confluent_kafka', 'structlog', 'rich'} "
        "or name.startswith('consumer.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own interpreter

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--frobnicate"], []])
def test_a_usage_error_exits_2(arguments: list[str]) -> None:
    result = call(*arguments)

    assert result.exit_code == 2
    assert "Usage: " in result.stderr


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("run", SettingsInvalid(PROBLEMS), 3),
        ("run", MappingsInvalid(PROBLEMS), 3),
        ("run", KafkaFailed("no broker"), 4),
        ("run", Stopped("too many"), 4),
        ("status", SettingsInvalid(PROBLEMS), 1),
        ("check", MappingsInvalid(PROBLEMS), 1),
        ("status", KafkaFailed("no broker"), 1),
        ("demo", Stopped("too many"), 1),
    ],
)
def test_what_a_command_raises_on_purpose_is_an_exit_code(
    raising: Raising, name: str, error: ProfileConsumerError, code: int
) -> None:
    result = raising(name, error)

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr


def test_problems_are_printed_one_a_line_sorted_by_place(raising: Raising) -> None:
    assert raising("run", SettingsInvalid(PROBLEMS)).stderr == "a.yaml:1:7: first\nb.yaml:2:1: second\n"


def test_a_failure_is_printed_with_its_message(raising: Raising) -> None:
    assert raising("status", KafkaFailed("no broker at a:1")).stderr == "Error: no broker at a:1\n"


def test_a_bug_is_not_dressed_up_as_a_users_mistake(raising: Raising) -> None:
    result = raising("run", ZeroDivisionError("a bug"))

    assert isinstance(result.exception, ZeroDivisionError)


BROKEN = """
from consumer import settings
from consumer.__main__ import main
def read(*_, **__):
    raise ValueError("a-password")
settings.load = settings.examine = read
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["status", "--json"],
        ["quota"],
        ["quota", "init"],
        ["check"],
        ["replay", "--dead-letter-topic", "d"],
        ["explain", "--topic", "t", "--last", "1"],
    ],
    ids=" ".join,
)
def test_a_fault_of_the_program_is_one_line_with_what_to_do_and_tells_no_value(arguments: list[str]) -> None:
    broken = [sys.executable, "-c", BROKEN, *arguments]
    done = subprocess.run(broken, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own interpreter

    assert (done.returncode, done.stdout) == (1, "")
    line = orjson.loads(done.stderr)
    assert (line["level"], line["event"]) == ("critical", "crashed")
    assert "report it with this line" in line["message"]
    assert "ValueError" in line["exception"]
    assert "in read" in line["exception"]
    assert "a-password" not in done.stderr


def test_ctrl_c_ends_without_a_traceback(raising: Raising) -> None:
    result = raising("status", KeyboardInterrupt())

    assert (result.exit_code, result.output) == (130, "")


def test_a_reader_that_goes_away_ends_it_without_a_traceback() -> None:
    program = (
        "import sys, types, click, consumer.commands as commands\n"
        "from consumer.cli import COMMANDS, cli\n"
        "module = types.ModuleType('consumer.commands.status')\n"
        "module.command = click.Command('status', callback=lambda: [print('line') for _ in range(100_000)])\n"
        "sys.modules[module.__name__] = commands.status = module\n"
        "COMMANDS['status'] = ''\n"
        "cli(['status'])\n"
    )
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + 13


def test_it_runs_as_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "consumer", "--version"], capture_output=True, check=True, cwd=ROOT)

    assert done.stdout.decode() == f"profile-consumer {__version__}\n"
