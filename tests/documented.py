"""Reads a Markdown page as its tests need it: sections, the blocks of code in them, the tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)(?: title=(?P<title>\S+))?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    language: str
    title: str | None
    text: str


class Section(NamedTuple):
    heading: str
    text: str

    @property
    def blocks(self) -> list[Block]:
        return [Block(found["language"], found["title"], found["text"]) for found in _FENCE.finditer(self.text)]

    @property
    def files(self) -> dict[str, str]:
        return {block.title: block.text for block in self.blocks if block.title}

    @property
    def rows(self) -> list[list[str]]:
        """The rows of its tables, without their heads."""
        lines = [line for line in self.text.splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        rules = [index for index, row in enumerate(rows) if set("".join(row)) <= set("-: ")]
        return [row for index, row in enumerate(rows) if index not in rules and index + 1 not in rules]


def sections(path: Path) -> list[Section]:
    """A page cut at its headings; what looks like one within a block of code is none."""
    text = path.read_text(encoding="utf-8")
    fences = [found.span() for found in _FENCE.finditer(text)]
    starts = [
        found for found in _HEADING.finditer(text) if not any(start < found.start() < end for start, end in fences)
    ]
    ends = [found.start() for found in starts[1:]] + [len(text)]
    return [Section(found[1], text[found.end() : end]) for found, end in zip(starts, ends, strict=True)]
