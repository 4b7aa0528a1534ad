"""Expressions in CEL (Common Expression Language): checked when a mapping is loaded, computed of every event.

Each is compiled twice. What is *checked* is typed by the schema. What is *run* takes each value as it comes: so CEL
compares numbers of any kind, and no value needs to be wrapped into a message first.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cel_expr_python import cel

from consumer.core.expressions.check import ExpressionInvalid, check_expression, edited, shape_of
from consumer.core.expressions.paths import find_reads
from consumer.core.expressions.problems import Known, complaints, explained, failure, word_hint
from consumer.core.expressions.syntax import EXTENSIONS, Syntax, parse
from consumer.core.expressions.values import Convert, Limits, Unreadable, converter, limits, result_of
from consumer.core.paths import Read, read_path
from consumer.core.values import Fault

if TYPE_CHECKING:
    from consumer.core.expressions.reads import Variable
    from consumer.core.formats.event_schema import Kind, Shape
    from consumer.core.record import Record

_LONGEST = 10_000  # characters
_OUR_NAMES = re.compile(r"(?<![A-Za-z0-9_.])_[0-9]+\b")
_UNBOUND = re.compile(r'No value with name "(_[0-9]+)"')
_STATUS = re.compile(r"[A-Z_]+: ")
_WORD = re.compile(r"([a-z]+)\b")
_WORD_BEFORE = re.compile(r"\b([a-z]+)\s*$")
_MISSING = object()


class _Binding(NamedTuple):
    """A variable at work: its name, whether only its presence counts, how its value is read and handed over."""

    name: str
    is_presence: bool
    read: Read
    convert: Convert
    written: str


class _Source(NamedTuple):
    text: str
    place: str


class Expression:
    """An expression at work, `written` so; `kinds` are those of its result, None when only the event can tell."""

    def __init__(
        self, source: _Source, program: cel.Expression, bindings: tuple[_Binding, ...], kinds: frozenset[Kind] | None
    ) -> None:
        self.written = source.text
        self.kinds = kinds
        self._place = source.place
        self._program = program
        self._bindings = bindings

    def read(self, event: Any, record: Record) -> Any:  # noqa: ANN401 - any value of an event
        """The result: text, a number, a boolean, a list of these, or None.

        Raises:
            Fault: `expression_failed`, or `value_not_scalar` for a map, a duration, bytes.
        """
        data = {}
        for name, is_presence, read, convert, _ in self._bindings:
            value = read(event, record)
            if is_presence:
                data[name] = value is not _MISSING and value is not None
            elif value is not _MISSING:
                try:
                    data[name] = convert(value)
                except Unreadable:  # left out: the expression may not need it
                    continue
        try:
            result = self._program.eval(None, data)
            value = result_of(result)
        except _LIBRARY_ERRORS as error:
            raise self._failed(str(error), event, record) from None
        if value.__class__ is str and _STATUS.match(value) and result.type() == cel.Type.ERROR:
            raise self._failed(value, event, record)
        return value

    def _failed(self, message: str, event: Any, record: Record) -> Fault:  # noqa: ANN401 - any value of an event
        """Why there is no result; the library's message may hold values and is not shown."""
        unbound = _UNBOUND.search(message)
        if unbound is None:
            return Fault("expression_failed", f"{self._place}: {failure(message)}")
        binding = next(each for each in self._bindings if each.name == unbound[1])
        try:
            binding.convert(binding.read(event, record))
        except Unreadable as fault:
            return Fault("expression_failed", f"{self._place}: {binding.written}: {fault}")
        return Fault("expression_failed", f"{self._place}: nothing at {binding.written}")


def compile_expression(text: str, shape: Shape | None, place: str = "cel") -> Expression:
    """The expression in `text`, over events of that shape; `place` is for the detail of a failure.

    Raises:
        ExpressionInvalid: with every problem found.
    """
    syntax = _parsed(text)
    reads = find_reads(text, syntax)
    result, edits = check_expression(text, syntax, reads, shape)
    run, origin = edited(text, [edit for edit in edits if edit.run])
    if result.optional:
        run = f"({run}\n).orValue(dyn(null))"
    try:
        program = _program(len(reads.variables), run)
    except RuntimeError as error:  # what the schema's types allow and CEL's own do not
        raise ExpressionInvalid(
            [(origin(each.position), explained(each, Known())) for each in complaints(error, run)]
        ) from None
    most = limits(reads)
    bindings = tuple(_binding(each, shape, most) for each in reads.variables)
    return Expression(_Source(text, place), program, bindings, result.kinds)


def _parsed(text: str) -> Syntax:
    if len(text) > _LONGEST:
        raise ExpressionInvalid([(0, f"an expression has at most {_LONGEST} characters")])
    if own := _OUR_NAMES.search(text):
        raise ExpressionInvalid([(own.start(), "a name of an underscore and digits is taken; write another")])
    try:
        return parse(text)
    except RuntimeError as error:
        first = complaints(error, text)[0]  # the others are what the parser stumbles over after it
        position = max(first.position, 0)
        raise ExpressionInvalid([(position, explained(first, Known()) + word_hint(_word_at(text, position)))]) from None


def _word_at(text: str, position: int) -> str:
    """The word that the parser stumbled over: what stands there, or before it."""
    words = [text[max(position - 1, 0) : position + 1]]
    words += [match[1] for match in (_WORD.match(text, position), _WORD_BEFORE.search(text, 0, position)) if match]
    return next((word for word in words if word_hint(word)), "")


def _binding(variable: Variable, shape: Shape | None, most: Limits) -> _Binding:
    path = variable.path
    read = read_path(path, _MISSING)
    if path.root == "record":
        read = _nothing_is_missing(read)
    convert = converter(shape_of(variable, shape), variable.use, most, as_range=variable.role == "range")
    return _Binding(variable.name, variable.role == "present", read, convert, variable.written)


def _nothing_is_missing(read: Read) -> Read:
    def read_something(event: Any, record: Record) -> Any:  # noqa: ANN401 - any value of an event
        value = read(event, record)
        return _MISSING if value is None else value

    return read_something


@cache
def _program(variables: int, text: str) -> cel.Expression:
    """What is run; the same for expressions that differ in their paths only, which variables stand for."""
    return _environment(variables).compile(text)


@cache
def _environment(variables: int) -> cel.Env:
    return cel.NewEnv(variables={f"_{number}": cel.Type.DYN for number in range(variables)}, extensions=EXTENSIONS)


_LIBRARY_ERRORS = (RuntimeError, TypeError, SystemError, ValueError)
"""What evaluating can raise: too many steps; results that Python has nothing for (optionals)."""
