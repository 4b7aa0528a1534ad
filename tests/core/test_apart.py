"""A refused update is taken apart, so that only the guilty record dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core.apart import MOST_LANES, MOST_RECORDS
from consumer.core.command import ReadAgain
from consumer.core.tally import Arrival
from tests.core.builders import FAILED, MILLIS, OK, REFUSED, T0, T1, THROTTLED, Script, Sent, calls, letters, readings

if TYPE_CHECKING:
    from consumer.core.outcome import Outcome
    from consumer.core.record import TopicPartition


def merged(*values: str, script: Script | None = None) -> tuple[Script, Sent]:
    """These events of c1 (offsets 1, 2, …) merged in one call, which is in flight."""
    script = script or Script(max_in_flight=1)
    script.assign().give(0, "first:1")
    (first,) = script.sends()
    script.give(1, *values)
    script.end(first.number)
    (sent,) = script.sends()
    return script, sent


def poison(sent: Sent) -> Outcome:
    return REFUSED if "poison" in sent.values else OK


def test_a_single_event_that_is_refused_dies_without_a_second_trial() -> None:
    script = Script().assign().give(0, "c1:5")
    script.one(REFUSED)
    (reading,) = readings(script.commands())
    assert reading == ReadAgain(T0, (0,), 1)
    script.read_again(reading)
    (letter,) = letters(script.commands())
    assert letter.record == script.topic[T0, 0]
    assert letter.rejection == ("send", "refused", "Target refused it: status", 0)
    assert letter[2:] == (1, 400, False, 1)
    assert script.commit() == (0, "")


def test_attempts_and_the_last_status_are_told() -> None:
    script = Script().assign().give(0, "c1:5")
    for outcome in (FAILED, FAILED, THROTTLED):
        script.one(outcome)
        script.boot += 60
    script.one(REFUSED)
    (letter,) = script.settle()
    assert (letter.attempts, letter.status) == (4, 400)


@pytest.mark.parametrize("guilty", [1, 2, 3, 4])
def test_only_the_guilty_one_of_a_merged_update_dies_and_the_others_are_sent_in_order(guilty: int) -> None:
    values = [f"c1:v={'poison' if offset == guilty else offset}" for offset in range(1, 5)]
    script, sent = merged(*values)
    said = []

    def judge(sent: Sent) -> Outcome:
        said.append(sent.values)
        return poison(sent)

    script.end(sent.number, REFUSED)
    dead = script.settle(judge)
    assert [letter.record.offset for letter in dead] == [guilty]
    assert said == [value.removeprefix("c1:") for value in values]
    assert script.commit() == (5, "pc1 1 hash " if guilty == 4 else "")
    assert dead[0].attempts == 2
    assert script.engine.tally.records == {("t", "delivered", 0): 4, ("t", "dead_lettered", 0): 1}


def test_the_attempts_of_each_are_those_with_all_of_them_and_its_own() -> None:
    script, sent = merged("c1:poison", "c1:poison", "c1:poison")
    script.end(sent.number, REFUSED)
    assert [letter.attempts for letter in script.settle(poison)] == [2, 2, 2]


def test_what_arrives_meanwhile_waits_until_all_of_them_are_through_and_is_sent_after() -> None:
    script, sent = merged("c1:1", "c1:2")
    script.give(3, "c1:3")
    script.end(sent.number, REFUSED)
    (reading,) = script.commands()
    script.give(4, "c1:4")
    assert isinstance(reading, ReadAgain)
    script.read_again(reading)
    assert [script.one(), script.one()] == ["c1:v=1", "c1:v=2"]
    assert script.one() == "c1:v=4"
    assert script.commit() == (5, "")


def test_an_event_of_one_taken_apart_is_repeated_alone_before_the_next() -> None:
    script, sent = merged("c1:1", "c1:2")
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    assert script.one(FAILED) == "c1:v=1"
    script.give(3, "c1:3")
    assert script.sends() == []
    script.boot += 1
    assert script.one() == "c1:v=1"
    assert script.one(FAILED) == "c1:v=2"
    assert script.engine.wait(script.now, 99.0) == 0.5, "each begins its waits anew"
    script.boot += 1
    script.one(FAILED)
    assert script.engine.wait(script.now, 99.0) == 1.0
    script.boot += 1
    assert [script.one(), script.one()] == ["c1:v=2", "c1:v=3"]


def test_a_record_that_has_left_its_topic_dies_with_its_coordinates_and_without_a_body() -> None:
    script, sent = merged("c1:1", "c1:2", "c1:3")
    script.end(sent.number, REFUSED)
    (reading,) = readings(script.commands())
    script.read_again(reading, lost=[2])
    assert script.one() == "c1:v=1"
    commands = script.commands()
    (letter,) = letters(commands)
    assert letter.body_lost
    assert letter.record[:4] == ("t", 0, 2, 0)
    assert (letter.record.key, letter.record.value, letter.record.headers) == (None, None, ())
    assert letter.rejection.detail == "Target refused it: status; the record has left its topic"
    assert (letter.attempts, letter.status, letter.rejection.mapping) == (1, 400, 0)
    script.report(letter)
    script.end(calls(commands)[0].number)
    assert script.commit() == (4, "")


def test_a_lost_record_that_is_the_only_one_dies_too() -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(REFUSED)
    script.read_again(readings(script.commands())[0], lost=[0])
    (letter,) = letters(script.commands())
    assert letter.body_lost


def test_each_event_of_one_taken_apart_counts_as_its_own_mapping_and_at_its_own_time() -> None:
    script = Script(max_in_flight=1)
    script.assign().give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1", timestamp=MILLIS + 1).give(2, "c1!:b=poison").give(3, "c1!:c=3", timestamp=MILLIS + 3)
    script.end(first.number)
    script.engine.tally.arrivals.clear()
    (dead,) = script.settle(poison)
    assert dead.rejection.mapping == 1
    assert script.engine.tally.arrivals == [
        Arrival(1, MILLIS + 1, b"mbox3rdPartyId=c1"),
        Arrival(1, MILLIS + 3, b"mbox3rdPartyId=c1"),
    ]
    assert script.engine.tally.records[("t", "delivered", 1)] == 1


def test_the_events_of_two_mappings_are_sent_in_the_order_of_their_offsets() -> None:
    script, sent = merged("c1:1", "c1!:2", "c1:3", "c1!:4")
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    assert [script.one() for _ in range(4)] == ["c1:v=1", "c1:v=2", "c1:v=3", "c1:v=4"]


def test_the_edge_suffix_of_each_event_is_its_own() -> None:
    script, sent = merged("pc1.28_0:a=1", "pc1.34_0:b=2")
    assert sent.identity == "pc1.34_0"
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    assert [script.one(), script.one()] == ["pc1.28_0:a=1", "pc1.34_0:b=2"]


def test_an_event_that_alone_is_too_large_for_one_call_is_sent_in_several() -> None:
    long = "x" * 40_000
    script, sent = merged(f"c1:a={long},b={long}", "c1:c=poison")
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    assert [script.one(), script.one()] == [f"c1:a={long}", f"c1:b={long}"]
    dead = script.settle(poison)
    assert [letter.record.offset for letter in dead] == [2]


@pytest.mark.parametrize("count", [MOST_RECORDS - 1, MOST_RECORDS, MOST_RECORDS + 1, 2 * MOST_RECORDS + 1])
def test_records_are_read_again_some_at_a_time(count: int) -> None:
    script, sent = merged(*(f"c1:{number}" for number in range(count)))
    script.end(sent.number, REFUSED)
    asked: list[int] = []
    for _ in range(2 * count):
        commands = script.commands()
        for reading in readings(commands):
            assert len(reading.offsets) <= MOST_RECORDS
            asked += reading.offsets
            script.read_again(reading)
        for single in calls(commands):
            script.end(single.number)
    assert asked == list(range(1, count + 1))
    assert script.commit() == (count + 1, "")


def test_some_lanes_at_a_time_have_records_read_again() -> None:
    script = Script().assign().give(0, *(f"c{number}:1" for number in range(MOST_LANES + 2)))
    for sent in script.sends():
        script.end(sent.number, REFUSED)
    first = readings(script.commands())
    assert len(first) == MOST_LANES
    assert script.commands() == []
    script.read_again(first[1])
    commands = script.commands()
    assert [reading.offsets for reading in readings(commands)] == [(MOST_LANES,)]
    assert [letter.record.offset for letter in letters(commands)] == [1]


def test_a_record_that_nobody_asked_for_any_more_is_let_go() -> None:
    script = Script().assign().give(0, "c1:1")
    script.engine.read_again(T0, 0, script.topic[T0, 0])
    assert script.one() == "c1:v=1"


# -- partitions that go meanwhile ----------------------------------------------------------------------------------


def two_partitions(max_in_flight: int = 1) -> tuple[Script, Sent]:
    """One call of c1 with an event of each partition, the older one of T0."""
    script = Script(max_in_flight=max_in_flight).assign().assign(T1).give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1", timestamp=MILLIS + 1).give(0, "c1:b=2", at=T1, timestamp=MILLIS + 2)
    script.end(first.number)
    (sent,) = script.sends()
    return script, sent


def test_the_events_of_several_partitions_are_taken_apart_in_order_of_their_time() -> None:
    script, sent = two_partitions()
    assert sent.values == "a=1&b=2"
    script.end(sent.number, REFUSED)
    (first,) = readings(script.commands())
    assert first.partition == T0
    script.read_again(first)
    assert script.one() == "c1:a=1"
    (second,) = readings(script.commands())
    assert second.partition == T1
    script.read_again(second)
    assert script.one() == "c1:b=2"


@pytest.mark.parametrize(("time", "order"), [(5, [T0, T1]), (9, [T1, T0])])
def test_of_several_partitions_the_one_with_the_newest_event_of_all_comes_last(
    time: int, order: list[TopicPartition]
) -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1", timestamp=MILLIS + 1).give(2, "c1:b=2", timestamp=MILLIS + time)
    script.give(0, "c1:c=3", at=T1, timestamp=MILLIS + 7)
    script.end(first.number)
    script.one(REFUSED)
    asked = []
    for _ in range(2):
        (reading,) = readings(script.commands())
        asked.append(reading.partition)
        script.read_again(reading)
        for _ in reading.offsets:
            script.one()
    assert asked == order


@pytest.mark.parametrize("answered", [False, True])
def test_while_records_are_read_again_a_partition_that_goes_takes_its_events_along(*, answered: bool) -> None:
    script, sent = two_partitions()
    script.end(sent.number, REFUSED)
    (gone,) = readings(script.commands())
    script.engine.forget([T0])
    if answered:
        script.read_again(gone)
    (reading,) = readings(script.commands())
    assert reading.partition == T1
    script.read_again(reading)
    assert script.one() == "c1:b=2"
    assert script.commit() == (1, "")


def test_a_record_that_was_asked_for_before_its_partition_went_is_let_go() -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(REFUSED)
    (reading,) = readings(script.commands())
    script.engine.forget([T0])
    script.read_again(reading)
    assert script.commands() == []


def test_while_one_waits_for_its_retry_the_other_partition_keeps_its_turn_and_its_event() -> None:
    script, sent = two_partitions()
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    script.one(FAILED)
    script.give(1, "c1:c=3", at=T1)
    script.engine.forget([T0])
    script.boot += 10
    (reading,) = script.commands()
    assert isinstance(reading, ReadAgain)
    assert reading.partition == T1
    script.read_again(reading)
    assert [script.one(), script.one()] == ["c1:b=2", "c1:c=3"]
    assert script.commit() == (2, "")


@pytest.mark.parametrize(("gone", "sent_again", "committed"), [(T1, [], 2), (T0, ["c1:b=2"], 0)])
def test_the_outcome_of_a_single_in_flight_settles_that_one_alone(
    gone: TopicPartition, sent_again: list[str], committed: int
) -> None:
    script, sent = two_partitions()
    script.end(sent.number, REFUSED)
    script.read_again(readings(script.commands())[0])
    (single,) = script.sends()
    script.engine.forget([gone])
    script.end(single.number)
    for reading in readings(script.commands()):
        script.read_again(reading)
    assert [f"{again.identity}:{again.values}" for again in script.sends()] == sent_again
    assert script.engine.pending_events == len(sent_again)
    assert script.commit() == (committed, "")


def test_a_lane_whose_last_event_goes_makes_room_for_the_next_that_waits_for_reading() -> None:
    script = Script().assign().assign(T1).give(0, "c9:1", at=T1).give(0, *(f"c{n}:1" for n in range(MOST_LANES)))
    sends = script.sends()
    for sent in (*sends[1:], sends[0]):
        script.end(sent.number, REFUSED)
    assert {reading.partition for reading in readings(script.commands())} == {T0}
    script.engine.forget([T0])
    (reading,) = readings(script.commands())
    assert reading == ReadAgain(T1, (0,), 1)
    script.read_again(reading)
    assert len(letters(script.commands())) == 1


def test_a_lane_that_waits_for_reading_goes_with_its_partition() -> None:
    script = Script().assign().assign(T1).give(0, "c9:1", at=T1).give(0, *(f"c{n}:1" for n in range(MOST_LANES)))
    sends = script.sends()
    for sent in (*sends[1:], sends[0]):
        script.end(sent.number, REFUSED)
    asked = readings(script.commands())
    script.engine.forget([T1])
    for reading in asked:
        script.read_again(reading)
    assert [type(command).__name__ for command in script.commands()] == ["DeadLetter"] * MOST_LANES
