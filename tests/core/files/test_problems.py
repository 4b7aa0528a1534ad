from __future__ import annotations

from typing import Any

import pytest

from consumer.core.files.problems import Report, near, suggestion
from consumer.core.files.yaml_nodes import parse_yaml


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("adress", ["address", "name"], "did you mean address?"),
        ("ADDRESS", ["address", "name"], "did you mean address?"),
        ("zzz", ["address", "name"], "there are address, name"),
    ],
)
def test_a_suggestion(word: str, known: list[str], expected: str) -> None:
    assert suggestion(word, known) == expected


def test_nothing_may_be_near() -> None:
    assert near("x", []) is None


def test_problems_know_their_places() -> None:
    content = b"\xef\xbb\xbfone: two words\nunknown: 1\n"
    report = Report("f", content)
    root: Any = parse_yaml("f", content)
    report.unknown_keys(root, ["one", "unknowns"], "a file")
    report.add_inside(root.get("one"), 4, "here")
    assert [str(problem) for problem in report.problems] == [
        "f:2:1: a file has no key 'unknown'; did you mean unknowns?",
        "f:1:10: here",
    ]
