"""Whose turn it is, what its call carries, and what its outcome means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core.command import ReadAgain, Send
from consumer.core.delivery import MOST_BYTES, ROOM
from consumer.core.outcome import Throttled, Transient
from consumer.core.pairs import split
from consumer.core.tally import Arrival
from tests.core.builders import (
    FAILED,
    FORBIDDEN,
    LIMITS,
    MILLIS,
    OK,
    T0,
    T1,
    THROTTLED,
    TIMEOUT,
    WALL,
    Script,
    calls,
    letters,
    readings,
)

if TYPE_CHECKING:
    from consumer.core.command import Command


def test_a_delivered_event_is_committed_and_counted() -> None:
    script = Script().assign(committed=7).give(7, "c1:5", timestamp=MILLIS + 3)
    assert script.commit() == (7, "")
    assert script.one() == "c1:v=5"
    assert script.commit() == (8, "")
    assert script.commit() is None
    assert script.engine.tally.records == {("t", "delivered", 0): 1}
    assert script.engine.tally.arrivals == [Arrival(1, MILLIS + 3, b"mbox3rdPartyId=c1")]


def test_nothing_is_resolved_before_the_outcome() -> None:
    script = Script().assign().give(0, "c1:5")
    script.sends()
    assert script.commit() == (0, "")
    assert script.engine.pending_events == 1


def test_skipped_and_unmatched_are_resolved_at_once_and_counted() -> None:
    script = Script().assign().give(0, "skip", "none", "skip")
    assert script.sends() == []
    assert script.commit() == (3, "")
    assert script.engine.tally.records == {("t", "skipped", 3): 2, ("t", "unmatched", None): 1}


def test_records_of_a_partition_that_is_not_ours_and_records_seen_before_are_let_go() -> None:
    script = Script().assign().give(0, "c1:1").give(0, "c1:0").give(0, "c9:9", at=T1)
    assert script.one() == "c1:v=1"
    assert script.sends() == []
    assert script.commit() == (1, "")


def test_what_waits_merges_attribute_by_attribute_and_the_later_offset_wins_whatever_its_time() -> None:
    script = Script(max_in_flight=1).assign().give(0, "other:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1,b=1", timestamp=MILLIS + 9).give(2, "c1:b=2,c=2", timestamp=MILLIS).give(3, "c1:a=3")
    script.end(first.number)
    assert sorted(script.one().removeprefix("c1:").split(",")[0].split("&")) == ["a=3", "b=2", "c=2"]
    assert script.commit() == (4, "")
    assert script.engine.tally.arrivals[-1].events == 3


def test_the_same_attributes_are_replaced_whole() -> None:
    script = Script(max_in_flight=1).assign().give(0, "other:1")
    (first,) = script.sends()
    script.give(1, *(f"c1:a={number},b={number}" for number in range(50)))
    size = script.engine.pending_bytes
    script.give(51, "c1:a=51,b=51")
    assert script.engine.pending_bytes == size + 4
    script.end(first.number)
    assert script.one() == "c1:a=51&b=51"
    assert script.commit() == (52, "")


def test_events_of_two_mappings_merge_and_are_counted_for_each() -> None:
    script = Script(max_in_flight=1).assign().give(0, "other:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1", "c1!:b=2", "c1:a=3", "c1!:b=4")
    script.end(first.number)
    assert sorted(script.one().removeprefix("c1:").split("&")) == ["a=3", "b=4"]
    assert script.engine.tally.records == {("t", "delivered", 0): 3, ("t", "delivered", 1): 2}
    assert script.commit() == (5, "")


def test_an_event_of_another_mapping_that_sets_the_same_attributes_replaces_them_and_each_is_counted() -> None:
    script = Script(max_in_flight=1).assign().give(0, "other:1")
    (first,) = script.sends()
    script.give(1, "c1:1", "c1!:2")
    script.end(first.number)
    assert script.one() == "c1:v=2"
    assert script.engine.tally.records == {("t", "delivered", 0): 2, ("t", "delivered", 1): 1}
    assert script.commit() == (3, "")


def test_never_two_calls_of_one_identity_and_what_arrives_meanwhile_is_a_call_of_its_own() -> None:
    script = Script().assign().assign(T1).give(0, "c1:1")
    (first,) = script.sends()
    script.give(1, "c1:2").give(0, "c1:3", at=T1)
    assert script.sends() == []
    script.end(first.number)
    assert script.one() == "c1:v=3"
    assert script.sends() == []


def test_an_edge_suffix_does_not_make_another_identity_and_the_newest_one_is_sent() -> None:
    script = Script().assign().give(0, "pc1.28_0:a=1")
    (first,) = script.sends()
    assert first.identity == "pc1.28_0"
    script.give(1, "pc1:a=2", "pc1.34_0:b=3")
    assert script.sends() == []
    script.end(first.number)
    assert script.one() == "pc1.34_0:a=2&b=3"


def test_between_partitions_the_later_event_time_wins_and_at_equal_times_the_event_read_later() -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "other:1")
    (first,) = script.sends()
    script.give(1, "c1:a=old,b=old", timestamp=MILLIS + 1).give(0, "c1:a=new,b=new", at=T1, timestamp=MILLIS + 1)
    script.give(2, "c1:b=newest", timestamp=MILLIS + 2).give(1, "c1:b=late", at=T1, timestamp=MILLIS + 1)
    script.end(first.number)
    assert script.one() == "c1:a=new&b=newest"
    assert {commit.offset for commit in script.engine.commits()} == {3, 2}


def test_who_waits_longest_goes_first_and_one_under_way_goes_to_the_end() -> None:
    script = Script(max_in_flight=1).assign().give(0, "c1:1", "c2:1", "c3:1")
    order = []
    for offset in range(3, 6):
        (sent,) = script.sends()
        script.give(offset, "c1:2")
        script.end(sent.number)
        order.append(sent.identity)
    script.settle(lambda sent: order.append(sent.identity) or OK)  # type: ignore[func-returns-value]  # always None
    assert order == ["c1", "c2", "c3", "c1"]


def test_an_identity_with_nine_tenths_of_all_events_holds_up_no_other_and_takes_few_calls() -> None:
    script = Script(max_in_flight=2).assign()
    answered: list[str] = []
    for offset in range(0, 1000, 10):
        script.give(offset, *[f"hot:{offset + number}" for number in range(9)], f"c{offset}:1")
        for sent in script.sends():
            answered.append(sent.identity)
            script.end(sent.number)
    script.settle(lambda sent: answered.append(sent.identity) or OK)  # type: ignore[func-returns-value]  # always None
    assert answered.count("hot") == 100, "one call for what came while the one before was on the wire"
    assert [identity for identity in answered if identity != "hot"] == [f"c{offset}" for offset in range(0, 1000, 10)]
    assert len(answered) == 200
    assert script.commit() == (1000, "")


@pytest.mark.parametrize("most", [1, 2, 5])
def test_as_many_calls_at_once_as_allowed(most: int) -> None:
    script = Script(max_in_flight=most).assign().give(0, *(f"c{number}:1" for number in range(most + 1)))
    sends = script.sends()
    assert len(sends) == most
    assert script.engine.wait(script.now, 0.1) == 0.1
    assert script.sends() == []
    script.end(sends[0].number)
    assert len(script.sends()) == 1


# -- again ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [FAILED, TIMEOUT])
def test_a_retry_waits_and_carries_all_values_and_newer_ones_merge_in_meanwhile(outcome: Transient) -> None:
    script = Script().assign().give(0, "c1:a=1,b=1")
    script.one(outcome)
    script.give(1, "c1:b=2,c=2").give(2, "c1:c=3")
    assert script.sends() == []
    assert script.commit() == (0, "")
    assert script.engine.wait(script.now, 9.0) == 0.5
    script.boot += 0.49
    assert script.sends() == []
    script.boot += 0.01
    assert script.one() == "c1:a=1&b=2&c=3"
    assert script.commit() == (3, "")


def test_waits_double_and_begin_anew_after_a_success() -> None:
    script = Script().assign().give(0, "c1:1")
    for wait in (0.5, 1.0, 2.0, 4.0):
        script.one(FAILED)
        assert script.engine.wait(script.now, 99.0) == pytest.approx(wait)
        script.boot += wait
    script.one()
    script.give(1, "c1:2")
    script.one(FAILED)
    assert script.engine.wait(script.now, 99.0) == pytest.approx(0.5)


def test_retry_after_wins_up_to_the_longest_wait() -> None:
    script = Script(LIMITS._replace(retry_max=20.0)).assign().give(0, "c1:1")
    script.one(Transient(503, "server_error", 7.0))
    assert script.engine.wait(script.now, 99.0) == pytest.approx(7.0)
    script.boot += 7
    script.one(Transient(503, "server_error", 70.0))
    assert script.engine.wait(script.now, 99.0) == pytest.approx(20.0)


@pytest.mark.parametrize(("asked", "wait"), [(7.0, 7.0), (700.0, 300.0), (None, 1.0)])
def test_the_first_throttled_call_stops_everything(asked: float | None, wait: float) -> None:
    script = Script().assign().give(0, "c1:1", "c2:1")
    first, second = script.sends()
    script.give(2, "c3:1")
    script.end(first.number, Throttled(429, asked))
    script.end(second.number)
    assert script.sends() == []
    script.boot += wait - 0.01
    assert script.sends() == []
    script.boot += 0.01
    assert {sent.identity for sent in script.sends()} <= {"c1", "c3"}


def test_without_retry_after_a_throttled_lane_is_ready_as_soon_as_the_sender_is() -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(Throttled(429, None))
    assert script.engine._delivery._ready[0][0] == script.boot


def test_the_loop_waits_for_a_retry_and_no_longer_for_a_slot_that_came_free() -> None:
    script = Script(max_in_flight=1).assign().give(0, "c1:1", "c2:1")
    (first,) = script.sends()
    script.end(first.number, FAILED)
    assert script.one() == "c2:v=1"
    assert script.sends() == []
    assert script.engine.wait(script.now, 9.0) == 0.5


@pytest.mark.parametrize(("asked", "wait"), [(7.0, 7.0), (700.0, 300.0)])
def test_once_a_rate_is_learned_a_throttled_call_delays_its_own_identity_alone(asked: float, wait: float) -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(Throttled(429, 1.0))
    script.boot += 1
    script.one()
    script.give(1, "c2:1", "c3:1", "c2:2")
    script.boot += 2
    assert script.one(Throttled(429, asked)) == "c2:v=2"
    script.boot += 2
    assert script.one() == "c3:v=1"
    assert script.engine.wait(script.now, 9999.0) == pytest.approx(wait - 2)
    script.boot += wait - 2.01
    assert script.sends() == []
    script.boot += 0.01
    assert script.one() == "c2:v=2"


def test_of_several_to_be_repeated_the_one_that_is_due_first_goes_first_and_is_waited_for() -> None:
    script = Script().assign().give(0, "c1:1", "c2:1", "c3:1")
    for sent, seconds in zip(script.sends(), (3.0, 1.0, 2.0), strict=True):
        script.end(sent.number, Transient(503, "status", seconds))
    for name in ("c2", "c3", "c1"):
        assert script.sends() == []
        assert script.engine.wait(script.now, 9.0) == 1.0
        script.boot += 1
        assert script.one() == f"{name}:v=1"


def test_a_throttled_lane_goes_back_unharmed() -> None:
    script = Script().assign().give(0, "c1:a=1")
    script.one(THROTTLED)
    script.give(1, "c1:b=2")
    script.boot += 7
    assert script.one() == "c1:a=1&b=2"
    assert script.commit() == (2, "")


def test_while_target_takes_nobody_all_waits_and_nothing_dies() -> None:
    script = Script().assign().give(0, "c1:1", "c2:1")
    first, second = script.sends()
    script.end(first.number, FORBIDDEN)
    script.end(second.number, FORBIDDEN)
    assert script.sends() == []
    for _ in range(5):
        script.boot += 1
        (probe,) = script.sends()
        script.end(probe.number, FORBIDDEN)
    script.boot += 1
    script.one()
    assert script.settle() == []
    assert script.commit() == (2, "")


# -- linger --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "sent"), [(-50.0, 0), (9.999, 0), (10.0, 1), (11.0, 1)])
def test_linger_is_counted_from_the_oldest_waiting_events_timestamp(age: float, sent: int) -> None:
    script = Script(LIMITS._replace(linger=10.0)).assign()
    written = int((WALL + script.boot - age) * 1000)
    script.give(0, "c1:1", timestamp=written).give(1, "c1:2", timestamp=written + 5000)
    assert len(script.sends()) == sent


def test_an_event_of_the_future_lingers_no_longer_than_one_of_now() -> None:
    script = Script(LIMITS._replace(linger=10.0)).assign()
    script.give(0, "c1:1", timestamp=int((WALL + 1e6) * 1000))
    script.boot += 9.9
    assert script.sends() == []
    script.boot += 0.1
    assert script.one() == "c1:v=1"


def test_a_retry_does_not_linger() -> None:
    script = Script(LIMITS._replace(linger=10.0)).assign().give(0, "c1:1", timestamp=0)
    script.one(FAILED)
    script.give(1, "c1:2", timestamp=int((WALL + script.boot) * 1000))
    script.boot += 0.5
    assert script.one() == "c1:v=2"


# -- too large -----------------------------------------------------------------------------------------------------

LONG = "x" * 20_000


def test_an_update_too_large_for_one_call_is_sent_in_several_in_order() -> None:
    script = Script().assign().give(0, f"c1:a={LONG},b={LONG},c={LONG},d={LONG}")
    script.give(1, "c2:1")
    first, other = script.sends()
    script.give(2, "c1:a=2")
    assert first.values == f"a={LONG}&b={LONG}"
    script.end(other.number)
    script.end(first.number)
    assert (script.commit() or (None,))[0] == 0
    (second,) = script.sends()
    assert second.values == f"c={LONG}&d={LONG}"
    script.end(second.number)
    assert script.commit() == (2, "")
    assert script.one() == "c1:a=2"


def test_when_a_later_part_fails_all_parts_are_repeated_with_what_is_newer() -> None:
    script = Script().assign().give(0, f"c1:a={LONG},b={LONG},c={LONG}")
    script.one()
    script.one(FAILED)
    script.give(1, "c1:a=2")
    script.boot += 1
    assert script.commit() == (0, "")
    assert script.one() == f"c1:b={LONG}&c={LONG}&a=2"
    assert script.commit() == (2, "")


def test_what_fits_exactly_is_one_call() -> None:
    room = ROOM - len("profile.v=&")
    script = Script().assign().give(0, "c1:" + "x" * room, "c2:" + "x" * (room + 1))
    commands = script.commands()
    assert [len(sent.values) for sent in calls(commands)] == [room + 2]
    assert [(letter.record.offset, *letter.rejection[:2]) for letter in letters(commands)] == [(1, "send", "too_large")]


def test_one_attribute_that_fits_exactly_is_a_call_of_its_own_and_one_that_does_not_is_the_end_of_its_event() -> None:
    room = ROOM - len("profile.v=&")
    script = Script().assign().give(0, f"c1:a=1,v={'x' * room}", f"c2:a=1,v={'x' * (room + 1)}")
    (letter,) = letters(script.commands())
    assert (letter.record.offset, letter.rejection.reason) == (1, "too_large")
    script.end(1)
    assert script.one() == "c1:v=" + "x" * room
    assert script.settle() == []


def test_the_longest_call_is_within_what_target_takes() -> None:
    # An mbox3rdPartyId has 256 characters; the four bytes of one of these are twelve when encoded.
    script = Script().assign().give(0, f"{'𝄞' * 256}:{'x' * (ROOM - len('profile.v=&'))}")
    (command,) = script.commands()
    assert isinstance(command, Send)
    assert len(command.identity) + 1 + len(command.attributes) == MOST_BYTES == 61_440


@pytest.mark.parametrize(
    ("room", "groups"),
    [
        (1, [b"a=1", b"b=22", b"c=333", b"d=4"]),
        (24, [b"a=1", b"b=22", b"c=333", b"d=4"]),
        (25, [b"a=1&b=22", b"c=333", b"d=4"]),
        (26, [b"a=1&b=22", b"c=333&d=4"]),
        (38, [b"a=1&b=22", b"c=333&d=4"]),
        (39, [b"a=1&b=22&c=333", b"d=4"]),
        (50, [b"a=1&b=22&c=333", b"d=4"]),
        (51, [b"a=1&b=22&c=333&d=4"]),
    ],
)
def test_splitting_keeps_every_pair_in_order_and_fills_each_group_up_to_the_room(
    room: int, groups: list[bytes]
) -> None:
    """With `profile.` and a separator the pairs take 12, 13, 14 and 12 bytes."""
    assert [*split(b"a=1&b=22&c=333&d=4", room)] == groups


# -- giving up -----------------------------------------------------------------------------------------------------


def alternating(script: Script, rounds: int, seconds: float) -> list[Command]:
    """`sick` keeps failing, others are delivered; everything that was asked for."""
    asked: list[Command] = []
    for _ in range(rounds):
        script.boot += seconds
        offset = script.engine.partitions[T0].tracker.next_offset
        script.give(offset, f"ok{offset}:1", f"also{offset}:1")  # so many that the breaker stays closed
        while commands := script.commands():
            asked += commands
            for sent in calls(commands):
                script.end(sent.number, FAILED if sent.identity == "sick" else OK)
    return asked


def test_what_kept_failing_while_others_were_delivered_is_given_up() -> None:
    script = Script(LIMITS._replace(give_up_after=100.0, retry_max=1.0)).assign().give(0, "sick:1")
    asked = alternating(script, 9, 10.0)
    assert letters(asked) == []
    assert readings(asked) == []
    asked = alternating(script, 6, 10.0)
    (reading,) = readings(asked)
    script.read_again(reading)
    (letter,) = letters(script.commands())
    assert (letter.rejection.reason, letter.rejection.stage, letter.status) == ("gave_up", "send", 500)
    assert letter.attempts >= 10


@pytest.mark.parametrize(("first", "status"), [(FAILED, 500), (TIMEOUT, None)])
def test_it_is_given_up_after_exactly_that_time_and_the_last_answer_is_told_if_there_ever_was_one(
    first: Transient, status: int | None
) -> None:
    script = Script(LIMITS._replace(give_up_after=20.0, retry_max=1.0)).assign().give(0, "sick:1")
    for offset, outcome in ((1, first), (2, TIMEOUT), (3, TIMEOUT)):
        sick, ok = script.give(offset, f"ok{offset}:1").sends()
        script.end(ok.number)
        script.end(sick.number, outcome)
        script.boot += 10
    (letter,) = script.settle()
    assert letter.status == status


def test_zero_never_gives_up() -> None:
    script = Script(LIMITS._replace(give_up_after=0.0, retry_max=1.0)).assign().give(0, "sick:1")
    asked = alternating(script, 30, 10_000.0)
    assert letters(asked) == []
    assert readings(asked) == []


def test_in_an_outage_nothing_is_given_up() -> None:
    script = Script(LIMITS._replace(give_up_after=100.0, retry_max=1.0)).assign().give(0, "c1:1", "c2:1", "c3:1")
    for _ in range(100):
        script.boot += 100
        for command in script.commands():
            assert not isinstance(command, ReadAgain)
            for sent in calls([command]):
                script.end(sent.number, TIMEOUT)
    script.boot += 100
    assert script.settle() == []
    assert script.commit() == (3, "")


@pytest.mark.parametrize(("events", "waits"), [(("sick:a=poison", "sick:b=2"), 0), (("sick:b=2", "sick:a=poison"), 1)])
def test_of_a_merged_update_only_what_still_fails_is_given_up(events: tuple[str, ...], waits: int) -> None:
    """At its next failure; but once one of the others was delivered alone, only after as long again."""
    script = Script(LIMITS._replace(give_up_after=50.0, retry_max=1.0), max_in_flight=1).assign().give(0, "first:1")
    (first,) = script.sends()
    script.give(1, *events)
    script.end(first.number)
    while not (reading := readings(alternating(script, 1, 10.0))):
        pass
    script.read_again(reading[0])
    dead = script.settle(lambda sent: FAILED if "poison" in sent.values else OK)
    for _ in range(7 * waits):
        assert dead == []
        script.boot += 10
        offset = script.engine.partitions[T0].tracker.next_offset
        script.give(offset, f"ok{offset}:1")
        dead = script.settle(lambda sent: FAILED if "poison" in sent.values else OK)
        if dead:
            break
    assert [(letter.record.value, letter.rejection.reason) for letter in dead] == [(b"sick:a=poison", "gave_up")]
    assert script.engine.pending_events == 0
