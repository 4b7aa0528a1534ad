"""An event made up from its schema, for a first case."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from consumer.authoring.event_fields import EventField
    from consumer.core.formats.event_schema import Shape
    from consumer.core.paths import Step

_DEEPEST = 8
_MOST_ITEMS = 20
_SCALARS = frozenset({"string", "number", "integer", "boolean"})
_FORMATS = {
    "date-time": "2026-03-01T09:30:00Z",
    "date": "2026-03-01",
    "time": "09:30:00Z",
    "email": "ann@example.com",
    "uuid": "0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
}
_EPOCH = 1772357400000
_CUSTOMER, _VISITOR = "c-1001", "1368007744041-575948.01_00"
_TOKEN = re.compile(
    r"(?:\[(?P<set>\^?(?:\\.|[^\]])+)\]|\\(?P<escaped>.)|(?P<literal>[^\\\[\](){}|*+?]))(?P<many>\{\d+(?:,\d*)?\}|[*+?])?"
)
_OF_A_CLASS = {"d": "0", "w": "a", "s": " "}


class Sampler:
    """Makes events of one schema; `customer`, `visitor` and `times` are the fields that need values of a kind."""

    def __init__(self, customer: EventField | None, visitor: EventField | None, times: Collection[EventField]) -> None:
        self._texts: dict[tuple[Step, ...], str] = {field.path.steps: _FORMATS["date-time"] for field in times}
        self._everything = True
        self._numbers: dict[tuple[Step, ...], int] = {field.path.steps: _EPOCH for field in times}
        if customer is not None:
            self._texts[customer.path.steps] = _CUSTOMER
        if visitor is not None:
            self._texts[visitor.path.steps] = _VISITOR

    def event(self, shape: Shape, *, everything: bool = True) -> Any:  # noqa: ANN401 - any value of an event
        """An event with every field, or only with those that the schema requires."""
        self._everything = everything
        return self._value(shape, (), ())

    def _value(self, shape: Shape, steps: tuple[Step, ...], above: tuple[Hashable, ...]) -> Any:  # noqa: ANN401 - any value of an event
        if examples := [*[each for listed in shape.said("examples") for each in listed], *shape.said("default")]:
            return examples[0]
        if shape.constants:
            return shape.constants[0]
        kinds = shape.kinds
        deep, above = len(steps) >= _DEEPEST, (*above, shape.identity)
        if "object" in kinds and (shape.names or not kinds & _SCALARS):
            names = () if deep else self._names(shape, above)
            return {name: self._value(shape.field(name), (*steps, name), above) for name in names}
        if "array" in kinds and not kinds & _SCALARS:
            return [] if deep else self._items(shape, steps, above)
        return self._scalar(shape, steps)

    def _items(self, shape: Shape, steps: tuple[Step, ...], above: tuple[Hashable, ...]) -> list[Any]:
        least = max(shape.said("minItems"), default=0)
        if not least and shape.item().identity in above:
            return []
        item = self._value(shape.item(), (*steps, 0), above)
        count = max(1, min(least, _MOST_ITEMS))
        if isinstance(item, str) and any(shape.said("uniqueItems")):
            return [item, *[f"{item}{number}" for number in range(2, count + 1)]]
        return [item] * count

    def _names(self, shape: Shape, above: tuple[Hashable, ...]) -> list[str]:
        """The fields to make up: what contains itself is left out where it can be."""
        required = {name for names in shape.said("required") for name in names}
        return [
            name
            for name in shape.names
            if name in required or (self._everything and shape.field(name).identity not in above)
        ]

    def _scalar(self, shape: Shape, steps: tuple[Step, ...]) -> Any:  # noqa: ANN401 - any value of an event
        kinds = shape.kinds
        if "string" in kinds:
            return self._text(shape, steps)
        if "integer" in kinds or "number" in kinds:
            return self._number(shape, steps)
        if "boolean" in kinds:
            return True
        return None if "null" in kinds else ""

    def _text(self, shape: Shape, steps: tuple[Step, ...]) -> str:
        if patterns := shape.said("pattern"):
            text = matching(patterns[0])
        elif formats := [_FORMATS[each] for each in shape.said("format") if each in _FORMATS]:
            text = formats[0]
        else:
            text = self._texts.get(steps) or next(
                (str(step) for step in reversed(steps) if isinstance(step, str) and step), "text"
            )
        least, most = max(shape.said("minLength"), default=0), min(shape.said("maxLength"), default=len(text) + 256)
        return text.ljust(least, "x")[:most]

    def _number(self, shape: Shape, steps: tuple[Step, ...]) -> float:
        if steps in self._numbers:
            return self._numbers[steps]
        number = 12.5 if "number" in shape.kinds else 12
        least = max([*shape.said("minimum"), *[bound + 1 for bound in shape.said("exclusiveMinimum")]], default=number)
        most = min([*shape.said("maximum"), *[bound - 1 for bound in shape.said("exclusiveMaximum")]], default=number)
        if factors := [each for each in shape.said("multipleOf") if each > 0]:
            return _multiple(max(number, least), factors[0])
        return float(most) if number > most and isinstance(most, float) else min(max(number, least), max(most, least))


def _multiple(least: float, factor: float) -> float:
    """The first multiple that is not smaller."""
    return math.ceil(least / factor) * factor


def matching(pattern: str) -> str:
    """A text that a simple pattern matches; for one with groups and alternatives, any text."""
    text, at = "", 0
    inner = pattern.removeprefix("^").removesuffix("$")
    while at < len(inner):
        token = _TOKEN.match(inner, at)
        if token is None:
            return "text"
        text += _character(token) * _times(token["many"])
        at = token.end()
    return text


def _character(token: re.Match[str]) -> str:
    if token["literal"] is not None:
        return "a" if token["literal"] == "." else token["literal"]
    if token["escaped"] is not None:
        return _OF_A_CLASS.get(token["escaped"], token["escaped"])
    characters = re.compile(f"[{token['set']}]")
    return next((each for each in "aA0-_. " if characters.fullmatch(each)), token["set"][-1])


def _times(many: str | None) -> int:
    return 1 if many is None or many in "+?*" else int(re.findall(r"\d+", many)[0])
