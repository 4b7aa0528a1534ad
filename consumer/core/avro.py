"""Avro bodies to values, as written or as a reader's schema sees them (its resolution by the Avro specification).

A schema becomes a tree of functions, once; each takes its part from the body and answers with the value: decimals as
exact `Decimal`, enums as their symbol, dates and times as text (RFC 3339), a union as the value itself, bytes as bytes.

Our own, since an event must not end the process: fastavro 1.13 is not faster, ends in a segmentation fault at 10 kB of
a type nested in itself, and takes the last branch of a union for a negative one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consumer.core import wire_values
from consumer.core.avro_schema import AvroType, Field
from consumer.core.event import DecodeFailed, Decoder

DEEPEST: Final = 100
"""Levels that a type may be nested in itself."""

_LONGEST_DECIMAL: Final = 1024  # bytes
_UNITS = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}
_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")


class Body:
    """A body that is being read; `at` is the next byte, `depth` how often a type is inside itself."""

    __slots__ = ("at", "data", "depth")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.depth = 0


Read = Callable[[Body], Any]
Convert = Callable[[Any], Any]


class Unreadable(Exception):
    """A reader's schema has no place for what was written; the message names types and fields, no values."""


def avro_decoder(writer: AvroType, reader: AvroType | None = None) -> Decoder:
    """Decodes what `writer` wrote, as `reader` sees it; without a reader as it was written."""
    try:
        read = _Compiler().read(writer, reader or writer)
    except Unreadable as fault:
        read = _refuse(str(fault))

    def decode(payload: bytes) -> Any:  # noqa: ANN401 - any value of an event
        body = Body(payload)
        try:
            value = read(body)
        except (IndexError, struct.error):
            raise DecodeFailed("the body ends too early") from None
        except UnicodeDecodeError:
            raise DecodeFailed("text that is not UTF-8") from None
        if body.at != len(payload):
            raise DecodeFailed("bytes are left over: the body was written with another schema")
        return value

    return decode


class _Compiler:
    """Makes the functions that read one pair of schemas."""

    def __init__(self) -> None:
        self._records: dict[tuple[int, int], Read | None] = {}

    def read(self, writer: AvroType, reader: AvroType) -> Read:
        """What reads a value of `writer` as one of `reader`.

        Raises:
            Unreadable: no value could be.
        """
        if writer.kind == "union":
            return self._union(writer, reader)
        if reader.kind == "union":
            return self._into_union(writer, reader)
        if writer.kind in _READS and reader.kind in _PROMOTIONS.get(writer.kind, {writer.kind: None}):
            return _scalar(writer, reader)
        named = bool(writer.name)
        if writer.kind != reader.kind or (named and not _same_name(writer, reader)) or writer.size != reader.size:
            raise Unreadable(f"the reader's schema has {_word(reader)} where {_word(writer)} was written")
        return _COMPOSED[writer.kind](self, writer, reader)

    def _union(self, writer: AvroType, reader: AvroType) -> Read:
        branches = []
        for branch in writer.inner:
            try:
                branches.append(self.read(branch, reader))
            except Unreadable as fault:
                branches.append(_refuse(str(fault)))
        by_byte = {index << 1: read for index, read in enumerate(branches)}

        def read(body: Body) -> Any:  # noqa: ANN401 - any value of an event
            branch = by_byte.get(body.data[body.at])
            if branch is None:
                raise DecodeFailed("a union has no such branch")
            body.at += 1
            return branch(body)

        return read

    def _into_union(self, writer: AvroType, reader: AvroType) -> Read:
        fault: Unreadable | None = None
        for branch in sorted(reader.inner, key=lambda branch: (branch.kind, branch.name) != (writer.kind, writer.name)):
            try:
                return self.read(writer, branch)
            except Unreadable as unreadable:
                fault = fault or unreadable
        raise fault or Unreadable(f"the reader's union has no place for {_word(writer)}")

    def record(self, writer: AvroType, reader: AvroType) -> Read:
        """A record: fields by name or alias; those that were not written have their default."""
        key = (id(writer), id(reader))
        if key in self._records:
            return self._records[key] or partial(self._nested, key)
        self._records[key] = None
        try:
            self._records[key] = read = self._fields(writer, reader)
        finally:
            if self._records[key] is None:
                del self._records[key]
        return read

    def _nested(self, key: tuple[int, int], body: Body) -> Any:  # noqa: ANN401 - any value of an event
        body.depth += 1
        if body.depth > DEEPEST:
            raise DecodeFailed(f"a type is nested in itself more than {DEEPEST} levels deep")
        value = self._records[key](body)  # type: ignore[misc]  # it has been made by now
        body.depth -= 1
        return value

    def _fields(self, writer: AvroType, reader: AvroType) -> Read:
        wanted = {name: field for field in reader.fields for name in (*field.aliases, field.name)}
        wanted |= {field.name: field for field in reader.fields}
        reads: list[tuple[str | None, Read]] = []
        for field in writer.fields:
            into = wanted.get(field.name)
            reads.append((into and into.name, self.read(field.type, into.type if into else field.type)))
        written = {name for name, _ in reads}
        defaults = {field.name: _default_of(field, reader) for field in reader.fields if field.name not in written}

        def read(body: Body) -> Any:  # noqa: ANN401 - a record
            record = defaults.copy()
            for name, read_field in reads:
                value = read_field(body)
                if name is not None:
                    record[name] = value
            return record

        return read

    def array(self, writer: AvroType, reader: AvroType) -> Read:
        """A list."""
        read_item = self.read(writer.inner[0], reader.inner[0])

        def read(body: Body) -> Any:  # noqa: ANN401 - a list
            items: list[Any] = []
            while count := _block(body):
                items += [read_item(body) for _ in range(count)]
            return items

        return read

    def map(self, writer: AvroType, reader: AvroType) -> Read:
        """A map from texts."""
        read_item = self.read(writer.inner[0], reader.inner[0])

        def read(body: Body) -> Any:  # noqa: ANN401 - a dict
            items: dict[str, Any] = {}
            while count := _block(body):
                for _ in range(count):
                    name = _string(body)
                    items[name] = read_item(body)
            return items

        return read

    def enum(self, writer: AvroType, reader: AvroType) -> Read:
        """A symbol; one that the reader does not know is its default."""
        known = [symbol if symbol in reader.symbols else reader.default for symbol in writer.symbols]

        def read(body: Body) -> Any:  # noqa: ANN401 - a text
            index = _long(body)
            symbol = known[index] if 0 <= index < len(known) else None
            if symbol is None:
                raise DecodeFailed(f"{reader.name} has no such symbol")
            return symbol

        return read

    def fixed(self, writer: AvroType, reader: AvroType) -> Read:
        """Bytes of a fixed length."""
        size, convert = writer.size, _logical(writer, reader)

        def read(body: Body) -> Any:  # noqa: ANN401 - bytes, or what they mean
            return convert(_take(body, size)) if convert else _take(body, size)

        return read


_COMPOSED: dict[str, Callable[[_Compiler, AvroType, AvroType], Read]] = {
    "record": _Compiler.record,
    "array": _Compiler.array,
    "map": _Compiler.map,
    "enum": _Compiler.enum,
    "fixed": _Compiler.fixed,
}


def _refuse(message: str) -> Read:
    def read(_: Body) -> Any:  # noqa: ANN401 - never
        raise DecodeFailed(message)

    return read


def _word(of: AvroType) -> str:
    return f"{of.kind} {of.name}" if of.name else of.kind


def _same_name(writer: AvroType, reader: AvroType) -> bool:
    return writer.name.rpartition(".")[2] == reader.name.rpartition(".")[2] or writer.name in reader.aliases


# -- scalars -----------------------------------------------------------------------------------------------------------


def _scalar(writer: AvroType, reader: AvroType) -> Read:
    read = _READS[writer.kind]
    promote = _PROMOTIONS.get(writer.kind, {}).get(reader.kind)
    logical = _logical(writer, reader)
    for convert in (promote, logical):
        if convert is not None:
            read = partial(_converted, read, convert)
    return read


def _converted(read: Read, convert: Convert, body: Body) -> Any:  # noqa: ANN401 - a scalar
    return convert(read(body))


def _logical(writer: AvroType, reader: AvroType) -> Convert | None:
    """What the reader's logical type makes of a value; unit and scale are those it was written with, if it was."""
    family, _, unit = reader.logical.rpartition("-") if reader.logical.count("-") else (reader.logical, "", "")
    same = writer.logical.startswith(family)
    if family == "decimal":
        return partial(_decimal, writer.scale if writer.logical == family else reader.scale)
    if family == "uuid":
        return None if reader.kind == "string" else lambda value: str(UUID(bytes=value))
    if family == "date":
        return wire_values.date_text
    per_second = _UNITS.get(writer.logical.rpartition("-")[2] if same else unit, 0)
    if family == "time":
        return lambda count: wire_values.time_text(count, per_second)
    if family == "timestamp":
        return lambda count: wire_values.moment_text(count, per_second)
    if family == "local-timestamp":
        return lambda count: wire_values.moment_text(count, per_second, "")
    return None


def _decimal(scale: int, unscaled: bytes) -> Any:  # noqa: ANN401 - a Decimal
    if len(unscaled) > _LONGEST_DECIMAL:
        raise DecodeFailed(f"a decimal of more than {_LONGEST_DECIMAL} bytes")
    return wire_values.exact_decimal(unscaled, scale)


def _null(_: Body) -> Any:  # noqa: ANN401 - None
    return None


def _boolean(body: Body) -> Any:  # noqa: ANN401 - a bool
    byte = body.data[body.at]
    body.at += 1
    if byte > 1:
        raise DecodeFailed("a boolean is neither 0 nor 1")
    return byte == 1


def _long(body: Body) -> int:
    at = body.at
    byte = body.data[at]
    if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
        body.at = at + 1
        return (byte >> 1) ^ -(byte & 1)
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:  # noqa: PLR2004 - as above
        at += 1
        byte = body.data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:  # noqa: PLR2004 - ten bytes of seven bits
            raise DecodeFailed("a number of more than 64 bits")
    body.at = at + 1
    return (value >> 1) ^ -(value & 1)


def _float(body: Body) -> Any:  # noqa: ANN401 - a float
    (value,) = _FLOAT.unpack_from(body.data, body.at)
    body.at += 4
    return wire_values.shortest_float(value)


def _double(body: Body) -> Any:  # noqa: ANN401 - a float
    (value,) = _DOUBLE.unpack_from(body.data, body.at)
    body.at += 8
    return value


def _take(body: Body, size: int) -> bytes:
    end = body.at + size
    if not body.at <= end <= len(body.data):
        raise DecodeFailed("a length reaches beyond the end of the body")
    taken = body.data[body.at : end]
    body.at = end
    return taken


def _bytes(body: Body) -> bytes:
    return _take(body, _long(body))


def _string(body: Body) -> str:
    return _take(body, _long(body)).decode()


def _block(body: Body) -> int:
    """How many items follow, 0 at the end; an item takes a byte at least, so a count is never believed beyond that."""
    count = _long(body)
    if count < 0:
        count = -count
        _long(body)  # the size of the block, for those who skip it
    if count > len(body.data) - body.at:
        raise DecodeFailed("a list announces more items than there are bytes")
    return count


_READS: dict[str, Read] = {
    "null": _null,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "float": _float,
    "double": _double,
    "bytes": _bytes,
    "string": _string,
}
_PROMOTIONS: dict[str, dict[str, Convert | None]] = {
    "int": {"int": None, "long": None, "float": float, "double": float},
    "long": {"long": None, "float": float, "double": float},
    "float": {"float": None, "double": None},
    "string": {"string": None, "bytes": str.encode},
    "bytes": {"bytes": None, "string": bytes.decode},
}


# -- defaults ----------------------------------------------------------------------------------------------------------


def _default_of(field: Field, of: AvroType) -> Any:  # noqa: ANN401 - any value of an event
    if not field.optional:
        raise Unreadable(f"{of.name}.{field.name} was not written, and the reader's schema has no default for it")
    try:
        return _default(field.type, field.default)
    except (TypeError, ValueError, AttributeError):
        raise Unreadable(f"the default of {of.name}.{field.name} is none of its type") from None


def _default(of: AvroType, value: Any) -> Any:  # noqa: ANN401 - JSON in, a value of an event out
    if of.kind == "union":
        return _default(_branch_of(of, value), value)
    if of.kind == "record":
        return {
            field.name: _default(field.type, value[field.name]) if field.name in value else _default_of(field, of)
            for field in of.fields
        }
    if of.kind == "array":
        return [_default(of.inner[0], item) for item in value]
    if of.kind == "map":
        return {name: _default(of.inner[0], item) for name, item in value.items()}
    if value.__class__ not in _JSON_OF[of.kind]:
        raise TypeError
    raw = value.encode("latin-1") if of.kind in ("bytes", "fixed") else value
    convert = float if of.kind in ("float", "double") else _logical(of, of)
    return convert(raw) if convert else raw


def _branch_of(union: AvroType, value: Any) -> AvroType:  # noqa: ANN401 - any JSON value
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
