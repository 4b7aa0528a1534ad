"""Collecting every problem of a file, each with its place, instead of stopping at the first."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.yaml_nodes import Map, Node


class Report:
    """The problems of one file; `problems` in the order found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, node: Node, message: str) -> None:
        """A problem at the place of `node`: the key, or the list item, that is to be changed."""
        self.problems.append(Problem(self.file, node.line, node.column, message))

    def unknown_keys(self, node: Map, known: Collection[str], what: str) -> None:
        """A problem for each key of `node` that is not `known`, with the nearest that is."""
        for key, _ in node:
            if key.text not in known:
                self.add(key, f"{what} has no key {key.text!r}; {suggestion(key.text, known)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """What a misspelt word was probably meant to be, else all there is to choose from."""
    choices = tuple(known)
    near = get_close_matches(word, choices, n=1) or get_close_matches(word.lower(), choices, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(choices)}"
