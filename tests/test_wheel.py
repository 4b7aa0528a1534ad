"""The wheel, installed where nothing of this repository is in reach, does what the repository does."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from consumer import __version__
from tests.test_readme import README, code

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own programs
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    run(sys.executable, *build, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`profile-consumer` from the wheel, with the dependencies that it names and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    patient = ("--retries", "10", "--timeout", "60")
    options = ("--quiet", "--disable-pip-version-check", *patient, "--constraint", ROOT / "constraints.txt")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=folder)
    assert run(python, "-c", "import consumer; print(consumer.__file__)", cwd=folder).startswith(str(folder))
    return folder / "bin" / "profile-consumer"


def test_the_wheel_holds_the_package_and_the_shipped_mappings(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    shipped = sorted(path.name for path in (ROOT / "schemas").iterdir())
    assert (
        sorted(name.removeprefix("consumer/schemas/") for name in names if name.startswith("consumer/schemas/"))
        == shipped
    )
    assert {name.split("/")[0] for name in names} == {"consumer", f"profile_consumer-{__version__}.dist-info"}


def test_the_installed_program_tells_its_version_from_any_folder(program: Path, tmp_path: Path) -> None:
    assert run(program, "--version", cwd=tmp_path) == f"profile-consumer {__version__}\n"


def test_every_command_of_the_installed_program_can_be_imported(program: Path, tmp_path: Path) -> None:
    table = run(program.with_name("python"), "-c", "from consumer.cli import COMMANDS; print(*COMMANDS)", cwd=tmp_path)
    for name in table.split():
        assert "Example" in run(program, name, "--help", cwd=tmp_path)


def test_the_installed_program_runs_the_demo_which_ends_as_the_readme_shows(program: Path, tmp_path: Path) -> None:
    told = run(program, "demo", cwd=tmp_path)
    [shown] = [block for block in code(README, "") if "Nothing was lost" in block]
    for line in shown.splitlines():
        figures_may_differ = re.sub(r"\d+(\\\.\d)?", r"[\\d.]+", re.escape(line))
        assert re.search(f"^{figures_may_differ}$", told, re.MULTILINE), line
    assert "Lost: 0. Stale (an older value over a newer one): 0." in told
