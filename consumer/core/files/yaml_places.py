"""Places inside of a scalar of a YAML file: which line and column a character of its text has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.files.yaml_nodes import Scalar

_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_ESCAPES = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)", re.DOTALL)
_BLANK_ESCAPES = tuple("nrt \n0abevfNLP_")
_NOT_BLANK = re.compile(r"\S")


def file_text(content: bytes) -> str:
    """The text of a file, however it ends its lines, in which places are counted.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def place_in(scalar: Scalar, offset: int, file: str) -> tuple[int, int]:
    """Line and column (1-based) of the character at `offset` of a scalar's text; `file` is the whole file's text.

    How a text is quoted, folded or indented changes blanks and nothing else: so characters that are not blank are
    counted.
    """
    lines = file.split("\n")
    start = sum(map(len, lines[: scalar.line - 1])) + scalar.line - 1 + scalar.column - 1
    before = len(_NOT_BLANK.findall(scalar.text, 0, offset))
    position = end = start
    for number, (position, length) in enumerate(_characters(file, start)):
        end = position + length
        if number == before:
            break
    else:
        position = end
    return file.count("\n", 0, position) + 1, position - file.rfind("\n", 0, position)


def _characters(file: str, start: int) -> Iterator[tuple[int, int]]:
    """Position and length, in the file, of each character of a scalar that is not blank."""
    properties = _PROPERTIES.match(file, start)
    position = properties.end() if properties else start
    quote = file[position : position + 1]
    if quote in ("|", ">"):
        position = file.find("\n", position)
    elif quote in ("'", '"'):
        position += 1
    while position < len(file):
        length = 1
        blank = file[position].isspace()
        if quote == "'" and file.startswith("''", position):
            length = 2
        elif quote == '"' and (escape := _ESCAPES.match(file, position)):
            length = len(escape[0])
            blank = escape[0][1] in _BLANK_ESCAPES
        elif quote in ("'", '"') and file[position] == quote:
            return
        if not blank:
            yield position, length
        position += length
