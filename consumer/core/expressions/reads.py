"""What an expression reads of an event: variables, what is used of each, and where they stand in its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from consumer.core.paths import Path

Role = Literal["value", "present", "optional", "range"]


class Use:
    """What is used of a value: all of it, or only some fields, or of a list's items only some.

    `in_doubles` when it is part of arithmetic with a number that has a point, such as `12.0`; `ranged` when a macro may
    go through it that is told another way than by its path.
    """

    def __init__(self) -> None:
        self.whole = False
        self.in_doubles = False
        self.ranged = False
        self.fields: dict[str, Use] = {}
        self.items: Use | None = None

    def field(self, name: str) -> Use:
        """What is used of a field."""
        return self.fields.setdefault(name, Use())

    def each(self) -> Use:
        """What is used of the items."""
        self.items = self.items or Use()
        return self.items


class Variable(NamedTuple):
    """A path that an expression reads, by the name it has in the text handed to CEL.

    `optional` ones are used for the value of an optional, `present` ones for whether there is something, `range` ones
    for a macro to go through.
    """

    name: str
    role: Role
    path: Path
    written: str
    positions: tuple[int, ...]
    """Where the root and each step stand in the text."""
    use: Use


class Edit(NamedTuple):
    """`text` in place of what stands from `start` to `end`: in the text that is checked, that is run, or in both."""

    start: int
    end: int
    text: str
    checked: bool = True
    run: bool = True


class Compared(NamedTuple):
    """A path that is compared with texts, each with its position."""

    path: Path
    texts: tuple[tuple[int, str], ...]


class Reads(NamedTuple):
    """The variables of an expression, what some are compared with, and how its text changes.

    `builds_lists` when it has a `map` or `filter`, `splits` when it makes a list of a text, `repeats` when it may do
    the same to one text again and again: for each item of a list, or wherever another text of the event stands.
    `unordered` are the places where `map` or `filter` goes through an object that is written in the expression.
    """

    variables: tuple[Variable, ...]
    compared: tuple[Compared, ...]
    edits: tuple[Edit, ...]
    builds_lists: bool
    splits: bool
    repeats: bool
    unordered: tuple[int, ...]
