"""The transforms of an attribute's value, each checked when its mapping is loaded.

A transform takes one value that is something (never None or empty text) and returns the next; on a list it works item
by item, except `join`. One that fails raises `Fault`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, NamedTuple

from consumer.core.files.yaml_nodes import Map, Node, Scalar, json_text
from consumer.core.times import TimeInvalid, format_writer, read_moment, time_zone
from consumer.core.values import NUMERIC_TEXT, Fault, exact_decimal, kind_of, text_of

Change = Callable[[Any], Any]

_MOST_DECIMALS = 12
_WIDEST = 10_000
_PRECISE = Context(prec=1000, rounding=ROUND_HALF_UP)
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
_BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)


class TransformInvalid(ValueError):
    """A transform as written can't work; the message says what to write."""


class Transform(NamedTuple):
    """One step of a chain; `joins` is true for the one that takes a list as a whole, `told` is its argument as JSON."""

    name: str
    change: Change
    joins: bool = False
    told: str = ""


class Told(NamedTuple):
    """A transform with an argument: what makes it, how it is written, and the JSON Schema of what it may be told."""

    build: Callable[[Node], Change]
    example: str
    schema: dict[str, Any]


def read_transform(node: Node) -> Transform:
    """The transform in one item of a `transform:` list.

    Raises:
        TransformInvalid: with what to write.
    """
    name, argument = _name_and_argument(node)
    if name in _PLAIN:
        if argument is not None:
            raise TransformInvalid(f"{name} takes nothing; write it alone: {name}")
        return Transform(name, _PLAIN[name])
    if name not in TOLD:
        near = get_close_matches(name, (*_PLAIN, *TOLD), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join((*_PLAIN, *TOLD))}"
        raise TransformInvalid(f"no transform {name!r}; {hint}")
    told = TOLD[name]
    if argument is None:
        raise TransformInvalid(f"{name} needs to be told how: {told.example}")
    return Transform(name, told.build(argument), name == "join", json_text(argument))


def apply_transforms(value: Any, transforms: tuple[Transform, ...]) -> Any:  # noqa: ANN401 - any value of an event
    """`value` after every transform; nothing (None or empty text) stays nothing.

    Raises:
        Fault: `transform_failed` naming the transform, `value_not_scalar` or `value_not_exact`.
    """
    for name, change, joins, _ in transforms:
        if value is None or value == "":
            return None
        try:
            if value.__class__ is list and not joins:
                value = [None if item is None or item == "" else change(item) for item in value]
            else:
                value = change(value)
        except _Failed as failure:
            raise Fault("transform_failed", f"transform {name}: {failure}") from None
    return value


class _Failed(Exception):
    """A transform can't take this value; the text holds nothing of it."""


def _name_and_argument(node: Node) -> tuple[str, Node | None]:
    if isinstance(node, Scalar):
        return node.text, None
    if isinstance(node, Map) and len(node.entries) == 1:
        ((key, argument),) = node
        return key.text, argument
    raise TransformInvalid("one transform an item: a name such as trim, or a map of one such as {round: 2}")


def _digits(value: Any) -> str:  # noqa: ANN401 - any value of an event
    return "".join([character for character in text_of(value) if character in "0123456789"])


def _int(value: Any) -> int:  # noqa: ANN401 - any value of an event
    if value.__class__ is int:
        return int(value)
    if value.__class__ is float or value.__class__ is Decimal:
        number = exact_decimal(value) if value.__class__ is float else value
        if number != int(number):
            raise _Failed("a number with a fraction")
        return int(number)
    text = text_of(value).strip()
    if not _INTEGER_TEXT.fullmatch(text) or len(text) > _PRECISE.prec:
        raise _Failed("not a whole number")
    return int(text.partition(".")[0])


def _bool(value: Any) -> bool:  # noqa: ANN401 - any value of an event
    truth = _BOOLEANS.get(text_of(value).strip().lower())
    if truth is None:
        raise _Failed("none of true/false, yes/no, on/off, 1/0")
    return truth


_PLAIN: dict[str, Change] = {
    "trim": lambda value: text_of(value).strip(),
    "lower": lambda value: text_of(value).lower(),
    "upper": lambda value: text_of(value).upper(),
    "digits": _digits,
    "sha256": lambda value: hashlib.sha256(text_of(value).encode()).hexdigest(),
    "md5": lambda value: hashlib.md5(text_of(value).encode(), usedforsecurity=False).hexdigest(),
    "string": text_of,
    "int": _int,
    "bool": _bool,
}
NOT_OF_BOOLEANS = ("int", "round", "date")
"""The transforms that fail for every boolean."""
PLAIN = tuple(_PLAIN)
"""The transforms that are told nothing."""


def _whole(node: Node, name: str, least: int, most: int | None = None) -> int:
    value = node.json if isinstance(node, Scalar) else None
    if value.__class__ is not int or not isinstance(value, int) or value < least or (most is not None and value > most):
        bound = f"from {least} to {most}" if most is not None else f"of {least} or more"
        raise TransformInvalid(f"{name}: write a whole number {bound}")
    return value


def _written(node: Node, name: str, *, empty: bool = False) -> str:
    if not isinstance(node, Scalar):
        raise TransformInvalid(f"{name}: write text")
    if not node.text and not empty:
        raise TransformInvalid(f"{name}: the text is empty")
    return node.text


def _texts(node: Node, name: str) -> dict[str, str]:
    if not isinstance(node, Map) or not node.entries:
        raise TransformInvalid(f"{name}: write a map of texts such as {{{name}: {{gold: tier1}}}}")
    return {entry.key.text: _written(entry.value, name, empty=True) for entry in node}


def _options(node: Node, name: str, known: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Node]:
    if not isinstance(node, Map):
        raise TransformInvalid(f"{name}: write {TOLD[name].example}")
    for key, _ in node:
        if key.text not in known:
            near = get_close_matches(key.text, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise TransformInvalid(f"{name}: no option {key.text!r}; {hint}")
    for option in required:
        if option not in node.entries:
            raise TransformInvalid(f"{name}: {option} is missing; write {TOLD[name].example}")
    return {key: entry.value for key, entry in node.entries.items()}


def _round(node: Node) -> Change:
    decimals = _whole(node, "round", 0, _MOST_DECIMALS)
    step = Decimal(1).scaleb(-decimals)

    def change(value: Any) -> int | Decimal:  # noqa: ANN401 - any value of an event
        if value.__class__ is int:
            return int(value)
        if value.__class__ is float:
            number = exact_decimal(value)
        elif value.__class__ is Decimal:
            number = value
        else:
            text = text_of(value).strip()
            if not NUMERIC_TEXT.fullmatch(text):
                raise _Failed("not a number")
            number = Decimal(text)
        try:
            return number.quantize(step, context=_PRECISE)
        except InvalidOperation:
            raise _Failed("a number with too many digits") from None

    return change


def _date(node: Node) -> Change:
    options = {"format": node} if isinstance(node, Scalar) else _options(node, "date", ("format", "zone"), ("format",))
    try:
        write = format_writer(_written(options["format"], "date"))
        zone = time_zone(_written(options["zone"], "date: zone") if "zone" in options else "UTC")
    except TimeInvalid as fault:
        raise TransformInvalid(f"date: {fault}") from None

    def change(value: Any) -> str:  # noqa: ANN401 - any value of an event
        try:
            return write(read_moment(value, zone))
        except TimeInvalid as fault:
            if isinstance(value, (dict, list)):
                raise Fault("value_not_scalar", f"{kind_of(value)} is no time") from None
            raise _Failed(str(fault)) from None

    return change


def _truncate(node: Node) -> Change:
    length = _whole(node, "truncate", 1)
    return lambda value: text_of(value)[:length]


def _replace(node: Node) -> Change:
    texts = _texts(node, "replace")
    if "" in texts:
        raise TransformInvalid("replace: an empty text stands everywhere; write what to replace")
    pattern = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
    return lambda value: pattern.sub(lambda match: texts[match[0]], text_of(value))


def _lookup(node: Node) -> Change:
    texts = _texts(node, "lookup")
    return lambda value: texts.get(text_of(value))


def _join(node: Node) -> Change:
    separator = _written(node, "join", empty=True)

    def change(value: Any) -> str:  # noqa: ANN401 - any value of an event
        if value.__class__ is not list:
            raise (
                Fault("value_not_scalar", "an object is no list") if value.__class__ is dict else _Failed("not a list")
            )
        return separator.join([text_of(item) for item in value if item is not None and item != ""])

    return change


def _prefix(node: Node) -> Change:
    text = _written(node, "prefix")
    return lambda value: text + text_of(value)


def _suffix(node: Node) -> Change:
    text = _written(node, "suffix")
    return lambda value: text_of(value) + text


def _pad(node: Node) -> Change:
    options = _options(node, "pad", ("width", "with", "side"), ("width",))
    width = _whole(options["width"], "pad: width", 1, _WIDEST)
    character = _written(options["with"], "pad: with") if "with" in options else " "
    if len(character) != 1:
        raise TransformInvalid("pad: with is one character")
    side = _written(options["side"], "pad: side") if "side" in options else "left"
    if side not in ("left", "right"):
        raise TransformInvalid("pad: side is left or right")
    if side == "left":
        return lambda value: text_of(value).rjust(width, character)
    return lambda value: text_of(value).ljust(width, character)


_TEXT = {"type": ["string", "number", "boolean"], "minLength": 1}
_FORMAT = {"type": "string", "pattern": "%[^%]"}
_ANY_TEXT = {"type": ["string", "number", "boolean", "null"]}
_TEXTS = {"type": "object", "minProperties": 1, "additionalProperties": _ANY_TEXT}
_CHARACTER = {"type": ["string", "integer"], "minLength": 1, "maxLength": 1, "minimum": 0, "maximum": 9}


def _options_schema(required: str, **options: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": options, "required": [required], "additionalProperties": False}


TOLD: dict[str, Told] = {
    "round": Told(_round, "{round: 2}", {"type": "integer", "minimum": 0, "maximum": _MOST_DECIMALS}),
    "date": Told(
        _date,
        '{date: "%Y-%m-%d"} or {date: {format: "%Y-%m-%d", zone: Europe/Amsterdam}}',
        {"anyOf": [_FORMAT, _options_schema("format", format=_FORMAT, zone={"type": "string", "minLength": 1})]},
    ),
    "truncate": Told(_truncate, "{truncate: 256}", {"type": "integer", "minimum": 1}),
    "replace": Told(_replace, "{replace: {a: b}}", _TEXTS | {"propertyNames": {"minLength": 1}}),
    "lookup": Told(_lookup, "{lookup: {gold: tier1}}", _TEXTS),
    "join": Told(_join, '{join: ","}', _ANY_TEXT),
    "prefix": Told(_prefix, "{prefix: x}", _TEXT),
    "suffix": Told(_suffix, "{suffix: x}", _TEXT),
    "pad": Told(
        _pad,
        '{pad: {width: 8, with: "0", side: left}}',
        _options_schema(
            "width",
            width={"type": "integer", "minimum": 1, "maximum": _WIDEST},
            **{"with": _CHARACTER},
            side={"enum": ["left", "right"]},
        ),
    ),
}
"""The transforms that are told how."""
