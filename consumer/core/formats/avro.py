"""Avro bodies to values, as written or as a reader's schema sees them (its resolution by the Avro specification).

A schema becomes a tree of functions, once; each takes its part from the body and answers with the value: decimals as
exact `Decimal`, enums as their symbol, dates and times as text (RFC 3339), a union as the value itself, bytes as bytes.

Our own, since an event must not end the process: fastavro 1.13 is not faster, ends in a segmentation fault at 10 kB of
a type nested in itself, and takes the last branch of a union for a negative one.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from consumer.core.event import DecodeFailed
from consumer.core.formats.avro_body import Body, read_count, read_long, read_string, take
from consumer.core.formats.avro_scalars import Read, Unreadable, default_of, logical, scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.event import Decoder
    from consumer.core.formats.event_types import EventType

DEEPEST: Final = 100
"""Levels that a type may be nested in itself."""


def avro_decoder(writer: EventType, reader: EventType | None = None) -> Decoder:
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

    def read(self, writer: EventType, reader: EventType) -> Read:
        """What reads a value of `writer` as one of `reader`.

        Raises:
            Unreadable: no value could be.
        """
        if writer.kind == "union":
            return self._union(writer, reader)
        if reader.kind == "union":
            return self._into_union(writer, reader)
        if read := scalar(writer, reader):
            return read
        named = bool(writer.name)
        if writer.kind != reader.kind or (named and not _same_name(writer, reader)) or writer.size != reader.size:
            raise Unreadable(f"the reader's schema has {_word(reader)} where {_word(writer)} was written")
        return _COMPOSED[writer.kind](self, writer, reader)

    def _union(self, writer: EventType, reader: EventType) -> Read:
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

    def _into_union(self, writer: EventType, reader: EventType) -> Read:
        fault: Unreadable | None = None
        for branch in sorted(reader.inner, key=lambda branch: (branch.kind, branch.name) != (writer.kind, writer.name)):
            try:
                return self.read(writer, branch)
            except Unreadable as unreadable:
                fault = fault or unreadable
        raise fault or Unreadable(f"the reader's union has no place for {_word(writer)}")

    def record(self, writer: EventType, reader: EventType) -> Read:
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

    def _fields(self, writer: EventType, reader: EventType) -> Read:
        wanted = {alias: field for field in reader.fields for alias in field.aliases}
        wanted |= {field.name: field for field in reader.fields}
        reads: list[tuple[str | None, Read]] = []
        for field in writer.fields:
            into = wanted.get(field.name)
            reads.append((into.name if into else None, self.read(field.type, into.type if into else field.type)))
        written = {name for name, _ in reads}
        defaults = {field.name: default_of(field, reader) for field in reader.fields if field.name not in written}

        def read(body: Body) -> Any:  # noqa: ANN401 - a record
            record = defaults.copy()
            for name, read_field in reads:
                value = read_field(body)
                if name is not None:
                    record[name] = value
            return record

        return read

    def array(self, writer: EventType, reader: EventType) -> Read:
        """A list."""
        read_item = self.read(writer.inner[0], reader.inner[0])

        def read(body: Body) -> Any:  # noqa: ANN401 - a list
            items: list[Any] = []
            while count := read_count(body):
                items += [read_item(body) for _ in range(count)]
            return items

        return read

    def map(self, writer: EventType, reader: EventType) -> Read:
        """A map from texts."""
        read_item = self.read(writer.inner[0], reader.inner[0])

        def read(body: Body) -> Any:  # noqa: ANN401 - a dict
            items: dict[str, Any] = {}
            while count := read_count(body):
                for _ in range(count):
                    name = read_string(body)
                    items[name] = read_item(body)
            return items

        return read

    def enum(self, writer: EventType, reader: EventType) -> Read:
        """A symbol; one that the reader does not know is its default."""
        known = [symbol if symbol in reader.symbols else reader.default for symbol in writer.symbols]

        def read(body: Body) -> Any:  # noqa: ANN401 - a text
            index = read_long(body)
            symbol = known[index] if 0 <= index < len(known) else None
            if symbol is None:
                raise DecodeFailed(f"{reader.name} has no such symbol")
            return symbol

        return read

    def fixed(self, writer: EventType, reader: EventType) -> Read:
        """Bytes of a fixed length."""
        size, convert = writer.size, logical(writer, reader)

        def read(body: Body) -> Any:  # noqa: ANN401 - bytes, or what they mean
            value = take(body, size)
            return convert(value) if convert else value

        return read


_COMPOSED: dict[str, Callable[[_Compiler, EventType, EventType], Read]] = {
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


def _word(of: EventType) -> str:
    return f"{of.kind} {of.name}" if of.name else of.kind


def _same_name(writer: EventType, reader: EventType) -> bool:
    return writer.name.rpartition(".")[2] == reader.name.rpartition(".")[2] or writer.name in reader.aliases
