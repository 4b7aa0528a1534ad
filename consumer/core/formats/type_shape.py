"""What types say of one place of an event: kinds, fields, items, constants. A union is all of its branches at once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from consumer.core.formats.event_schema import Kind, PathImpossible

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from consumer.core.formats.event_types import EventType

_KINDS: dict[str, tuple[Kind, ...]] = {
    "null": ("null",),
    "boolean": ("boolean",),
    "int": ("integer",),
    "long": ("integer",),
    "float": ("number", "integer"),
    "double": ("number", "integer"),
    "bytes": ("bytes",),
    "fixed": ("bytes",),
    "string": ("string",),
    "enum": ("string",),
    "array": ("array",),
    "map": ("object",),
    "record": ("object",),
    "any": get_args(Kind),
}
_FORMATS = {"date": "date", "timestamp": "date-time"}
_EXAMPLES = {
    "date": "2026-03-01",
    "time": "09:30:00",
    "timestamp": "2026-03-01T09:30:00Z",
    "local-timestamp": "2026-03-01T09:30:00",
    "uuid": "0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01",
    "duration": "1.5s",
}
_KINDS_OF_CONSTANTS: dict[type, tuple[Kind, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer",),
    float: ("number",),
    type(None): ("null",),
}


class TypeShape:
    """The shape of a place where a value is of any of these types."""

    def __init__(self, types: Iterable[EventType]) -> None:
        self._types = tuple({id(each): each for each in _branches(types)}.values())

    @cached_property
    def identity(self) -> Hashable:
        """The types that may stand here."""
        return tuple(map(id, self._types))

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """What values of these types are in an event."""
        return frozenset(kind for each in self._types for kind in _kinds(each))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields of the records."""
        return tuple(dict.fromkeys(field.name for each in self._types for field in each.fields))

    @cached_property
    def is_open(self) -> bool:
        """Whether it may be a map, or anything."""
        return any(each.kind in ("map", "any") for each in self._types)

    def field(self, name: str) -> TypeShape:
        """What stands in the field `name`: of a record, of a map, or of anything."""
        found = [field.type for each in self._types for field in each.fields if field.name == name]
        found += [each.inner[0] for each in self._types if each.kind in ("map", "any")]
        if not found:
            raise PathImpossible(name, self.names, f"the schema has no {name!r} there")
        return TypeShape(found)

    def item(self, index: int | None = None) -> TypeShape:
        """What stands in a list; the same at every index."""
        del index
        return TypeShape(each.inner[0] for each in self._types if each.kind in ("array", "any"))

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The symbols of enums."""
        return tuple(dict.fromkeys(symbol for each in self._types for symbol in each.symbols))

    def said(self, keyword: str) -> tuple[Any, ...]:
        """The formats of times and examples, in JSON Schema's words; of its other keywords these types have none."""
        if keyword == "examples":
            return tuple((example,) for each in self._types if (example := _example(each)) is not None)
        if keyword != "format":
            return ()
        logical = [each.logical.rpartition("-")[0] or each.logical for each in self._types if each.logical]
        return tuple(_FORMATS[each] for each in logical if each in _FORMATS)

    def allows(self, constant: Any) -> bool:  # noqa: ANN401 - any JSON scalar
        """Whether a value may be this constant; of an enum, only its symbols."""
        whole = isinstance(constant, float) and constant.is_integer()
        wanted: tuple[Kind, ...] = ("integer",) if whole else _KINDS_OF_CONSTANTS[constant.__class__]
        fitting = [each for each in self._types if not set(wanted).isdisjoint(_kinds(each))]
        return any(each.kind != "enum" or constant in each.symbols for each in fitting)


def _example(of: EventType) -> Any:  # noqa: ANN401 - any JSON value
    """A value as a case has it, where that does not show from its kind."""
    if of.kind == "fixed" and not of.logical:
        return "0" * of.size
    if of.logical == "decimal":
        return 12.5 if of.scale else 12
    return _EXAMPLES.get(of.logical.removesuffix("-millis").removesuffix("-micros").removesuffix("-nanos"))


def _branches(types: Iterable[EventType]) -> Iterator[EventType]:
    for each in types:
        if each.kind == "union":
            yield from _branches(each.inner)
        else:
            yield each


def _kinds(of: EventType) -> tuple[Kind, ...]:
    if of.logical == "decimal":
        return "number", "integer"
    return ("string",) if of.logical else _KINDS[of.kind]
