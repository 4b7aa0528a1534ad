from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from consumer.adapters import logs
from consumer.adapters.logs import IdentityHasher, Repeats
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "mbox3rdPartyId=c-4711"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _everything_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging belongs to the process: what a test sets up is put back."""
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    structlog_before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()  # pytest's own are not to be closed
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**structlog_before)


def configured(level: str = "debug", fmt: logs.Format = "json", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    logs.configure(level, fmt, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_that_begins_with_time_level_and_event() -> None:
    stream = configured()
    structlog.get_logger().info("committed", topic="t", offset=3, when="a\nb")
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "event", "topic", "offset", "when"]
    assert (line["level"], line["event"], line["offset"], line["when"]) == ("info", "committed", 3, "a\nb")
    assert stream.getvalue().count("\n") == 1


def test_the_timestamp_is_rfc_3339_in_utc() -> None:
    stream = configured()
    structlog.get_logger().info("committed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", lines(stream)[0]["timestamp"])


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_a_threshold(level: str, shown: int) -> None:
    stream = configured(level)
    log = structlog.get_logger()
    for say in (log.debug, log.info, log.warning, log.error):
        say("committed")
    assert len(lines(stream)) == shown


def test_a_logger_made_before_the_set_up_follows_it_and_the_next() -> None:
    log = structlog.get_logger()
    first, second = configured(), configured()
    log.info("committed")
    assert (len(lines(first)), len(lines(second))) == (0, 1)


def test_auto_is_json_in_a_pipe_and_readable_on_a_terminal() -> None:
    for fmt, stream, is_json in (
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("console", io.StringIO(), False),
    ):
        configured("info", fmt, stream)  # type: ignore[arg-type]
        structlog.get_logger().info("committed", topic="t")
        assert stream.getvalue().startswith("{") is is_json
        assert "committed" in stream.getvalue()


def test_the_console_format_has_colours_on_a_terminal_only() -> None:
    for stream, coloured in ((io.StringIO(), False), (Terminal(), True)):
        configured("info", "console", stream)
        structlog.get_logger().info("committed")
        assert ("\x1b[" in stream.getvalue()) is coloured


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_an_exception_shows_types_and_places_and_no_message_variable_or_body(fmt: logs.Format) -> None:
    def call(url: str) -> None:
        body = SECRET.encode()
        try:
            raise ConnectionError(f"{url} {body!r}")
        except ConnectionError as error:
            raise RuntimeError(SECRET) from error

    stream = configured(fmt=fmt)
    try:
        call(f"https://acme.tt.omtrdc.net/?{SECRET}")
    except RuntimeError as error:
        structlog.get_logger().exception("crashed")
        structlog.get_logger().error("crashed", exc_info=error)
        structlog.get_logger().error("crashed", error=error)
    text = stream.getvalue()
    assert text.count("RuntimeError") == 3
    assert text.count("ConnectionError") == 2
    assert "in call" in text
    assert "4711" not in text


def test_an_exception_of_our_own_shows_its_message() -> None:
    stream = configured()
    structlog.get_logger().error("crashed", exc_info=Stopped("the ledger has other settings"))
    assert lines(stream)[0]["exception"] == "consumer.errors.Stopped: the ledger has other settings"


def test_bytes_are_never_shown() -> None:
    stream = configured()
    structlog.get_logger().info("committed", value=SECRET.encode(), view=memoryview(b"4711"))
    (line,) = lines(stream)
    assert (line["value"], line["view"]) == ("(21 bytes)", "(4 bytes)")


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "aiohttp.access", "asyncio", "confluent_kafka", "other"])
def test_libraries_speak_from_warning_on_whatever_our_level_is(name: str) -> None:
    stream = configured("debug")
    logger = logging.getLogger(name)
    logger.debug("to %s", SECRET)
    logger.info("to %s", SECRET)
    assert lines(stream) == []
    logger.warning("to %s", SECRET)
    assert [line["event"] for line in lines(stream)] == ["library_logged"]


def test_a_library_that_lowers_the_root_logger_cannot_make_others_talk() -> None:
    stream = configured()
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("httpx").info("HTTP Request: %s", SECRET)
    logging.getLogger("httpcore.connection").debug("%s", SECRET)
    assert lines(stream) == []


def test_what_was_put_into_the_text_of_a_library_is_left_out() -> None:
    stream = configured()
    error = ValueError(SECRET)
    logging.getLogger("aiohttp.server").error("Error handling request from %s", SECRET, exc_info=error)
    logging.getLogger("other").error("failed: " + SECRET)  # noqa: G003  what a careless library does
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {SECRET}")  # noqa: G004  as asyncio does
    assert "4711" not in stream.getvalue()
    careful, careless, task = lines(stream)
    assert careful["logger"] == "aiohttp.server"
    assert careful["message"] == "Error handling request from %s"
    assert careful["exception"] == "ValueError"
    assert "tests/adapters/test_logs.py:" in careful["place"]
    assert careless["message"] == "(text withheld, it may hold data)"
    assert task["message"] == "Task exception was never retrieved"
    assert {line["level"] for line in lines(stream)} == {"warning"}


def test_librdkafka_keeps_its_text_which_names_brokers() -> None:
    stream = configured()
    logging.getLogger("confluent_kafka").error("%s [%s] %s", "FAIL", "rdkafka#consumer-1", "connect to broker failed")
    (line,) = lines(stream)
    assert line["event"] == "librdkafka"
    assert (line["facility"], line["client"], line["message"]) == (
        "FAIL",
        "rdkafka#consumer-1",
        "connect to broker failed",
    )


def test_libraries_repeat_themselves_once_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = configured(), [100.0]
    monkeypatch.setattr("consumer.adapters.logs.time.monotonic", lambda: now[0])

    def fail(facility: str) -> None:
        logging.getLogger("confluent_kafka").error("%s [%s] %s", facility, "client", "text")

    for now[0] in (100.0, 101.0, 109.9, 110.0):
        fail("FAIL")
    fail("MAXPOLL")
    assert [(line["facility"], line["suppressed"]) for line in lines(stream)] == [
        ("FAIL", 0),
        ("FAIL", 2),
        ("MAXPOLL", 0),
    ]


def test_what_nobody_catches_is_a_log_line_without_its_message() -> None:
    stream = configured()
    error = ValueError(SECRET)
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=lambda: [][int(SECRET.removeprefix("mbox3rdPartyId=c-"))])
    thread.start()
    thread.join()
    assert [line["event"] for line in lines(stream)] == ["crashed", "crashed"]
    assert [line["level"] for line in lines(stream)] == ["critical", "critical"]
    assert re.match(r"IndexError\n  at \S*tests/adapters/test_logs.py:\d+ in <lambda>", lines(stream)[1]["exception"])
    assert "4711" not in stream.getvalue()


def test_an_error_in_a_destructor_is_told_without_its_message() -> None:
    class Careless:
        def __del__(self) -> None:
            raise ValueError(SECRET)

    stream = configured()
    Careless()
    (line,) = lines(stream)
    assert (line["event"], line["exception"].splitlines()[0]) == ("library_logged", "ValueError")
    assert "4711" not in stream.getvalue()


def test_an_interrupt_from_the_keyboard_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    stream = configured()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_a_broken_output_stops_nobody() -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    configured(stream=Broken())
    structlog.get_logger().info("committed")
    closed = configured()
    closed.close()
    structlog.get_logger().info("committed")


def test_lines_of_many_threads_do_not_mix() -> None:
    stream = configured()

    def talk() -> None:
        for number in range(200):
            structlog.get_logger().info("committed", offset=number, topic="t" * 100)
            logging.getLogger(f"other{number}").warning("text %s", number)

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in lines(stream) if line["event"] == "committed"]) == 800


def test_an_identity_is_a_short_keyed_hash() -> None:
    key, other = IdentityHasher("k"), IdentityHasher("K")
    assert key(b"mbox3rdPartyId=c-1") == "542d29bd034961a8"  # openssl dgst -sha256 -hmac k
    assert key(b"mbox3rdPartyId=c-2") != key(b"mbox3rdPartyId=c-1") != other(b"mbox3rdPartyId=c-1")


@pytest.mark.parametrize("none", [None, ""])
def test_without_a_key_hashes_agree_within_one_process_only(none: str | None) -> None:
    one, other = IdentityHasher(none), IdentityHasher(none)
    assert one(b"x") == one(b"x") != other(b"x")


def test_a_cause_passes_once_in_ten_seconds_and_counts_what_it_held_back() -> None:
    repeats = Repeats()
    assert [repeats.admit("a", now) for now in (0.0, 0.1, 9.9, 10.0, 19.9, 20.0)] == [0, None, None, 2, None, 1]


def test_causes_are_apart_and_the_first_always_passes() -> None:
    repeats = Repeats()
    assert [repeats.admit(cause, 5.0) for cause in ("a", "b", "a", ("a", 1))] == [0, 0, None, 0]


def test_causes_without_end_are_forgotten_when_their_time_is_over() -> None:
    repeats = Repeats()
    for number in range(5000):
        assert repeats.admit(number, number * 1.0) == 0
    assert len(repeats._causes) <= 1000
    assert repeats.admit(4999, 5000.0) is None
