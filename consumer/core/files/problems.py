"""Collecting every problem of a file, each with its place, instead of stopping at the first."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from consumer.core.files.yaml_places import file_text, place_in
from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.files.yaml_nodes import Map, Node, Scalar


class Report:
    """The problems of one file; `problems` in the order found. `content` is all of it, once it was read."""

    def __init__(self, file: str, content: bytes = b"") -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._content = content

    def add(self, node: Node, message: str) -> None:
        """A problem at the place of `node`: the key, or the list item, that is to be changed."""
        self.problems.append(Problem(self.file, node.line, node.column, message))

    def add_inside(self, node: Scalar, offset: int, message: str) -> None:
        """A problem at a character of the node's text."""
        line, column = place_in(node, offset, file_text(self._content))
        self.problems.append(Problem(self.file, line, column, message))

    def unknown_keys(self, node: Map, known: Collection[str], what: str) -> None:
        """A problem for each key of `node` that is not `known`, with the nearest that is."""
        for key, _ in node:
            if key.text not in known:
                self.add(key, f"{what} has no key {key.text!r}; {suggestion(key.text, known)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """What a misspelt word was probably meant to be, else all there is to choose from."""
    choices = tuple(known)
    close = near(word, choices)
    return f"did you mean {close}?" if close else f"there are {', '.join(choices)}"


def near(word: str, known: Iterable[str]) -> str | None:
    """What a misspelt word was probably meant to be."""
    choices = tuple(known)
    close = get_close_matches(word, choices, n=1) or get_close_matches(word.lower(), choices, n=1)
    return close[0] if close else None
