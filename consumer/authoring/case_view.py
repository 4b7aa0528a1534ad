"""Results of cases, for a person and for a program that reads JUnit's XML."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from consumer.authoring.case_run import agreements, difference
from consumer.authoring.screen import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.authoring.case_run import CaseResult
    from consumer.authoring.screen import Part, Screen

_COLOURS = {"-": "red", "+": "green"}
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def show_results(results: Sequence[CaseResult], screen: Screen) -> None:
    """A line for each cases file, what differs in the cases that failed, and the sum."""
    passed = Counter(result.file for result in results if result.passed)
    failed = Counter(result.file for result in results if not result.passed)
    width = max((len(result.file) for result in results), default=0)
    for file in dict.fromkeys(result.file for result in results):
        good: Part = (f"{passed[file]} passed", "green" if passed[file] else "dim")
        bad: list[Part] = [", ", (f"{failed[file]} failed", "red")] if failed[file] else []
        screen.line(f"{file:{width}}  ", good, *bad)
    for result in results:
        if not result.passed:
            screen.line()
            screen.lines(_failure(result))
    screen.line()
    cases = f"{len(results)} case{'s' if len(results) != 1 else ''}"
    if bad_ones := failed.total():
        screen.line(f"{cases}: {passed.total()} passed, ", (f"{bad_ones} failed", "red bold"), ".")
    else:
        screen.line(f"{cases}: ", ("all passed", "green bold"), ".")


def _failure(result: CaseResult) -> Iterator[list[Part]]:
    place = f"{result.file}:{result.case.line}"
    yield [(f"{place}: ", "bold"), (plain(result.case.name), "bold red")]
    under = ""
    for sign, key, text in difference(result.case.expected, result.actual):
        above, _, name = key.partition(".") if key.partition(".")[0] in ("identity", "attributes") else ("", "", key)
        if above and above != under:
            yield [f"    {above}:"]
        under = above
        words = f"{'  ' if above else ''}{name}{': ' if name else ''}{plain(text)}"
        yield [(f"  {sign} {words}", _COLOURS[sign])]
    if same := agreements(result.case.expected, result.actual):
        yield [(f"      {same} as expected", "dim")]
    if result.detail:
        yield [f"    {result.detail}"]
    yield [("    how it came about: ", "dim"), f"profile-consumer explain {place}"]


def junit(results: Sequence[CaseResult]) -> bytes:
    """JUnit's XML: a suite for each cases file."""
    root = ET.Element("testsuites", tests=str(len(results)), failures=str(_failures(results)))
    for file in dict.fromkeys(result.file for result in results):
        own = [result for result in results if result.file == file]
        suite = ET.SubElement(root, "testsuite", name=file, tests=str(len(own)), failures=str(_failures(own)))
        for result in own:
            name = _xml_text(result.case.name)
            case = ET.SubElement(
                suite, "testcase", classname=file, name=name, file=file, line=str(result.case.line), time="0"
            )
            if not result.passed:
                lines = [
                    "".join(part if isinstance(part, str) else part[0] for part in line) for line in _failure(result)
                ]
                failure = ET.SubElement(case, "failure", message=f"not as expected: {name}")
                failure.text = _xml_text("\n".join(lines))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _failures(results: Sequence[CaseResult]) -> int:
    return sum(not result.passed for result in results)


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("�", text)
