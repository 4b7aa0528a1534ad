"""Values on their way into an expression and out of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.core.expressions.reads import Reads, Use
from consumer.core.formats.event_schema import PathImpossible
from consumer.core.values import Fault

if TYPE_CHECKING:
    from cel_expr_python import cel

    from consumer.core.formats.event_schema import Shape

Convert = Callable[[Any], Any]

MOST_ITEMS = 10_000
"""Of one list or object; all that one variable holds may be 10 times as many values."""
MOST_ITEMS_BUILT = 1_000
"""The same under `map` or `filter`: CEL copies the list for each item (10,000 would take 1.5 GB)."""
MOST_CHARACTERS_SPLIT = 1_000_000
"""Of a text that is made a list and looked at as a whole."""


class Limits(NamedTuple):
    """How much CEL is given: `items` of one list or object, `characters` of one text (None: any number)."""

    items: int
    characters: int | None


def limits(reads: Reads) -> Limits:
    """The limits of an expression that reads so.

    CEL keeps whatever text it makes until it is done: 9,000 items, and for each of them a text of a megabyte in lower
    case, took all memory.
    """
    if reads.builds_lists:
        return Limits(MOST_ITEMS_BUILT, MOST_ITEMS_BUILT if reads.splits else MOST_ITEMS)
    if reads.repeats:
        return Limits(MOST_ITEMS, MOST_ITEMS)
    return Limits(MOST_ITEMS, MOST_CHARACTERS_SPLIT if reads.splits else None)


class Unreadable(Exception):
    """A value can't be handed to CEL; the text says why and holds nothing of it."""


def converter(shape: Shape | None, use: Use, most: Limits, *, as_range: bool = False) -> Convert:
    """What makes CEL's value of an event's value: only what is used of it, numbers as the schema has them.

    A whole number becomes a double where the schema says `number`. `as_range` makes of an object the list of its names:
    CEL goes through an object in any order, another one each time.

    Raises (what it returns): Unreadable.
    """
    kinds = shape.kinds - {"null"} if shape is not None else frozenset()
    if kinds == {"number", "integer"}:
        return _to_double
    if kinds == {"integer"}:
        return _to_integer
    if kinds == {"boolean"} or (kinds == {"string"} and most.characters is None):
        return _to_scalar

    def convert(value: Any) -> Any:  # noqa: ANN401 - any value of an event
        conversion = _Conversion(most)
        try:
            if as_range and value.__class__ is dict:
                return conversion.names(value)
            return conversion.convert(value, shape, use)
        except RecursionError:
            raise Unreadable("an object or list nested too deeply for an expression") from None

    return convert


def result_of(result: cel.Value) -> Any:  # noqa: ANN401 - any result
    """The value that an expression's result is for transforms and text; a moment becomes RFC 3339 text.

    Lists are gone through here: the library's own `plain_value` ends the process at a map that holds an optional.

    Raises:
        Fault: `value_not_scalar` for a map, a duration, bytes.
        TypeError: Of the library, for an optional in a list.
    """
    value = result.value()
    if value is None or value.__class__ in (str, bool, int, float):
        return value
    if value.__class__ is list:
        return [result_of(item) for item in value]
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat().removesuffix("+00:00")
        return f"{text.rstrip('0') if '.' in text else text}Z"
    kind = {dict: "a map", bytearray: "bytes"}.get(value.__class__, "a duration or a type")
    raise Fault("value_not_scalar", f"the expression gives {kind}, which is no text")


def _to_double(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    return float(value) if value.__class__ in (int, Decimal) else _to_scalar(value)


def _to_integer(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    return int(value) if value.__class__ is float and value.is_integer() else _to_scalar(value)


def _to_scalar(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    if value.__class__ is str and "\0" in value:
        raise Unreadable("text with a NUL character, which an expression can't read")
    return value


_NUMERIC = frozenset({"number", "integer", "null"})
_WHOLE = Use()


class _Conversion:
    """One value with all that is in it."""

    def __init__(self, most: Limits) -> None:
        self._most = most
        self._left = 10 * MOST_ITEMS

    def convert(self, value: Any, shape: Shape | None, use: Use) -> Any:  # noqa: ANN401 - any value of an event
        if value.__class__ is list:
            return self._list(value, shape, use)
        if value.__class__ is dict:
            return self._object(value, shape, use)
        if value.__class__ is str:
            return self._text(value)
        kinds = shape.kinds if shape is not None else frozenset()
        if value.__class__ is Decimal or ("number" in kinds and not kinds - _NUMERIC):
            return _to_double(value)
        if "integer" in kinds and not kinds - _NUMERIC:
            return _to_integer(value)
        return _to_double(value) if use.in_doubles else value

    def _text(self, value: str) -> str:
        if self._most.characters is not None and len(value) > self._most.characters:
            raise Unreadable(f"text of more than {self._most.characters} characters, too long for this expression")
        return str(_to_scalar(value))

    def _list(self, value: list[Any], shape: Shape | None, use: Use) -> list[Any]:
        self._count(len(value), "a list", "items")
        inner = _WHOLE if use.whole or use.items is None else use.items
        item = shape.item() if shape is not None and "array" in shape.kinds else None
        return [self.convert(each, item, inner) for each in value]

    # To CEL null would be something: `has` of it true, `?` of it an optional that has a value.
    def _object(self, value: dict[str, Any], shape: Shape | None, use: Use) -> Any:  # noqa: ANN401 - a dict, or names
        if use.items is not None and not use.whole and not use.fields:
            return self.names(value)  # it is only gone through
        if self._most.items == MOST_ITEMS_BUILT and (use.ranged or use.items is not None):
            raise Unreadable("an object that map or filter goes through, and its fields have no order")
        whole = use.whole or not use.fields
        names = [name for name in (value if whole else use.fields) if value.get(name) is not None]
        self._count(len(names), "an object", "fields")
        return {
            self._text(name): self.convert(value[name], _field(shape, name), _WHOLE if whole else use.fields[name])
            for name in names
        }

    def names(self, value: dict[str, Any]) -> list[str]:
        """The names of the fields of an object, in its order, to be gone through."""
        names = [self._text(name) for name, inner in value.items() if inner is not None]
        self._count(len(names), "an object", "fields")
        return names

    def _count(self, values: int, what: str, of: str) -> None:
        if values > self._most.items:
            raise Unreadable(f"{what} of more than {self._most.items} {of}")
        self._left -= values
        if self._left < 0:
            raise Unreadable(f"more than {10 * MOST_ITEMS} values under one expression")


def _field(shape: Shape | None, name: str) -> Shape | None:
    if shape is None or "object" not in shape.kinds:
        return None
    try:
        return shape.field(name)
    except PathImpossible:
        return None
