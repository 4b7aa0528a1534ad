"""Checking an expression when its mapping is loaded: its paths and its types, by what the schema says of events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.expressions.constants import constant_faults
from consumer.core.expressions.problems import (
    COMPARISONS,
    MACROS,
    Complaint,
    Known,
    Misfit,
    complaints,
    explained,
    unwrapped,
)
from consumer.core.expressions.reads import Edit, Reads, Variable
from consumer.core.expressions.types import Types
from consumer.core.files.problems import suggestion
from consumer.core.formats.event_schema import Kind, PathImpossible, Shape, shape_at
from consumer.core.formats.record_shape import RECORD_SHAPE
from consumer.core.paths import Path, PathInvalid, check_record_path, path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consumer.core.expressions.syntax import Syntax

HEADERS = Path("record", ("headers",))
"""All headers together, a map; only an expression can read them so."""

_BEFORE_PARENTHESIS = re.compile(r"([A-Za-z_]+)\s*\($")
_NUMBERS = {"double": "0.0", "int": "0", "uint": "0u"}
_ANY_NULL = "dyn(null)"
_NULLS = {
    "string": "google.protobuf.StringValue{}",
    "double": "google.protobuf.DoubleValue{}",
    "int": "google.protobuf.Int64Value{}",
    "uint": "google.protobuf.UInt64Value{}",
    "bool": "google.protobuf.BoolValue{}",
}
_LITERAL = re.compile(r"-?\s*(?:0x[0-9a-fA-F]+|[0-9.]+(?:[eE][+-]?[0-9]+)?)u?")
_KINDS: dict[str, frozenset[Kind]] = {
    "BOOL": frozenset({"boolean"}),
    "INT": frozenset({"integer"}),
    "UINT": frozenset({"integer"}),
    "DOUBLE": frozenset({"number", "integer"}),
    "STRING": frozenset({"string"}),
    "TIMESTAMP": frozenset({"string"}),
    "NULL": frozenset({"null"}),
    "BYTES": frozenset({"bytes"}),
    "LIST": frozenset({"array"}),
    "MAP": frozenset({"object"}),
}


class ExpressionInvalid(ValueError):
    """An expression that can't work; `problems` are messages with their places (0-based characters of the text)."""

    def __init__(self, problems: Iterable[tuple[int, str]]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("; ".join(message for _, message in self.problems))


class ResultType:
    """What the checker knows of a result: `kinds` that it may be (None: anything), whether it is an optional."""

    def __init__(self, name: str) -> None:
        self.optional = name.startswith("optional_type<")
        inner = name.removeprefix("optional_type<")
        self.name = re.split("[<>]", inner)[0]
        self.kinds = None if self.name == "DYN" else _KINDS.get(self.name, frozenset[Kind]({"object"}))


class Checked(NamedTuple):
    """A sound expression: the type of its result, and all edits of its text."""

    result: ResultType
    edits: tuple[Edit, ...]


def check_expression(text: str, syntax: Syntax, reads: Reads, shape: Shape | None) -> Checked:
    """The type of the result of an expression over events of that shape, and what is to be written otherwise.

    Raises:
        ExpressionInvalid: with every problem found.
    """
    problems = [problem for variable in reads.variables for problem in _path_problems(variable, shape)]
    if problems := problems or [
        *constant_faults(syntax),
        *_texts_that_never_stand_there(reads, shape),
        *[(position, "the fields of an object have no order; go through a list") for position in reads.unordered],
    ]:
        raise ExpressionInvalid(problems)
    types = Types()
    environment = types.environment({variable.name: _type(variable, shape, types) for variable in reads.variables})
    calls = {(part.position, part.name): part for part in _parts(syntax) if part.kind == "call"}
    places = {position for position, _ in calls}
    edits = set(reads.edits)
    while True:
        checked, origin = edited(text, [edit for edit in edits if edit.checked])
        try:
            result = environment.compile(checked).return_type().name()
        except RuntimeError as error:
            found = [each._replace(position=origin(each.position)) for each in complaints(error, checked)]
        else:
            return Checked(ResultType(result), tuple(edits))
        literals = {edit for each in found for edit in _literals_to_fit(each, calls, text)}
        if literals <= edits:
            known = Known(shape.names if shape is not None else (), types.messages)
            raise ExpressionInvalid(
                [
                    (each.position, explained(each, known, is_call=each.position in places, macro=_macro(text, each)))
                    for each in found
                ]
            )
        edits |= literals


def _texts_that_never_stand_there(reads: Reads, shape: Shape | None) -> Iterator[tuple[int, str]]:
    """Texts that a path is compared with and that the schema excludes there."""
    read = {variable.path: variable for variable in reads.variables if variable.role == "value"}
    for path, texts in reads.compared:
        there = shape_of(read[path], shape) if path in read else None
        for position, text in texts:
            if there is not None and "string" in there.kinds and not there.allows(text):
                known = [each for each in there.constants if isinstance(each, str)]
                yield position, f"{text!r} never stands at {path_text(path)}; {suggestion(text, known)}"


def _path_problems(variable: Variable, shape: Shape | None) -> Iterator[tuple[int, str]]:
    """What is wrong with the path of a variable, at the step where it goes wrong."""
    path = variable.path
    if path.root == "record":
        try:
            if path != HEADERS:
                check_record_path(path)
        except PathInvalid as fault:
            yield variable.positions[0], str(fault)
        return
    for position, step in zip(variable.positions[1:], path.steps, strict=True):
        try:
            shape = shape_at(shape, Path("event", (step,))) if shape is not None else None
        except PathImpossible as fault:
            hint = f"; {suggestion(str(fault.step), fault.known)}" if fault.known else ""
            yield position, f"{variable.written}: {fault}{hint}"
            return


def shape_of(variable: Variable, shape: Shape | None) -> Shape | None:
    """The shape of what a variable reads, `shape` being that of events."""
    root = RECORD_SHAPE if variable.path.root == "record" else shape
    return shape_at(root, variable.path) if root is not None else None


def _type(variable: Variable, shape: Shape | None, types: Types) -> str:
    if variable.role == "present":
        return "bool"
    return types.of(shape_of(variable, shape), nullable=variable.role == "value")


def _parts(syntax: Syntax) -> Iterator[Syntax]:
    yield syntax
    for part in syntax.parts:
        yield from _parts(part)


def _macro(text: str, complaint: Complaint) -> str:
    """The macro that a complaint is about, since CEL makes loops and operators of one; empty if about none."""
    match = _BEFORE_PARENTHESIS.search(text, 0, max(complaint.position, 0) + 1)
    return match[1] if match and match[1] in MACROS else ""


def _literals_to_fit(complaint: Complaint, calls: dict[tuple[int, str], Syntax], text: str) -> Iterator[Edit]:
    """Number literals and nulls to write otherwise: of the kind of what they stand beside.

    What is run compares values of any kind, so there a comparison stays as it is.
    """
    misfit = complaint.misfit
    call = calls.get((complaint.position, misfit.function)) if misfit else None
    if misfit is None or call is None:
        return
    compared = misfit.function in COMPARISONS or misfit.function == "@in"
    for part, other in _sides(misfit, call):
        literal = _LITERAL.match(text, part.position)
        if part.kind == "const" and part.name == "null":
            yield from _null_to_fit(part.position, other, compared=compared)
        elif part.kind == "const" and part.value.__class__ in (int, float) and literal:
            if compared and other in _NUMBERS:
                yield Edit(part.position, literal.end(), _NUMBERS[other], run=False)
            elif other == "double":
                yield Edit(part.position, literal.end(), f"{part.value}.0")


def _sides(misfit: Misfit, call: Syntax) -> list[tuple[Syntax, str]]:
    """What stands on each side, with the kind of the other."""
    kinds = [unwrapped(kind) for kind in misfit.kinds]
    if misfit.function in COMPARISONS:
        return [(call.parts[0], kinds[1]), (call.parts[1], kinds[0])]
    if misfit.function == "@in":
        return [(item, kinds[0]) for item in call.parts[1].parts]
    if misfit.function == "_?_:_":
        return [(call.parts[1], kinds[2]), (call.parts[2], kinds[1])]
    if misfit.function == "orValue":
        return [(call.parts[-1], kinds[0].removeprefix("optional_type(").removesuffix(")"))]
    return []


def _null_to_fit(position: int, other: str, *, compared: bool) -> Iterator[Edit]:
    """To the checker a null of the other's kind, which CEL calls a wrapper; when it is run, a null beside anything."""
    end = position + len("null")
    yield Edit(position, end, _ANY_NULL if compared else _NULLS.get(other, _ANY_NULL), run=False)
    if not compared:
        yield Edit(position, end, _ANY_NULL, checked=False)


def edited(text: str, edits: Iterable[Edit]) -> tuple[str, Callable[[int], int]]:
    """The text with its edits, and what finds the place in the old text for one in the new."""
    pieces: list[tuple[int, int, bool]] = []  # where it begins in the new text and in the old; whether it was kept
    new = ""
    old = 0
    for edit in sorted(edits):
        pieces += [(len(new), old, True), (len(new) + edit.start - old, edit.start, False)]
        new += text[old : edit.start] + edit.text
        old = edit.end
    pieces.append((len(new), old, True))

    def origin(position: int) -> int:
        start, before, kept = [piece for piece in pieces if piece[0] <= max(position, 0)][-1]
        return before + position - start if kept and position > 0 else before

    return new + text[old:], origin
