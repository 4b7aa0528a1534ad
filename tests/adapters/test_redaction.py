from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.adapters.redaction import WITHHELD, describe, place, template
from consumer.errors import Stopped

SECRET = "c-4711"


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as seen:  # noqa: BLE001  a group may hold any
        return seen


def record(message: object, *args: object) -> logging.LogRecord:
    path = "/venv/lib/python3.11/site-packages/aiohttp/client.py"
    return logging.LogRecord("n", logging.WARNING, path, 433, message, args, None)


def test_type_and_place_are_told_and_the_message_is_not() -> None:
    head, where = describe(caught(ValueError(SECRET))).splitlines()
    assert head == "ValueError"
    assert where.startswith("  at ")
    assert "tests/adapters/test_redaction.py:" in where
    assert where.endswith(" in caught")


def test_causes_and_contexts_are_told_as_the_interpreter_would() -> None:
    def heads(error: BaseException) -> list[str]:
        return [line for line in describe(error).splitlines() if not line.startswith("  at")]

    assert heads(caught(ValueError(SECRET), KeyError(SECRET))) == ["ValueError", "caused by KeyError"]
    implicit = ValueError(SECRET)
    implicit.__context__ = KeyError(SECRET)
    assert heads(implicit) == ["ValueError", "caused by KeyError"]
    implicit.__suppress_context__ = True
    assert heads(implicit) == ["ValueError"]


def test_the_members_of_a_group_are_told() -> None:
    group = ExceptionGroup(SECRET, [ValueError(SECRET), ExceptionGroup(SECRET, [KeyError(SECRET)])])
    text = describe(caught(group))
    assert [line for line in text.splitlines() if " at " not in line] == [
        "ExceptionGroup",
        "  | ValueError",
        "  | ExceptionGroup",
        "  |   | KeyError",
    ]
    assert SECRET not in text


def test_a_ring_of_causes_comes_to_an_end() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert describe(one).count("\n") == 7


def test_a_deep_stack_is_cut_to_its_newest_calls() -> None:
    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
        raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET) as seen:
        deep(50)
    assert describe(seen.value).count(" at ") == 12


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Stopped("the reason"), "consumer.errors.Stopped: the reason"),
        (OSError(111, SECRET), "ConnectionRefusedError: ECONNREFUSED (Connection refused)"),
        (OSError(SECRET), "OSError"),
        (OSError(99_999, SECRET), "OSError"),
        (FileNotFoundError(2, SECRET, SECRET), "FileNotFoundError: ENOENT (No such file or directory)"),
        (
            KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN, SECRET)),
            "cimpl.KafkaException: _ALL_BROKERS_DOWN",
        ),
        (KafkaException(SECRET), "cimpl.KafkaException"),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), "UnicodeDecodeError"),
    ],
)
def test_a_message_is_told_only_where_it_cannot_hold_data(error: BaseException, told: str) -> None:
    assert describe(error) == told


def test_notes_are_left_out() -> None:
    error = ValueError()
    error.add_note(SECRET)
    assert describe(error) == "ValueError"


@pytest.mark.parametrize(
    ("logged", "told"),
    [
        (record("Error handling request from %s", SECRET), "Error handling request from %s"),
        (record("%s " + "x" * 300, SECRET), "%s " + "x" * 197),
        (record("Unclosed client session\nclient_session: " + SECRET), "Unclosed client session"),
        (record("Exception in callback f('c-4711')"), "Exception in callback"),
        (record("A plain text"), WITHHELD),
        (record(SECRET), WITHHELD),
        (record(ValueError(SECRET)), WITHHELD),
    ],
)
def test_a_text_is_told_as_the_library_wrote_it_or_not_at_all(logged: logging.LogRecord, told: str) -> None:
    assert template(logged) == told


def test_a_place_is_told_within_its_package() -> None:
    assert place(record("x")) == "aiohttp/client.py:433"
    elsewhere = record("x")
    for path, told in (("/usr/lib/python3.11/asyncio/x.py", "asyncio/x.py"), ("/app/consumer/a.py", "consumer/a.py")):
        elsewhere.pathname = path
        assert place(elsewhere) == f"{told}:433"
