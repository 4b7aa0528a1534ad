"""Schema files that are written in JSON: JSON Schema and Avro."""

from __future__ import annotations

import re
from typing import Any

from consumer.core.event import DecodeFailed, decode_json
from consumer.core.formats.event_schema import SchemaInvalid

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLACE = re.compile(r" at (character|byte) ([0-9]+)$")


def read_document(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON in a file (UTF-8, a byte-order mark is accepted).

    Raises:
        SchemaInvalid: it is none; the message says in which line.
    """
    content = content.removeprefix(_BYTE_ORDER_MARK)
    try:
        return decode_json(content)
    except DecodeFailed as fault:
        raise SchemaInvalid(_PLACE.sub(lambda place: _in_line(place, content), str(fault))) from None


def _in_line(place: re.Match[str], content: bytes) -> str:
    before = content[: int(place[2]) - 1].decode(errors="replace")
    if place[1] == "character":
        before = content.decode(errors="replace")[: int(place[2]) - 1]
    return f" in line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
