"""The bytes of an Avro body: its primitives, each read from where the one before it ended.

They raise `DecodeFailed`, or IndexError, `struct.error` and UnicodeDecodeError where the body ends or is no text;
`avro_decoder` makes one error of them.
"""

from __future__ import annotations

import struct
from typing import Any

from consumer.core.event import DecodeFailed
from consumer.core.formats.wire_values import shortest_float

_FLOAT, _DOUBLE = struct.Struct("<f"), struct.Struct("<d")


class Body:
    """A body that is being read; `at` is the next byte, `depth` how often a type is inside itself."""

    __slots__ = ("at", "data", "depth")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.depth = 0


def read_null(_: Body) -> Any:  # noqa: ANN401 - None
    """Nothing, of no bytes."""
    return None


def read_boolean(body: Body) -> Any:  # noqa: ANN401 - a bool
    """True or false, of one byte."""
    byte = body.data[body.at]
    body.at += 1
    if byte > 1:
        raise DecodeFailed("a boolean is neither 0 nor 1")
    return byte == 1


def read_long(body: Body) -> int:
    """An integer: seven bits a byte, the lowest first, its sign in the lowest bit."""
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


def read_float(body: Body) -> Any:  # noqa: ANN401 - a float
    """A 32-bit float, by the fewest digits that mean it."""
    (value,) = _FLOAT.unpack_from(body.data, body.at)
    body.at += 4
    return shortest_float(value)


def read_double(body: Body) -> Any:  # noqa: ANN401 - a float
    """A 64-bit float."""
    (value,) = _DOUBLE.unpack_from(body.data, body.at)
    body.at += 8
    return value


def take(body: Body, size: int) -> bytes:
    """The next `size` bytes."""
    at = body.at
    end = body.at = at + size
    data = body.data
    if not at <= end <= len(data):
        raise DecodeFailed("a length reaches beyond the end of the body")
    return data[at:end]


def read_bytes(body: Body) -> bytes:
    """Bytes, their length before them."""
    return take(body, read_long(body))


def read_string(body: Body) -> str:
    """Text, the length of its UTF-8 before it."""
    at, data = body.at, body.data
    size = data[at]
    if size > 0x7F or size & 1:  # noqa: PLR2004 - not what nearly all are: short, and not negative
        return read_bytes(body).decode()
    end = body.at = at + 1 + (size >> 1)
    if end > len(data):
        raise DecodeFailed("a length reaches beyond the end of the body")
    return data[at + 1 : end].decode()


def read_count(body: Body) -> int:
    """How many items of a list follow, 0 at the end; more than there are bytes is never believed."""
    count = read_long(body)
    if count < 0:
        count = -count
        read_long(body)  # the size in bytes, for those who skip them
    if count > len(body.data) - body.at:
        raise DecodeFailed("a list announces more items than there are bytes")
    return count
