"""Schemas as a registry has them, and the framing by which an event names its own."""

from __future__ import annotations

import zlib
from typing import Literal, NamedTuple

from consumer.core.event import DecodeFailed

Language = Literal["AVRO", "JSON", "PROTOBUF"]

MAGIC = b"\0"
"""How a framed event begins."""
_FIRST_OWN = 1 << 31
_HEAD = 5
"""Bytes before the body: the magic byte, and the schema's id in four."""


class RegisteredSchema(NamedTuple):
    """A schema; `references` are the names and texts of those it needs, each after those that it needs itself."""

    language: Language
    text: str
    references: tuple[tuple[str, str], ...] = ()


class SchemaUnknown(Exception):
    """An event names a schema that has not been fetched yet."""

    def __init__(self, schema_id: int) -> None:
        self.id = schema_id
        super().__init__(f"schema {schema_id} has not been fetched")


class RegisteredSchemas(dict[int, RegisteredSchema]):
    """What has been fetched, by id; an id means the same schema for ever."""


def frame(schema_id: int, body: bytes) -> bytes:
    """The event of a body; that of a Protobuf body begins with the indexes of its message."""
    return MAGIC + schema_id.to_bytes(_HEAD - 1, "big") + body


def own_id(schema: RegisteredSchema) -> int:
    """An id for a schema that comes from a file: one that no registry gives, theirs are positive in Java."""
    return zlib.crc32(repr(schema).encode()) | _FIRST_OWN


def is_registered(schema_id: int) -> bool:
    """Whether an id may be a registry's."""
    return schema_id < _FIRST_OWN


def unframe(payload: bytes) -> tuple[int, bytes]:
    """The id of the schema and what comes behind it.

    Raises:
        DecodeFailed: the payload is not framed.
    """
    if not payload.startswith(MAGIC) or len(payload) < _HEAD:
        raise DecodeFailed(
            "not framed by a schema registry: a zero byte and the four bytes of a schema's id are missing"
        )
    return int.from_bytes(payload[1:_HEAD], "big"), payload[_HEAD:]


def message_indexes(body: bytes) -> tuple[tuple[int, ...], int]:
    """Which message of a Protobuf file a framed body holds, and where it begins.

    Their number and each of them is a zigzag varint; a single zero stands for the first message.

    Raises:
        DecodeFailed: the body ends before.
    """
    count, at = _zigzag(body, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= len(body):
        raise DecodeFailed("the indexes of a Protobuf message are unreadable")
    indexes = []
    for _ in range(count):
        index, at = _zigzag(body, at)
        indexes.append(index)
    return tuple(indexes), at


def write_indexes(indexes: tuple[int, ...]) -> bytes:
    """How a framed Protobuf body begins."""
    if indexes == (0,):
        return b"\0"
    return b"".join(map(_varint, (len(indexes), *indexes)))


def _varint(value: int) -> bytes:
    value <<= 1
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def _zigzag(body: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    for byte in body[at : at + 5]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return (value >> 1) ^ -(value & 1), at
    raise DecodeFailed("the indexes of a Protobuf message are unreadable")
