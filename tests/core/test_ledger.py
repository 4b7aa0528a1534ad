# ruff: noqa: S311  # chance from a seed, not a secret
from __future__ import annotations

import math
import random
from typing import Any

import orjson
import pytest

from consumer.core.ledger import Close, Entry, Ledger, Take, decode, encode

WINDOW, LIFE, AT = 2000.0, 10.0, 50_000.0
LATE = 2.002
"""Seconds by which what is kept in buckets may come free too late: window ÷ 1000, and a tick of the brokers' clocks."""


def take(lease: str, calls: int, at: float = AT, **others: Any) -> Take:
    return Take(lease, others.pop("instance", "i"), calls, LIFE, at, **others)


def ledger(*entries: tuple[Entry, float]) -> Ledger:
    read = Ledger(WINDOW)
    for entry, broker_time in entries:
        read.read(entry, broker_time)
    return read


@pytest.mark.parametrize(
    "entry",
    [take("a.1", 5, waiting=7), take("a.2", 0), take("job", 5, note="the nightly import"), Close("a.1", 3)],
    ids=["take", "nothing", "job", "close"],
)
def test_an_entry_survives_its_record(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


def test_records_have_the_documented_fields() -> None:
    assert orjson.loads(encode(take("a.1", 5, waiting=7))) == {
        "lease": "a.1",
        "instance": "i",
        "take": 5,
        "life": 10.0,
        "at": 50_000.0,
        "waiting": 7,
    }
    assert orjson.loads(encode(take("a.1", 5, note="n")))["note"] == "n"
    assert orjson.loads(encode(Close("a.1", 3))) == {"lease": "a.1", "used": 3}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"no json",
        b"[]",
        b'{"take": 5}',
        b'{"lease": 1, "used": 1}',
        b'{"lease": "a"}',
        b'{"lease": "a", "used": -1}',
        b'{"lease": "a", "used": true}',
        b'{"lease": "a", "take": 1.5, "life": 1, "at": 1}',
        b'{"lease": "a", "take": 1, "life": true, "at": 1}',
        b'{"lease": "a", "take": 1, "life": 1, "at": "now"}',
        b'{"lease": "a", "take": 1, "life": -1, "at": 1}',
        b'{"lease": "a", "take": 1, "life": 1, "at": 1, "waiting": null}',
    ],
)
def test_what_others_wrote_is_no_entry(value: bytes | None) -> None:
    assert decode(value) is None


def test_a_take_of_nothing_for_no_time_is_an_entry() -> None:
    assert decode(b'{"lease": "a", "instance": "i", "take": 0, "life": 0, "at": 0}') == Take("a", "i", 0, 0, 0)


def test_unknown_fields_are_tolerated_and_a_note_is_text() -> None:
    record = b'{"lease": "a", "instance": "i", "take": 1, "life": 1, "at": 2, "new": [], "note": 5}'
    assert decode(record) == Take("a", "i", 1, 1, 2, note="5")


def test_a_lease_counts_for_the_window_and_its_life() -> None:
    read = ledger((take("a", 5), AT))
    until = AT + 0.001 + WINDOW + LIFE
    assert (read.used(AT), read.used(until), read.used(until + 0.001)) == (5, 5, 0)


def test_the_later_of_brokers_and_writers_time_counts() -> None:
    assert ledger((take("a", 5, at=AT + 100), AT)).used(AT + WINDOW + LIFE + 99) == 5
    assert ledger((take("a", 5, at=AT - 100), AT)).used(AT + WINDOW + LIFE) == 5


def test_a_brokers_time_that_steps_back_does_not_count() -> None:
    read = ledger((take("a", 5), AT), (take("b", 2, at=AT - 500), AT - 500))
    assert read.used(AT + WINDOW + LIFE) == 7


def test_a_closed_lease_counts_what_it_used_and_up_to_a_thousandth_of_the_window_longer() -> None:
    read = ledger((take("a", 5), AT), (Close("a", 2), AT + 1))
    assert (read.used(AT + 1), read.used(AT + WINDOW + LIFE), read.used(AT + WINDOW + LIFE + LATE)) == (2, 2, 0)


def test_the_first_close_counts_and_one_without_its_take_does_not() -> None:
    read = ledger(
        (Close("x", 9), AT), (take("a", 5), AT), (Close("a", 2), AT), (Close("a", 0), AT), (Close("x", 0), AT)
    )
    assert read.used(AT) == 2


def test_a_repeated_take_is_the_same_lease_and_keeps_its_time() -> None:
    read = ledger((take("a", 5), AT), (take("a", 5, at=AT + 100), AT + 100))
    assert (read.used(AT + 100), read.used(AT + WINDOW + LIFE + 1)) == (5, 0)


def test_what_came_free_can_be_forgotten() -> None:
    read = ledger(
        (take("a", 5), AT),
        (take("b", 4), AT),
        (Close("b", 3), AT),
        (take("c", 2), AT + 0.002),
        (Close("c", 2), AT + 1),
        (take("d", 7), AT + 500),
    )
    read.forget(AT + WINDOW + LIFE + 100)
    assert read.used(AT) == 7
    read.read(Close("a", 0), AT + 500)
    read.read(Close("d", 6), AT + 500)
    assert read.used(AT) == 6
    read.read(take("e", 1), AT + 500)
    read.forget(math.inf)
    assert (read.used(AT), read.free_at(1)) == (0, math.inf)
    assert [len(kept) for kept in (read._open, read._closed, read._ends, read._frees)] == [0] * 4


def test_a_lease_that_was_closed_and_repeated_counts_once_more_and_is_forgotten_in_its_time() -> None:
    read = ledger((take("a", 5), AT), (Close("a", 1), AT), (take("a", 5, at=AT + 100), AT + 100))
    assert read.used(AT + 100) == 6
    read.forget(AT + WINDOW + LIFE + 50)
    assert read.used(AT + WINDOW + LIFE + 50) == 5


def test_the_time_at_which_calls_come_free_is_known() -> None:
    read = ledger((take("a", 5), AT), (take("b", 3, at=AT + 500), AT + 500))
    first, second = AT + WINDOW + LIFE, AT + WINDOW + LIFE + 500
    assert first <= read.free_at(8) <= first + LATE
    assert first <= read.free_at(4) <= first + LATE
    assert second <= read.free_at(3) <= second + LATE
    assert read.used(read.free_at(8)) < 8
    assert read.freed([first - 1, first + 3, second + 3, second + 9]) == [0, 5, 8, 8]
    assert read.freed([second + 3]) == [8]


def test_calls_come_free_in_the_order_of_their_times_not_of_their_records() -> None:
    read = ledger((take("a", 5, at=AT + 500), AT), (take("b", 3), AT))
    assert AT + WINDOW + LIFE <= read.free_at(8) <= AT + WINDOW + LIFE + LATE


def test_a_closed_lease_comes_free_at_the_time_that_is_told() -> None:
    read = ledger((take("a", 5), AT), (Close("a", 2), AT + 1))
    free_at = read.free_at(2)
    assert AT + WINDOW + LIFE <= free_at <= AT + WINDOW + LIFE + LATE
    assert (read.used(free_at), read.used(free_at + 0.001)) == (2, 0)


def test_the_fold_agrees_with_plain_arithmetic() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)
    read, now = Ledger(WINDOW), AT
    taken: dict[str, tuple[float, int]] = {}
    used: dict[str, int] = {}
    for number in range(2000):
        now += chance.uniform(0, 4)
        name = f"l{number}"
        taken[name] = (now, chance.randrange(9))
        read.read(take(name, taken[name][1], at=now), now)
        if chance.random() < 0.7:
            closing = chance.choice(list(taken)[-20:])
            used.setdefault(closing, chance.randint(0, taken[closing][1]))
            read.read(Close(closing, used[closing]), now)
        if chance.random() < 0.2:
            read.forget(now)
        counting = {name for name, (since, _) in taken.items() if since > now - WINDOW - LIFE - LATE}
        surely = {name for name in counting if taken[name][0] > now - WINDOW - LIFE}
        least, most = (sum(used.get(name, taken[name][1]) for name in names) for names in (surely, counting))
        assert least <= read.used(now) <= most


def test_those_who_wait_are_known_until_they_were_silent_for_a_life() -> None:
    read = ledger(
        (take("a.1", 0, instance="a", waiting=5), AT),
        (take("b.1", 0, instance="b", waiting=3), AT + 6),
        (take("c.1", 0, instance="c", waiting=0), AT + 6),
        (take("job", 1, instance="j", waiting=9, note="a job"), AT + 6),
    )
    assert sorted(read.waiting(AT + 6, but="x")) == [3, 5]
    assert read.waiting(AT + 6, but="b") == [5]
    assert read.waiting(AT + 11, but="x") == [3]
    assert read.waiting(AT + 17, but="x") == []
