"""Event bytes to values: what a decoder accepts, every mapping and every later program reads alike.

A decoder takes the value of a record and returns dicts, lists, text, numbers, booleans and None, or raises
`DecodeFailed`, whose text never holds anything of the event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

Decoder = Callable[[bytes], Any]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPED_COLON = b"\\u003"  # with its last digit, `a` or `A`
_STRINGS_AND_BRACES = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r\n]*:)?|[{}]')


class NotEncodable(ValueError):
    """An event that a person wrote as JSON, in a case, has no form in its format; the message says where and why."""


class DecodeFailed(Exception):
    """The bytes are not an event of their format; the text says why, without anything of the event."""


def decode_json(payload: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value in `payload` (UTF-8, at most 1,024 levels); an integer beyond 64 bits becomes a float.

    Raises:
        DecodeFailed: not JSON, or JSON that two readers may understand differently (a key twice in one object).
    """
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise DecodeFailed(_json_fault(payload, error)) from None
    if value.__class__ is dict or value.__class__ is list:
        try:
            written = orjson.dumps(value)
        except orjson.JSONEncodeError:  # nested deeper than orjson writes
            _refuse_repeated_keys_exactly(payload)
            return value
        if written != payload:
            _refuse_repeated_keys(payload, written)
    return value


def _json_fault(payload: bytes, error: orjson.JSONDecodeError) -> str:
    if not payload:
        return "the value is empty"
    if payload.startswith(_BYTE_ORDER_MARK):
        return "not JSON: it begins with a byte-order mark"
    try:
        payload.decode()
    except UnicodeDecodeError as fault:
        return f"not JSON: not UTF-8 at byte {fault.start + 1}"
    return f"not JSON: {error.msg} at character {error.pos + 1}"


def _refuse_repeated_keys(payload: bytes, written: bytes) -> None:
    """Raise when an object in `payload` has a key twice (orjson keeps the last one without a word).

    A payload equal to what orjson writes has no key twice. Else a lost key has taken its colon with it, and only the
    escape of a colon could have made up for that. Whatever these two leave in doubt is read string by string.
    """
    if payload.count(b":") != written.count(b":") or _ESCAPED_COLON in payload:
        _refuse_repeated_keys_exactly(payload)


def _refuse_repeated_keys_exactly(payload: bytes) -> None:
    objects: list[set[str]] = []
    for match in _STRINGS_AND_BRACES.finditer(payload):
        text, colon = match.groups()
        if colon is not None:
            key = orjson.loads(text)
            if key in objects[-1]:
                raise DecodeFailed(f"an object has a key twice, at byte {match.start() + 1}")
            objects[-1].add(key)
        elif text is None:
            if match[0] == b"{":
                objects.append(set())
            else:
                objects.pop()
