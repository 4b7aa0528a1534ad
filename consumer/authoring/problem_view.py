"""Problems for those who are to mend them: at a terminal, in a pipe, for a program, for GitHub's annotations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.authoring.screen import Part, Screen
    from consumer.errors import Problem

Format = Literal["text", "json", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WORD = re.compile(r"""[\[{"']*[\w.-]+|\S""")


def show_problems(problems: Sequence[Problem], screen: Screen, style: Format = "text") -> None:
    """Print them; as text, with the line and a caret below it when somebody is watching."""
    if style == "json":
        screen.line(json.dumps([problem._asdict() for problem in problems], ensure_ascii=False, indent=2))
        return
    for problem in problems:
        if style == "github":
            screen.line(_annotation(problem))
        else:
            _show(problem, screen)


def _show(problem: Problem, screen: Screen) -> None:
    place = str(problem).removesuffix(problem.message)
    screen.line((place, "bold"), (problem.message, "red"))
    if screen.terminal:
        screen.lines(_excerpt(problem))


def _excerpt(problem: Problem) -> Iterator[list[Part]]:
    """The faulty line with a caret under the faulty word; nothing for a fault without a place."""
    try:
        lines = Path(problem.file).read_bytes().decode("utf-8-sig", errors="replace").splitlines()
        line = lines[problem.line - 1] if problem.line else ""
    except (OSError, IndexError):
        return
    if not line.strip():
        return
    line = "".join(character if character.isprintable() else " " for character in line)
    start = problem.column - 1
    word = _WORD.match(line, start)
    carets = "^" * cell_len(word[0] if word else " ")
    number = str(problem.line)
    yield [(f"  {number} │ ", "dim"), line]
    yield [(f"  {' ' * len(number)} │ ", "dim"), " " * cell_len(line[:start]), (carets, "red bold")]


def _annotation(problem: Problem) -> str:
    """GitHub's workflow command; see its page "Workflow commands", and actions/toolkit for what is escaped."""
    place = f"file={_escaped(problem.file, ':,')}"
    if problem.line:
        place += f",line={problem.line},col={problem.column}"
    return f"::error {place}::{_escaped(problem.message)}"


def _escaped(text: str, more: str = "") -> str:
    return "".join(f"%{ord(character):02X}" if character in f"%\r\n{more}" else character for character in text)
