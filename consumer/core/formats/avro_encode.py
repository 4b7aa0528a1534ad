"""Events written as JSON (in cases) to Avro bodies: the inverse of decoding, so moments are texts, decimals numbers."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, DecimalException
from functools import partial
from typing import TYPE_CHECKING, Any

from consumer.core.event import NotEncodable
from consumer.core.files.problems import suggestion
from consumer.core.times import TimeInvalid, read_moment
from consumer.core.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.formats.event_types import EventType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MANY_DIGITS = Context(prec=2000)
_PER_MICROSECOND = {"millis": Decimal("0.001"), "micros": Decimal(1), "nanos": Decimal(1000)}


def encode_avro(of: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The body of an event.

    Raises:
        NotEncodable: it is none of that type; the message says where.
    """
    try:
        return _encoded(of, value, "event")
    except RecursionError:
        raise NotEncodable("event: nested too deeply, or a default of the schema that contains itself") from None


def _encoded(of: EventType, value: Any, place: str) -> bytes:  # noqa: ANN401 - any JSON value
    if of.kind == "union":
        return _union(of, value, place)
    if of.kind == "record":
        return _record(of, value, place)
    if of.kind in ("array", "map"):
        return _items(of, value, place)
    try:
        return _SCALARS[of.kind](of, _LOGICAL.get(of.logical, _as_it_is)(of, value))
    except (TypeError, ValueError, AttributeError, OverflowError, struct.error, DecimalException, TimeInvalid):
        what = f"one of {', '.join(of.symbols)}" if of.kind == "enum" else of.logical or of.kind
        hint = f"; write {_WRITTEN[of.logical](of)}" if of.logical in _WRITTEN else ""
        if of.kind == "string" and not of.logical and isinstance(value, (int, float)):
            hint = "; write it in quotes"
        raise NotEncodable(f"{place}: the schema has {what}, not this {kind_of(value).split()[-1]}{hint}") from None


def _union(of: EventType, value: Any, place: str) -> bytes:  # noqa: ANN401 - any JSON value
    fault = NotEncodable(f"{place}: the schema's union is empty")
    for index, branch in enumerate(of.inner):
        try:
            return _number(index) + _encoded(branch, value, place)
        except NotEncodable as unfit:
            fault = unfit
    raise fault


def _record(of: EventType, value: Any, place: str) -> bytes:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict):
        raise NotEncodable(f"{place}: the schema has an object, {of.name}, not {kind_of(value)}")
    known = [field.name for field in of.fields]
    for name in value.keys() - known:
        raise NotEncodable(f"{place}: the schema has no field {name!r}; {suggestion(name, known)}")
    body = b""
    for field in of.fields:
        if field.name not in value and not field.optional:
            raise NotEncodable(f"{place}: the field {field.name} is missing, and the schema has no default for it")
        body += _encoded(field.type, value.get(field.name, field.default), f"{place}.{field.name}")
    return body


def _items(of: EventType, value: Any, place: str) -> bytes:  # noqa: ANN401 - any JSON value
    kind = list if of.kind == "array" else dict
    if not isinstance(value, kind):
        raise NotEncodable(f"{place}: the schema has {kind_of(kind())}, not {kind_of(value)}")
    pairs = enumerate(value) if isinstance(value, list) else value.items()
    items = [
        (_text(key) if isinstance(key, str) else b"") + _encoded(of.inner[0], item, f"{place}[{key!r}]")
        for key, item in pairs
    ]
    return (_number(len(items)) + b"".join(items) if items else b"") + b"\0"


def _number(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _text(value: str) -> bytes:
    content = value.encode()
    return _number(len(content)) + content


def _only(kind: type, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if value.__class__ is not kind:
        raise TypeError
    return value


def _null(_: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    _only(type(None), value)
    return b""


def _integer(bits: int, _: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    number: int = _only(int, value)
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise OverflowError
    return _number(number)


def _float(form: str, _: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return struct.pack(form, value if value.__class__ is float else _only(int, value))


def _bytes(of: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """As in Avro's own JSON: a text whose characters are the bytes."""
    content = value if isinstance(value, bytes) else _only(str, value).encode("latin-1")
    if of.kind == "bytes":
        return _number(len(content)) + content
    if len(content) != of.size:
        raise ValueError
    return content


_SCALARS: dict[str, Callable[[EventType, Any], bytes]] = {
    "null": _null,
    "boolean": lambda _, value: bytes([_only(bool, value)]),
    "int": partial(_integer, 32),
    "long": partial(_integer, 64),
    "float": partial(_float, "<f"),
    "double": partial(_float, "<d"),
    "bytes": _bytes,
    "fixed": _bytes,
    "string": lambda _, value: _text(_only(str, value)),
    "enum": lambda of, value: _number(of.symbols.index(value)),
}


def _as_it_is(_: EventType, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


def _decimal(of: EventType, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    if value.__class__ not in (int, float, str):
        raise TypeError
    unscaled = Decimal(str(value)).scaleb(of.scale, _MANY_DIGITS)
    whole = int(unscaled)
    if whole != unscaled:
        raise ValueError
    size = of.size if of.kind == "fixed" else (whole + (whole < 0)).bit_length() // 8 + 1
    return whole.to_bytes(size, "big", signed=True)


def _moment(of: EventType, value: Any) -> int:  # noqa: ANN401 - any JSON value
    text: str = _only(str, value)
    if of.logical.startswith("local"):
        text += "Z"
    elif of.logical.startswith("time-"):
        text = f"1970-01-01T{text}Z"
    microseconds = (read_moment(text) - _EPOCH) // _MICROSECOND
    return int(microseconds * _PER_MICROSECOND[of.logical.rpartition("-")[2]])


def _date(_: EventType, value: Any) -> int:  # noqa: ANN401 - any JSON value
    return (read_moment(_only(str, value)) - _EPOCH).days


def _uuid(of: EventType, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return bytes.fromhex(_only(str, value).replace("-", "")) if of.kind == "fixed" else value


_LOGICAL: dict[str, Callable[[EventType, Any], Any]] = {
    "decimal": _decimal,
    "date": _date,
    "uuid": _uuid,
} | dict.fromkeys(
    (f"{family}-{unit}" for family in ("time", "timestamp", "local-timestamp") for unit in _PER_MICROSECOND), _moment
)

_WRITTEN: dict[str, Callable[[EventType], str]] = (
    {
        "decimal": lambda of: f"a number or text with at most {of.scale} decimals",
        "date": lambda _: '"2026-03-01"',
        "uuid": lambda _: '"0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01"',
    }
    | dict.fromkeys((f"time-{unit}" for unit in _PER_MICROSECOND), lambda _: '"09:30:00"')
    | dict.fromkeys((f"timestamp-{unit}" for unit in _PER_MICROSECOND), lambda _: '"2026-03-01T09:30:00Z"')
    | dict.fromkeys((f"local-timestamp-{unit}" for unit in _PER_MICROSECOND), lambda _: '"2026-03-01T09:30:00"')
)
"""How a value of a logical type is written in a case."""
