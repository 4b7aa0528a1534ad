from __future__ import annotations

import pytest

from consumer.core.letter import Letter, Selection, obstacle, read_letter, replayed_headers
from consumer.core.record import Record

HEADERS: dict[str, bytes | None] = {
    "dead-letter.topic": b"visits",
    "dead-letter.partition": b"3",
    "dead-letter.timestamp": b"1700000000000",
    "dead-letter.reason": b"refused",
    "dead-letter.mapping": b"visit",
    "dead-letter.replays": b"2",
    "own": b"\xff",
}
LETTER = Letter("visits", 3, 1_700_000_000_000, 42, "refused", "visit", 2, "")


def record(**changes: bytes | None) -> Record:
    headers = HEADERS | {f"dead-letter.{name}": value for name, value in changes.items()}
    return Record("dead", 0, 7, 42, b"k", b"v", tuple(headers.items()))


def test_what_the_headers_say() -> None:
    assert read_letter(record()) == LETTER
    assert read_letter(record(body=b"lost")) == LETTER._replace(body="lost")


def test_a_header_of_the_events_own_is_none_of_ours() -> None:
    assert read_letter(record()._replace(headers=(*record().headers, ("topic", b"own"), ("reason", b"own")))) == LETTER


def test_a_letter_without_a_reason_has_an_empty_one() -> None:
    headers = tuple(item for item in record().headers if item[0] != "dead-letter.reason")
    assert read_letter(record()._replace(headers=headers)) == LETTER._replace(reason="")


def test_a_letter_without_a_mapping_has_none() -> None:
    headers = tuple(item for item in record().headers if item[0] != "dead-letter.mapping")
    assert read_letter(record()._replace(headers=headers)) == LETTER._replace(mapping=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": b""},
        {"topic": None},
        {"partition": b"-1"},
        {"partition": b"x"},
        {"partition": "²".encode()},
        {"partition": "٣".encode()},
        {"timestamp": b""},
        {"replays": b"1.5"},
    ],
)
def test_what_another_program_wrote_is_no_letter(changes: dict[str, bytes | None]) -> None:
    assert read_letter(record(**changes)) is None
    assert read_letter(record()._replace(headers=())) is None


def test_a_replay_keeps_the_events_own_headers_and_counts_one_more() -> None:
    assert replayed_headers(record(), LETTER) == [("own", b"\xff"), ("dead-letter.replays", b"3")]


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(), True),
        (Selection("refused", "visit", 42), True),
        (Selection(reason="gave_up"), False),
        (Selection(mapping="loan"), False),
        (Selection(since=43), False),
    ],
)
def test_a_selection_wants_what_fits_all_of_it(selection: Selection, *, wanted: bool) -> None:
    assert selection.wants(LETTER) is wanted


def test_in_the_way_stand_a_lost_body_and_too_many_replays() -> None:
    assert obstacle(LETTER, 3) is None
    assert obstacle(LETTER, 2) == "replayed 2 times or more already (--max-replays)"
    assert obstacle(LETTER._replace(body="cut"), 3) == "the body was cut when the letter was written"
