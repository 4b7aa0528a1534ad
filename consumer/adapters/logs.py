"""Logging: one line an event, the same renderer for us and for the libraries, and nothing that names a visitor.

structlog for our own events, whose names and fields are in the catalogue (`log_events`). Records of the standard
library's `logging` become the events `librdkafka` and `library_logged`, with what may be data taken out.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import secrets
import sys
import threading
import time
from math import inf
from typing import TYPE_CHECKING, Literal, TextIO

import orjson
import structlog

from consumer.adapters.redaction import describe, place, template

if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType

    from structlog.typing import EventDict, Processor

Format = Literal["json", "console", "auto"]

REPEAT_SECONDS = 10.0
"""What repeats is logged at most once in this time for each cause."""

log = structlog.get_logger()

_THIRD_PARTY_LEVEL = logging.WARNING  # httpx logs each URL at INFO
_TALKATIVE = ("aiohttp", "asyncio", "confluent_kafka", "httpcore", "httpx")
_LIBRDKAFKA = 3
_MOST_CAUSES = 1000
_REPORT = "a fault in the program itself: report it with this line; your files and settings are not at fault"


class IdentityHasher:
    """Names a visitor in logs without saying who it is: the beginning of a keyed hash, 16 hexadecimal digits.

    Without a key it takes a random one: hashes then agree within this process only.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key else secrets.token_bytes(32)

    def __call__(self, identity: bytes) -> str:
        """The hash of an identity parameter as it stands in the request (`mbox3rdPartyId=c-1`)."""
        return hmac.digest(self._key, identity, hashlib.sha256).hex()[:16]


class Repeats:
    """Lets a cause through once in `seconds` and counts what it holds back. `now` is CLOCK_MONOTONIC seconds."""

    def __init__(self, seconds: float = REPEAT_SECONDS) -> None:
        self._seconds = seconds
        self._causes: dict[Hashable, tuple[float, int]] = {}

    def admit(self, cause: Hashable, now: float) -> int | None:
        """None: do not log this. A number: log it; so many of the same cause were held back since the last one."""
        last, held = self._causes.get(cause, (-inf, 0))
        if now - last < self._seconds:
            self._causes[cause] = (last, held + 1)
            return None
        if len(self._causes) >= _MOST_CAUSES:
            self._causes = {cause: seen for cause, seen in self._causes.items() if now - seen[0] < self._seconds}
        self._causes[cause] = (now, 0)
        return held


def configure(level: str, fmt: Format, stream: TextIO) -> None:
    """Set up logging of the whole process onto `stream`; `auto` is the console format on a terminal.

    `run` logs to standard output, other commands to standard error. Also takes over what nobody catches, in any
    thread: it becomes the event `crashed`, without messages and variables.
    """
    terminal = stream.isatty()
    number = logging.getLevelNamesMapping()[level.upper()]
    line = _Line(stream)
    structlog.configure(
        processors=_processors(console=fmt == "console" or (fmt == "auto" and terminal), colors=terminal),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: line,
        cache_logger_on_first_use=False,  # the logger of a module must follow a second set-up
    )
    logging.basicConfig(handlers=[_ThirdParty()], level=_THIRD_PARTY_LEVEL, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(_THIRD_PARTY_LEVEL)
    sys.excepthook = _crashed
    threading.excepthook = lambda args: _crashed(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = _unraisable


def _processors(*, console: bool, colors: bool) -> list[Processor]:
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False) if console else _json
    time_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return [structlog.processors.add_log_level, time_stamp, _harmless, renderer]


def _json(_logger: object, _method: str, event: EventDict) -> str:
    """One JSON object, beginning with the time, the level and the name."""
    head = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return orjson.dumps({**head, **event}, default=str).decode()


def _harmless(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace what may hold data: `exc_info` by a description, an exception by its type, bytes by their number."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
    for name, value in event.items():
        if isinstance(value, BaseException):
            event[name] = type(value).__name__
        elif isinstance(value, bytes | bytearray | memoryview):
            event[name] = f"({len(value)} bytes)"
    return event


def _crashed(kind: type[BaseException], error: BaseException | None, where: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error or kind(), where)
    else:
        log.critical("crashed", message=_REPORT, exc_info=error)


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    log.warning("library_logged", logger="python", message="an error that could not be raised", exc_info=args.exc_value)


class _Line:
    """Writes lines, one at a time, from any thread; a broken output never stops the service."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def _write(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # a broken pipe, a closed stream
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = _write


class _ThirdParty(logging.Handler):
    """Turns records of the standard library's logging into the two events for them, each text once in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Log it as a warning; `confluent_kafka` passes librdkafka's (facility, client, message) as arguments."""
        if record.name == "confluent_kafka" and isinstance(record.args, tuple) and len(record.args) == _LIBRDKAFKA:
            facility, client, message = record.args
            self._warn("librdkafka", (facility, client), facility=facility, client=client, message=message)
        else:
            where, error = place(record), record.exc_info[1] if record.exc_info else None
            fields = {"logger": record.name, "message": template(record), "place": where, "exc_info": error}
            self._warn("library_logged", (record.name, where), **fields)

    def _warn(self, event: str, cause: tuple[object, ...], **fields: object) -> None:
        suppressed = self._repeats.admit(cause, time.monotonic())
        if suppressed is not None:
            log.warning(event, **fields, suppressed=suppressed)
