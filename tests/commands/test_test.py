from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Program = Callable[..., Result]
    Edit = Callable[..., None]

FAILED = """\
schemas/visit.cases.yaml  1 passed, 1 failed

schemas/visit.cases.yaml:1: a visit
    attributes:
  -   store: amsterdam
  +   store: utrecht
  -   shop: 4
  +   pages: 3
      3 as expected
    how it came about: profile-consumer explain schemas/visit.cases.yaml:1

2 cases: 1 passed, 1 failed.
Reached: 8 of 13 branches; not by any case:
"""


@pytest.fixture
def failing(edit: Edit) -> None:
    edit("visit.cases.yaml", ("store: utrecht", "store: amsterdam"), ("pages: 3}", "shop: 4}"))


def test_cases_that_pass_and_what_none_of_them_reaches(program: Program) -> None:
    result = program("test")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "schemas/visit.cases.yaml  2 passed",
        "",
        "2 cases: all passed.",
        "Reached: 8 of 13 branches; not by any case:",
        "  schemas/visit.mapping.yaml:3:1: an event that the schema refuses",
        "  schemas/visit.mapping.yaml:8:5: the visitor is known by event.visitor",
        "  schemas/visit.mapping.yaml:11:3: store: its default",
        "  schemas/visit.mapping.yaml:12:3: tier: a value that lookup does not have",
        "  schemas/visit.mapping.yaml:12:3: tier: required, and nothing is there",
    ]


@pytest.mark.usefixtures("failing")
def test_a_case_that_fails_shows_what_differs(program: Program) -> None:
    result = program("test", "schemas")

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith(FAILED)


@pytest.mark.parametrize("text", ["A VISIT", "visit.cases.yaml a v"])
def test_a_filter_picks_cases_by_their_name_or_their_files(program: Program, text: str) -> None:
    result = program("test", "--filter", text)

    assert (result.exit_code, result.stdout) == (0, "schemas/visit.cases.yaml  1 passed\n\n1 case: all passed.\n")


def test_a_filter_that_fits_no_case_is_a_failure(program: Program) -> None:
    result = program("test", "--filter", "a vizit")

    assert (result.exit_code, result.stdout) == (1, "No case has 'a vizit' in its name or its file's name.\n")


def test_of_a_file_only_its_own_cases_run(program: Program, folder: Path) -> None:
    for name in ("mapping", "cases"):
        text = (folder / f"visit.{name}.yaml").read_text(encoding="utf-8").replace("[visits]", "[others]")
        (folder / f"other.{name}.yaml").write_text(text, encoding="utf-8")

    result = program("test", "schemas/other.mapping.yaml")

    assert result.stdout.startswith("schemas/other.cases.yaml  2 passed\n\n2 cases: all passed.\n")
    assert "visit.mapping.yaml" not in result.stdout


def test_a_mapping_without_cases_is_said_to_be_untested(program: Program, folder: Path) -> None:
    (folder / "visit.cases.yaml").unlink()

    result = program("test")

    assert result.exit_code == 0
    assert "schemas/visit.mapping.yaml:1:1: no case is for this mapping" in result.stdout


def test_problems_of_mappings_and_cases_are_told_before_any_case_runs(program: Program, edit: Edit) -> None:
    edit("visit.mapping.yaml", ("[trim]", "[trm]"))
    edit("visit.cases.yaml", ("expect: {", "expct: {"))

    result = program("test")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "schemas/visit.cases.yaml:6:3: a case needs expect",
        "schemas/visit.cases.yaml:8:3: a case has no key 'expct'; did you mean expect?",
        "schemas/visit.mapping.yaml:7:59: no transform 'trm'; did you mean trim?",
    ]


def test_another_broken_mapping_of_the_folder_does_not_stop_the_chosen(program: Program, folder: Path) -> None:
    (folder / "aaa.mapping.yaml").write_text("version: 2\ntopics: [t]\n", encoding="utf-8")

    assert program("test", "schemas/visit.mapping.yaml").exit_code == 0
    assert program("test").exit_code == 1


@pytest.mark.usefixtures("failing")
def test_a_report_for_junit_has_every_case_and_why_it_failed(program: Program, folder: Path) -> None:
    result = program("test", "--junit", "report.xml")

    suites = ET.parse(folder.parent / "report.xml").getroot()  # noqa: S314  # our own file
    (suite,) = suites
    assert result.exit_code == 1
    assert suites.attrib == {"tests": "2", "failures": "1"}
    assert suite.attrib == {"name": "schemas/visit.cases.yaml", "tests": "2", "failures": "1"}
    assert [(case.get("name"), case.get("line"), len(case)) for case in suite] == [
        ("a visit", "1", 1),
        ("nobody", "6", 0),
    ]
    assert "-   store: amsterdam\n  +   store: utrecht" in (suite[0][0].text or "")


def test_a_report_holds_what_xml_can_hold(program: Program, edit: Edit, folder: Path) -> None:
    edit("visit.cases.yaml", ("name: nobody", 'name: "no\\u0007body <&> é"'))

    program("test", "--junit", "report.xml")

    suite = ET.parse(folder.parent / "report.xml").getroot()[0]  # noqa: S314  # our own file
    assert suite[1].get("name") == "no�body <&> é"


def test_a_report_that_can_t_be_written_is_an_error(program: Program) -> None:
    result = program("test", "--junit", "nowhere/report.xml")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: nowhere/report.xml: can't be written: No such file or directory\n",
    )


def test_watching_runs_again_after_a_change_until_it_is_interrupted(folder: Path, edit: Edit) -> None:
    command = [sys.executable, "-u", "-m", "consumer", "test", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder.parent) as process:  # noqa: S603  # our own interpreter
        assert process.stdout is not None
        try:
            first = list(iter(process.stdout.readline, "Waiting for a change; Ctrl-C ends.\n"))
            edit("visit.cases.yaml", ("store: utrecht", "store: amsterdam"))
            second = list(iter(process.stdout.readline, "Waiting for a change; Ctrl-C ends.\n"))
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
    assert "2 cases: all passed.\n" in first
    assert "2 cases: 1 passed, 1 failed.\n" in second
