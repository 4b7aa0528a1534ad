"""Where commands print: styled on a terminal, plain in a pipe, never wrapped or cut."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from consumer.core.values import decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterable

Part = str | tuple[str, str]
"""Text, or text with its style."""

_MOST_LEVELS = 100
_LONGEST_SHOWN = 72


class Screen:
    """Prints lines; `terminal` tells whether somebody sees them at once."""

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for a terminal that has no arrows
        self._console = Console(file=stream, soft_wrap=True, highlight=False, markup=False, emoji=False)
        self.terminal = self._console.is_terminal

    def line(self, *parts: Part) -> None:
        """One line, put together of its parts."""
        self._console.print(Text.assemble(*parts), no_wrap=True, overflow="ignore", crop=False)

    def lines(self, lines: Iterable[Iterable[Part]]) -> None:
        """Several lines."""
        for parts in lines:
            self.line(*parts)

    def clear(self) -> None:
        """An empty screen, on a terminal."""
        if self.terminal:
            self._console.clear()


def shown(value: Any, longest: int | None = _LONGEST_SHOWN) -> str:  # noqa: ANN401 - any value of an event
    """A value of an event as JSON, on one line, harmless to a terminal, and cut when it is long."""
    value = showable(value)
    text = decimal_text(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = json.dumps(value, default=str)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def showable(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    """The value, or words in its place where it is nested deeper than Python's own JSON goes, as an event may be."""
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    return f"nested more than {_MOST_LEVELS} levels deep"


def plain(text: str) -> str:
    """A text as it is when it can be shown so, else as JSON."""
    return text if text.isprintable() and text == text.strip() and text else shown(text, None)
