"""The words of a `.proto` file, one after the other."""

from __future__ import annotations

import re
from typing import Final

from consumer.core.formats.event_schema import SchemaInvalid

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/
      | (?P<text>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<number>\.?[0-9](?:[eE][+-]|[A-Za-z0-9_.])*)
      | (?P<mark>[{}()\[\]<>;=,.:/+-])""",
    re.VERBOSE | re.DOTALL,
)

END: Final = ""
_LEAST, _MOST = -(2**31), 2**31 - 1


class Tokens:
    """The tokens of a text, without blanks and comments.

    Raises:
        SchemaInvalid: a character that begins none.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        self._places: list[int] = []
        self._next = 0
        self._taken = 0
        self._cut()

    def _cut(self) -> None:
        position = 0
        while position < len(self._text):
            match = _TOKEN.match(self._text, position)
            if match is None or (self._text.startswith("/*", position) and match.lastgroup):
                raise SchemaInvalid(f"{self._line(position)}: {self._wrong(position)}")
            if match.lastgroup:
                self._tokens.append(match[0])
                self._places.append(position)
            position = match.end()
        self._tokens += [END, END, END]
        self._places += [len(self._text)] * 3

    def _wrong(self, position: int) -> str:
        if self._text.startswith("/*", position):
            return "this comment is never closed"
        if self._text[position] in "\"'":
            return "this text in quotes does not end in its line"
        return f"{self._text[position]!r} has no meaning here"

    def peek(self, ahead: int = 0) -> str:
        """The token after `ahead` others; empty at the end."""
        return self._tokens[self._next + ahead]

    def take(self) -> str:
        """The next token."""
        self._taken = self._next
        word = self._tokens[self._next]
        if word != END:
            self._next += 1
        return word

    def expect(self, mark: str) -> None:
        """Take this mark."""
        if self.take() != mark:
            raise self.wrong(repr(mark))

    def given(self, mark: str) -> bool:
        """Take this mark if it comes next."""
        if self.peek() != mark:
            return False
        self._next += 1
        return True

    def name(self) -> str:
        """Take a name."""
        word = self.take()
        if not word.isidentifier():
            raise self.wrong("a name")
        return word

    def full_name(self) -> str:
        """Take a name with dots."""
        name = "." if self.given(".") else ""
        name += self.name()
        while self.given("."):
            name += f".{self.name()}"
        return name

    def number(self) -> int:
        """Take a whole number of 32 bits: decimal, hexadecimal or octal."""
        sign = -1 if self.given("-") else 1
        word = self.take()
        octal = re.fullmatch("0[0-7]+", word)
        try:
            value = sign * int(word, 8 if octal else 0)
        except ValueError:
            raise self.wrong("a whole number") from None
        if not _LEAST <= value <= _MOST:
            raise self.wrong("a whole number of 32 bits")
        return value

    def string(self) -> str:
        """Take a text, without its quotes; texts side by side are one."""
        text, more = "", True
        while more:
            word = self.take()
            if word[:1] not in ("'", '"'):
                raise self.wrong("a text in quotes")
            text += word[1:-1]
            more = self.peek()[:1] in ("'", '"')
        return text

    def value(self) -> str | None:
        """Take what an option is set to; None for one in braces."""
        if self.peek() == "{":
            self._braces()
            return None
        sign = self.take() if self.peek() in ("-", "+") else ""
        word = self.take()
        while self.peek()[:1] in ("'", '"'):
            word += self.take()
        return sign + word

    def _braces(self) -> None:
        depth = 0
        while (word := self.take()) != END:
            depth += (word == "{") - (word == "}")
            if depth == 0:
                return
        raise self.wrong("'}'")

    def wrong(self, expected: str) -> SchemaInvalid:
        """What to raise about the token just taken."""
        word = self._tokens[self._taken]
        found = repr(word) if word else "the end of the file"
        return SchemaInvalid(f"{self._line(self._places[self._taken])}: expected {expected}, found {found}")

    def _line(self, position: int) -> str:
        return f"line {self._text.count(chr(10), 0, position) + 1}"

    def over(self) -> None:
        """Read over a statement: up to its semicolon, or the end of its braces."""
        depth = 0
        while (word := self.take()) != END:
            depth += (word in "{[(") - (word in "}])")
            if depth == 0 and word in (";", "}"):
                return
        raise self.wrong("';' or '}'")
