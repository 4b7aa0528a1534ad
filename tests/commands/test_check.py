from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Program = Callable[..., Result]
    Edit = Callable[..., None]

MISSPELT = [("event.store.name", "event.store.nmae"), ("{lookup:", "{lokup:"), ("topics:", "topic:")]
PROBLEMS = """\
schemas/visit.cases.yaml:8:11: no reason 'identity_mising'; did you mean identity_missing?
schemas/visit.mapping.yaml:2:1: a mapping has no key 'topic'; did you mean topics?
schemas/visit.mapping.yaml:11:11: event.store.nmae: the schema has no 'nmae' there; did you mean name?
schemas/visit.mapping.yaml:12:40: no transform 'lokup'; did you mean lookup?
"""


@pytest.fixture
def broken(edit: Edit) -> None:
    edit("visit.mapping.yaml", *MISSPELT)
    edit("visit.cases.yaml", ("identity_missing", "identity_mising"))


def test_nothing_wrong_is_said_and_exits_0(program: Program) -> None:
    result = program("check")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "No problem in 1 mapping and 2 cases.\n", "")


@pytest.mark.usefixtures("broken")
def test_every_problem_of_every_file_is_told_at_once_sorted_by_place(program: Program) -> None:
    result = program("check", "schemas")

    assert (result.exit_code, result.stdout, result.stderr) == (1, PROBLEMS, "4 problems.\n")


def test_what_stands_under_a_misspelt_key_is_checked_all_the_same(program: Program, edit: Edit) -> None:
    edit("visit.mapping.yaml", ("attributes:", "atributes:"), ("[trim, lower]", "[trim, lowr]"))

    assert program("check").stdout.splitlines() == [
        "schemas/visit.mapping.yaml:9:1: a mapping has no key 'atributes'; did you mean attributes?",
        "schemas/visit.mapping.yaml:11:53: no transform 'lowr'; did you mean lower?",
    ]


@pytest.mark.usefixtures("broken")
def test_problems_for_a_program(program: Program) -> None:
    result = program("check", "--format", "json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [f"{p['file']}:{p['line']}:{p['column']}: {p['message']}" for p in found] == PROBLEMS.splitlines()


def test_no_problem_for_a_program_is_an_empty_list(program: Program) -> None:
    result = program("check", "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_problems_become_annotations_on_github(program: Program, edit: Edit, folder: Path) -> None:
    edit("visit.mapping.yaml", ("{const: visit}", '{const: visit, "50%\\n": 1}'))
    (folder / "other.mapping.yml").touch()

    result = program("check", "--format", "github")

    error, keys = "::error file=schemas/", "there are from, const, cel, transform, default, required"
    assert result.stdout.splitlines() == [
        f"{error}other.mapping.yml::a mapping file is named *.mapping.yaml: rename it to other.mapping.yaml",
        f"{error}visit.mapping.yaml,line=10,col=24::an attribute has no key '50%25\\n'; {keys}",
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{cel: event.tier == 'G' ? 'a' : 'b'}", "text that holds a colon and a blank (`a ? b : c`) needs quotes"),
        ('{cel: event.tier == "G" ? "a" : "b"}', "text that holds a colon and a blank (`a ? b : c`) needs quotes"),
        ("{from: event.at, transform: [{date: %Y}]}", "text that begins with it needs quotes"),
        ("{from: event.items[0]}", "a path with [ ] needs quotes"),
    ],
)
def test_what_yaml_refuses_is_told_with_the_way_out(program: Program, edit: Edit, wrong: str, message: str) -> None:
    edit("visit.mapping.yaml", ("{const: visit}", wrong))

    assert message in program("check").stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.mapping.yml", "a mapping file is named *.mapping.yaml: rename it to a.mapping.yaml"),
        ("a.cases.yml", "a cases file is named *.cases.yaml: rename it to a.cases.yaml"),
    ],
)
def test_a_file_that_would_not_be_found_is_told_its_right_name(
    program: Program, folder: Path, name: str, message: str
) -> None:
    (folder / name).touch()

    result = program("check")

    assert (result.exit_code, result.stdout) == (1, f"schemas/{name}: {message}\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "there is no such file or folder"),
        ("schemas/nothing.mapping.yaml", "there is no such file or folder"),
        ("schemas/visit.event.json", "neither a folder nor a file named *.mapping.yaml or *.cases.yaml"),
        ("empty", "there is no mapping in this folder; `schemas` names a folder with *.mapping.yaml files"),
    ],
)
def test_a_path_without_mappings_is_a_problem(program: Program, folder: Path, path: str, message: str) -> None:
    (folder.parent / "empty").mkdir()

    result = program("check", path)

    assert (result.exit_code, result.stdout) == (1, f"{path}: {message}\n")


@pytest.mark.usefixtures("broken")
def test_of_a_file_only_its_own_problems_and_those_of_its_cases_are_told(
    program: Program, folder: Path, edit: Edit
) -> None:
    good = (folder / "visit.mapping.yaml").read_text(encoding="utf-8").replace("topic:", "topics:")
    (folder / "other.mapping.yaml").write_text(good, encoding="utf-8")
    edit("other.mapping.yaml", ("nmae", "name"), ("lokup", "lookup"), ("[visits]", "[others]"))

    assert program("check", "schemas/other.mapping.yaml").exit_code == 0
    assert program("check", "schemas/other.mapping.yaml", "schemas/visit.cases.yaml").stdout == PROBLEMS


@pytest.mark.parametrize("chosen", ["visit", "wisit"])
def test_a_conflict_is_told_for_either_of_both_mappings(program: Program, folder: Path, chosen: str) -> None:
    mapping = (folder / "visit.mapping.yaml").read_text(encoding="utf-8")
    (folder / "wisit.mapping.yaml").write_text(mapping, encoding="utf-8")

    result = program("check", f"schemas/{chosen}.mapping.yaml")

    assert result.exit_code == 1
    assert "could match both" in result.stdout


def test_settings_are_checked_as_run_would_read_them(program: Program, folder: Path) -> None:
    settings = folder.parent / "settings.yaml"
    settings.write_text("target: {clinet: acme}\nschemas: nowhere\n", encoding="utf-8")

    result = program("check", "--config", str(settings))

    assert result.exit_code == 1
    required = "required; write it in the settings file, or set PROFILE_CONSUMER_"
    assert result.stdout.splitlines() == [
        f"{settings}: kafka.bootstrap_servers: {required}KAFKA__BOOTSTRAP_SERVERS",
        f"{settings}:1:1: target.client: {required}TARGET__CLIENT",
        f"{settings}:1:10: target.clinet: no such setting; did you mean target.client?",
        "nowhere: there is no such file or folder",
    ]


def test_the_longest_value_is_that_of_the_settings(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILE_CONSUMER_TARGET__MAX_VALUE_LENGTH", "4")

    result = program("check")

    assert result.stdout.splitlines() == [
        "schemas/visit.mapping.yaml:10:10: const: longer than 4 characters (target.max_value_length)",
        "schemas/visit.mapping.yaml:11:61: default: longer than 4 characters (target.max_value_length)",
    ]


def test_a_wrong_option_is_a_usage_error(program: Program) -> None:
    assert program("check", "--format", "xml").exit_code == 2


@pytest.mark.usefixtures("broken")
def test_at_a_terminal_the_line_is_shown_with_a_caret_below_the_word(folder: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(  # our own interpreter
        [sys.executable, "-m", "consumer", "check"], stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(theirs)
    shown = re.sub(r"\x1b\[[0-9;]*m|\r", "", os.read(ours, 100_000).decode())
    os.close(ours)

    assert done.returncode == 1
    assert folder.is_dir()
    assert (
        "schemas/visit.mapping.yaml:12:40: no transform 'lokup'; did you mean lookup?\n"
        "  12 │   tier: {from: event.tier, transform: [{lokup: {G: gold}}], required: true}\n"
        "     │                                        ^^^^^^\n"
    ) in shown
