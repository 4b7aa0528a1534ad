"""What keeps a file from being YAML, in words that say what to write, at the place where it is to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.files.yaml_places import file_text
from consumer.errors import Problem

if TYPE_CHECKING:
    import yaml

_CLOSED_BY = {"flow mapping": ("{", "}"), "flow sequence": ("[", "]")}
_HINTS = (
    (
        "mapping values",
        "look at the indentation; text that holds a colon and a blank (`a ? b : c`) needs quotes around all of it",
    ),
    ("got '?'", "text that holds a colon and a blank (`a ? b : c`) needs quotes around all of it"),
    ("cannot start any token", "text that begins with it needs quotes"),
    ("alphabetic or numeric", "text that begins with * or & needs quotes"),
    ("<stream end>", "the file ends within { } or [ ]"),
    ("<document start>", "a bracket too many, or one that was never opened"),
    ("found '<scalar>'", "nothing may stand behind a text in quotes; put quotes around all of it"),
    (
        "<block end>",
        "this does not belong to the lines before it: is it indented as they are, is a list item (-) beside a key?",
    ),
)


def encoding_problem(file: str, error: UnicodeDecodeError) -> Problem:
    """Bytes that are no UTF-8."""
    before = file_text(error.object[: error.start])
    return _problem(file, before, len(before), "not UTF-8; save the file in this encoding")


def separator_problem(file: str, text: str, position: int) -> Problem:
    """A character that ends a line to YAML and to hardly anybody else."""
    code = f"U+{ord(text[position]):04X}"
    message = f"an invisible line separator ({code}); remove it, or write it as an escape in double quotes"
    return _problem(file, text, position, message)


def character_problem(file: str, text: str, error: yaml.reader.ReaderError) -> Problem:
    """A character that YAML refuses."""
    message = (
        f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed; in double quotes write an escape"
    )
    return _problem(file, text, error.position, message)


def syntax_problem(file: str, error: yaml.MarkedYAMLError) -> Problem:
    """What the parser stumbled over."""
    context, message = error.context or "", error.problem or "unreadable"
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    if "single document" in context:
        message = "a second document begins here; write one document a file"
    elif "'\\t'" in message:
        message = "a tab can't indent; write spaces"
    elif "quoted scalar" in context and "end of stream" in message and opened:
        mark, message = opened, "this quote is never closed"
    elif context.endswith(tuple(_CLOSED_BY)) and opened:
        bracket, closed_by = _CLOSED_BY[context[context.index("flow ") :]]
        if "<stream end>" in message:
            mark, message = (
                opened,
                f"this {bracket} is never closed by {closed_by}; a blank and # begin a comment, unless in quotes",
            )
        elif "'['" in message and bracket == "{":
            message += "; inside { } a path with [ ] needs quotes: {from: 'event.items[0]'}"
        elif mark and mark.line > opened.line:
            message += f"; is the {bracket} of line {opened.line + 1} closed by {closed_by}?"
        else:
            message += _hint(message)
    else:
        message += _hint(message)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, f"not YAML: {message}")


def _hint(message: str) -> str:
    return next((f"; {hint}" for sign, hint in _HINTS if sign in message), "")


def _problem(file: str, text: str, position: int, message: str) -> Problem:
    line = text.count("\n", 0, position) + 1
    return Problem(file, line, position - text.rfind("\n", 0, position), message)
