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


def test_both_sides_of_a_condition_are_asked_for(program: Program, edit: Edit) -> None:
    edit("visit.mapping.yaml", ("occurred_at:", "when: event.type == 'visit'\noccurred_at:"))
    edit("visit.cases.yaml", ("{rejected: identity_missing}", "skipped"))
    assert "when is" not in program("test").stdout

    edit(
        "visit.cases.yaml", ("event: {type: call}", "event: {type: visit}"), ("skipped", "{rejected: identity_missing}")
    )
    assert "  schemas/visit.mapping.yaml:5:1: when is false\n" in program("test").stdout


def test_what_the_schema_makes_impossible_is_not_asked_for(program: Program, edit: Edit) -> None:
    edit(
        "visit.event.json", ('{"type": "object", "properties"', '{"type": "object", "required": ["tier"], "properties"')
    )
    edit("visit.event.json", ('"tier": {"type": "string"}', '"tier": {"type": "string", "minLength": 1}'))
    edit("visit.cases.yaml", ("event: {type: call}", "event: {type: call, tier: G}"))

    assert "tier: required" not in program("test").stdout


def test_only_what_the_service_comes_to_counts_as_reached(program: Program, edit: Edit) -> None:
    edit("visit.cases.yaml", (', pages: "3"}', "}"), (", pages: 3}", "}"))
    edit("visit.cases.yaml", ("event: {type: call}", 'event: {type: call, visitor: 1-2, pages: "3"}'))
    edit("visit.cases.yaml", ("identity_missing", "required_missing"))

    shown = program("test").stdout
    assert "store: its default" not in shown
    assert "tier: required" not in shown
    assert "nothing tells who it is" in shown
    assert "pages: a value" in shown


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


@pytest.mark.parametrize("written", ["event_file: gone.json", 'event_file: "gone.json"', "event_file: 'gone.json'"])
def test_an_event_may_be_in_a_file_of_its_own(program: Program, folder: Path, edit: Edit, written: str) -> None:
    (folder / "gone.json").write_text('{"type": "call"}', encoding="utf-8")
    edit("visit.cases.yaml", ("event: {type: call}", written))
    assert program("test").exit_code == 0

    (folder / "gone.json").unlink()
    assert program("test").stdout == "schemas/visit.cases.yaml:7:3: no file 'gone.json' beside these cases\n"


def test_another_broken_mapping_of_the_folder_does_not_stop_the_chosen(program: Program, folder: Path) -> None:
    broken = (
        "version: 1\ntopics: [visits]\nwhere: {evnt.x: a}\nidentity: {mboxPC: event.v}\nattributes: {a: {const: b}}\n"
    )
    (folder / "aaa.mapping.yaml").write_text(broken, encoding="utf-8")

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


def test_an_event_that_is_nested_deeply_does_not_stop_it(program: Program, folder: Path) -> None:
    deep = "[" * 1_000 + "]" * 1_000
    event = f'{{"type": "visit", "customer": {{"id": "c-1"}}, "tier": "G", "note": {deep}}}'
    (folder / "deep.json").write_text(event, encoding="utf-8")
    expect = "{identity: {mbox3rdPartyId: c-1}, attributes: {kind: visit, store: unknown, tier: gold}}"
    case = f"- {{name: deep, event_file: deep.json, expect: {expect}}}\n"
    (folder / "visit.cases.yaml").write_text(case, encoding="utf-8")
    result = program("test")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "1 case: all passed." in result.stdout
