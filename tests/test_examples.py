"""The examples of the documentation do what their cases say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consumer.core.files.cases import Case, outcome_of, parse_cases
from consumer.core.mapping_file import parse_mappings

FOLDER = Path(__file__).parents[1] / "docs" / "examples"
FILES = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
MAPPINGS = parse_mappings(FILES)
CASES = parse_cases(FILES, MAPPINGS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.name}")
def test_an_example_does_what_its_case_says(case: Case) -> None:
    result: Any = MAPPINGS.map(case.record)
    assert outcome_of(result) == case.expected


def test_every_example_has_cases() -> None:
    assert {case.file.removesuffix(".cases.yaml") for case in CASES} == set(MAPPINGS.names)
