"""What may be said of an exception or of another library's log record without saying anything of an event.

A message of somebody else's exception may quote a URL, a body or a value, so only the types and places of exceptions
are told; the exceptions are our own (whose messages hold no data, by rule), errors of the operating system (told from
their number) and Kafka's (told by their name).
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from consumer.errors import ProfileConsumerError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

_FRAMES = 12
_CHAIN = 8
_TEXT = 200
_KNOWN_TEXTS = (
    "Exception in callback",
    "Future exception was never retrieved",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending",
    "Unclosed client session",
    "Unclosed connection",
    "Unclosed connector",
    "Unhandled exception in event loop",
)
WITHHELD = "(text withheld, it may hold data)"
"""Stands for a text of a library that cannot be told from data."""

_PACKAGE_PATH = re.compile(r".*/(?:site-packages/|lib/python3\.\d+/(?!site-packages/)|(?=consumer/))")


def describe(error: BaseException) -> str:
    """Types and places of an exception, those in its group and its causes; the innermost place first."""
    return "\n".join(_lines(error, ""))


def template(record: logging.LogRecord) -> str:
    """The text of a log record as the library wrote it, without what was put into it.

    With arguments that is the text before they are filled in. Without, it may be filled in already: then one of the
    beginnings that asyncio is known to write, or nothing.
    """
    text = str(record.msg)
    if record.args:
        return text[:_TEXT]
    return next((known for known in _KNOWN_TEXTS if text.startswith(known)), WITHHELD)


def place(record: logging.LogRecord) -> str:
    """`file:line` where the library logged, to find a text that is withheld."""
    return f"{_short(record.pathname)}:{record.lineno}"


def _lines(error: BaseException, indent: str) -> Iterator[str]:
    for number, link in enumerate(_chain(error)):
        yield f"{indent}{'caused by ' if number else ''}{_name(link)}"
        yield from (f"{indent}  at {place}" for place in _places(link))
        if isinstance(link, BaseExceptionGroup):
            for member in link.exceptions[:_CHAIN]:
                yield from _lines(member, indent + "  | ")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what it came from, as the interpreter would show them; an endless chain is cut."""
    for _ in range(_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = _message(error)
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    if isinstance(error, ProfileConsumerError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{errno.errorcode[error.errno]} ({os.strerror(error.errno)})"
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return error.args[0].name()
    return ""


def _places(error: BaseException) -> list[str]:
    """`file:line in function`, the newest call first; source lines and variables are left out."""
    frames = list(traceback.walk_tb(error.__traceback__))[-_FRAMES:]
    return [f"{_short(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}" for frame, line in reversed(frames)]


def _short(path: str) -> str:
    return _PACKAGE_PATH.sub("", path, count=1)
