"""Scalars of Avro: what a reader's schema takes for what, what logical types mean, what defaults are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from consumer.core.event import DecodeFailed
from consumer.core.formats import wire_values
from consumer.core.formats.avro_body import (
    Body,
    read_boolean,
    read_bytes,
    read_double,
    read_float,
    read_long,
    read_null,
    read_string,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from consumer.core.formats.event_types import EventField, EventType

Read = Callable[[Body], Any]
Convert = Callable[[Any], Any]

_LONGEST_DECIMAL: Final = 1024  # bytes
_UNITS = {"": 1, "millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}  # in a second


class Unreadable(Exception):
    """A reader's schema has no place for what was written; the message names types and fields, no values."""


_READS: dict[str, Read] = {
    "null": read_null,
    "boolean": read_boolean,
    "int": read_long,
    "long": read_long,
    "float": read_float,
    "double": read_double,
    "bytes": read_bytes,
    "string": read_string,
}
_PROMOTIONS: dict[str, dict[str, Convert | None]] = {
    "int": {"int": None, "long": None, "float": float, "double": float},
    "long": {"long": None, "float": float, "double": float},
    "float": {"float": None, "double": None},
    "string": {"string": None, "bytes": str.encode},
    "bytes": {"bytes": None, "string": bytes.decode},
}


def scalar(writer: EventType, reader: EventType) -> Read | None:
    """What reads a scalar of `writer` as one of `reader`; None when these are no scalars, or have nothing in common."""
    promotions = _PROMOTIONS.get(writer.kind, {writer.kind: None})
    if writer.kind not in _READS or reader.kind not in promotions:
        return None
    read = _READS[writer.kind]
    for convert in (promotions[reader.kind], logical(writer, reader)):
        if convert is not None:
            read = partial(_converted, read, convert)
    return read


def _converted(read: Read, convert: Convert, body: Body) -> Any:  # noqa: ANN401 - a scalar
    return convert(read(body))


def logical(writer: EventType, reader: EventType) -> Convert | None:
    """What the reader's logical type makes of a value; its unit and scale are those it was written with, if it was."""
    family, unit = _family(reader.logical)
    written_as, written_unit = _family(writer.logical)
    if written_as != family:
        written_unit = unit
    if family == "decimal":
        return partial(_decimal, writer.scale if written_as == family else reader.scale)
    if family == "uuid" and reader.kind == "fixed":
        return _uuid
    if family in _TEXTS:
        return partial(_TEXTS[family], _UNITS[written_unit])
    return None


def _family(logical_type: str) -> tuple[str, str]:
    family, _, unit = logical_type.rpartition("-")
    return (family, unit) if family and unit in _UNITS else (logical_type, "")


def _decimal(scale: int, unscaled: bytes) -> Decimal:
    if len(unscaled) > _LONGEST_DECIMAL:
        raise DecodeFailed(f"a decimal of more than {_LONGEST_DECIMAL} bytes")
    return wire_values.exact_decimal(unscaled, scale)


def _uuid(value: bytes) -> str:
    digits = value.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_TEXTS: dict[str, Callable[[int, int], str]] = {
    "date": lambda _, days: wire_values.date_text(days),
    "time": lambda per_second, count: wire_values.time_text(count, per_second),
    "timestamp": lambda per_second, count: wire_values.moment_text(count, per_second),
    "local-timestamp": lambda per_second, count: wire_values.moment_text(count, per_second, ""),
}


def default_of(field: EventField, of: EventType) -> Any:  # noqa: ANN401 - any value of an event
    """What a field of the record `of` holds when it was not written.

    Raises:
        Unreadable: it has no default, or one that is none of its type.
    """
    if not field.optional:
        raise Unreadable(f"{of.name}.{field.name} was not written, and the reader's schema has no default for it")
    try:
        return _default(field.type, field.default)
    except (TypeError, ValueError, AttributeError):
        raise Unreadable(f"the default of {of.name}.{field.name} is none of its type") from None
    except RecursionError:
        raise Unreadable(f"the default of {of.name}.{field.name} contains itself") from None


def _default(of: EventType, value: Any) -> Any:  # noqa: ANN401 - JSON in, a value of an event out
    if of.kind == "union":
        return _default(_branch_of(of, value), value)
    if of.kind == "record":
        return {
            field.name: _default(field.type, value[field.name]) if field.name in value else default_of(field, of)
            for field in of.fields
        }
    if of.kind == "array":
        return [_default(of.inner[0], item) for item in value]
    if of.kind == "map":
        return {name: _default(of.inner[0], item) for name, item in value.items()}
    if type(value) not in _JSON_OF[of.kind]:
        raise TypeError
    if of.kind in ("float", "double"):
        return float(value)
    convert = logical(of, of)
    raw = value.encode("latin-1") if of.kind in ("bytes", "fixed") else value
    return convert(raw) if convert else raw


def _branch_of(union: EventType, value: Any) -> EventType:  # noqa: ANN401 - any JSON value
    for branch in union.inner:
        if value.__class__ in _JSON_OF[branch.kind]:
            return branch
    raise TypeError


_JSON_OF: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "int": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "bytes": (str,),
    "string": (str,),
    "enum": (str,),
    "fixed": (str,),
    "array": (list,),
    "map": (dict,),
    "record": (dict,),
}
