"""Running cases: each is traced through its folder's mappings, and what comes out is held against what it expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.files.cases import Case, Expected, outcome_of
from consumer.core.profile import Rejection, SchemaWanted
from consumer.core.trace import Trace, trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.authoring.folder import Folder


class CaseResult(NamedTuple):
    """A case with what became of it; `file` is the cases file with its folder."""

    file: str
    case: Case
    trace: Trace

    @property
    def actual(self) -> Expected:
        """What came out, in the words of a cases file."""
        if isinstance(self.trace.result, SchemaWanted):
            return f"schema {self.trace.result.id} of a registry, which cases do not ask"
        return outcome_of(self.trace.result)

    @property
    def passed(self) -> bool:
        """Whether that is what was expected."""
        return self.actual == self.case.expected

    @property
    def detail(self) -> str:
        """Why the event was rejected, or which other mapping took it; empty when there is nothing to add."""
        if isinstance(self.trace.result, Rejection):
            return self.trace.result.detail
        taken = self.trace.candidate.mapping.name if self.trace.candidate else ""
        return f"this event is mapped by {taken}" if taken and f"{taken}.cases.yaml" != self.case.file else ""


def run_cases(folder: Folder, text: str = "") -> Iterator[CaseResult]:
    """The results of the folder's cases; `text`, whatever its case, is in their file's or their own name."""
    for case in folder.cases:
        if text.lower() in f"{case.file} {case.name}".lower():
            yield CaseResult(str(folder.path / case.file), case, trace(folder.mappings, case.record))


def difference(expected: Expected, actual: Expected) -> list[tuple[str, str, str]]:
    """A line for all that differs: `-` for what was expected, `+` for what came instead; then key and text.

    The keys are those of a cases file, `attributes.NAME` for what stands under one; what both have is left out.
    """
    before, after = _flat(expected), _flat(actual)
    lines = []
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            lines += [(sign, key, part[key]) for sign, part in (("-", before), ("+", after)) if key in part]
    return lines


def agreements(expected: Expected, actual: Expected) -> int:
    """How many values are as expected."""
    after = _flat(actual)
    return sum(after.get(key) == text for key, text in _flat(expected).items())


def _flat(outcome: Expected) -> dict[str, str]:
    if isinstance(outcome, str):
        return {"": outcome}
    return {
        f"{key}.{name}" if name else key: text
        for key, value in outcome.items()
        for name, text in (value.items() if isinstance(value, dict) else (("", value),))
    }
