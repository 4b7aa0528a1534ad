"""Memory is bounded by pausing, and every partition is in a named state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core import commit_metadata, engine
from consumer.core.command import Pause, Resume
from consumer.core.lease import Call, Lease
from consumer.core.quota import Unlimited
from consumer.core.state import NotNow, State
from tests.core.builders import FAILED, FORBIDDEN, LIMITS, REFUSED, T0, T1, THROTTLED, Script, calls, pauses, readings

if TYPE_CHECKING:
    from consumer.core.clock import Clocks


def script_of(**limits: int) -> Script:
    return Script(LIMITS._replace(**limits), max_in_flight=1).assign().give(0, "first:1")


@pytest.mark.parametrize("most", [1, 10])
def test_past_the_limit_of_events_partitions_pause_and_at_four_fifths_they_resume(most: int) -> None:
    script = script_of(max_pending_events=most).assign(T1)
    script.commands()
    script.give(1, *(f"c{number}:1" for number in range(most - 1)))
    assert script.commands() == []
    script.give(most, "last:1")
    assert script.commands() == [Pause(T0), Pause(T1)]
    resumed_at = None
    while resumed_at is None:
        script.end(max(script.engine._delivery._calls))
        if Resume(T0) in script.commands():
            resumed_at = script.engine.pending_events
    assert resumed_at == int(most * 0.8)


def test_past_the_limit_of_bytes_partitions_pause_and_at_four_fifths_they_resume() -> None:
    script = script_of()
    script.commands()
    script.give(1, *(f"c{number:03}:1" for number in range(100)))
    limit = script.engine.pending_bytes
    script = script_of(max_pending_bytes=limit)
    script.commands()
    script.give(1, *(f"c{number:03}:1" for number in range(100)))
    assert script.engine.pending_bytes == limit
    assert script.commands() == []
    script.give(101, "c000:1")
    assert script.commands() == [Pause(T0)]
    while True:
        script.end(max(script.engine._delivery._calls))
        before = script.engine.pending_bytes
        commands = pauses(script.commands())
        if commands:
            break
        assert before > limit * 0.8 or script.engine.pending_bytes > limit * 0.8
    assert commands == [Resume(T0)]
    assert limit * 0.7 < script.engine.pending_bytes <= limit * 0.8


def test_an_event_that_merges_costs_four_bytes() -> None:
    script = script_of()
    script.commands()
    script.give(1, "c1:1")
    size = script.engine.pending_bytes
    script.give(2, *["c1:2"] * 1000)
    assert script.engine.pending_bytes == size + 4000
    assert script.engine.pending_events == 1002


def test_an_event_that_merges_with_other_attributes_of_its_mapping_costs_four_bytes_too() -> None:
    script = script_of()
    script.commands()
    script.give(1, "c1:a=1", "c1:b=1")
    size = script.engine.pending_bytes
    script.give(3, *["c1:a=2", "c1:b=2"] * 500)
    assert script.engine.pending_bytes == size + 4000


def test_a_partition_is_paused_and_resumed_once_each() -> None:
    script = Script(LIMITS._replace(max_pending_events=1)).assign().give(0, "c1:1", "c2:1")
    commands = script.commands()
    assert pauses(commands) == [Pause(T0)]
    assert script.commands() == []
    for sent in calls(commands):
        script.end(sent.number)
    assert script.commands() == [Resume(T0)]
    assert script.commands() == []
    assert not script.engine.partitions[T0].paused


def test_a_partition_that_comes_while_there_is_no_room_is_paused_before_its_first_record_also_when_it_comes_again() -> (
    None
):
    script = Script(LIMITS._replace(max_pending_events=1)).assign().give(0, "c1:1", "c2:1")
    commands = script.commands()
    for generation in (1, 2):
        script.assign(T1, generation=generation)
        assert script.commands() == [Pause(T1)]
        script.engine.forget([T1])
    script.assign(T1, generation=3)
    for sent in calls(commands):
        script.end(sent.number)
    assert script.commands() == [Resume(T0)], "what was never paused needs no resuming"
    script.give(0, "c3:1", at=T1)
    assert script.one() == "c3:v=1"


# -- parked --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata that holds a dozen offsets."""
    monkeypatch.setattr(commit_metadata, "LIMIT", len("pc1 0 hash ") + 3)


@pytest.mark.usefixtures("tight")
def test_a_partition_whose_head_waits_for_a_retry_is_parked_once_its_metadata_is_full() -> None:
    script = Script().assign().give(0, "sick:1", *["skip"] * 7)
    script.one(FAILED)
    script.commit()
    assert not script.engine.parked(T0)
    script.give(8, *["skip"] * 30)
    assert pauses(script.commands()) == []
    script.commit()
    assert pauses(script.commands()) == [Pause(T0)]
    assert script.engine.state(T0, script.now, behind=True) is State.PARKED
    assert script.engine.reason(T0, State.PARKED) == "waits for the event at offset 0, which is to be sent again"
    script.boot += 1
    (sent,) = script.sends()
    assert script.engine.parked(T0), "while it is sent again, too"
    script.end(sent.number)
    assert pauses(script.commands()) == [Resume(T0)]


@pytest.mark.usefixtures("tight")
def test_a_partition_whose_head_only_waits_for_its_turn_is_not_parked_though_another_event_is_repeated() -> None:
    script = Script(max_in_flight=2).assign().give(0, "slow:1", *["skip"] * 30, "sick:1")
    slow, sick = script.sends()
    script.end(sick.number, FAILED)
    script.commit()
    assert script.engine.partitions[T0].metadata_full
    assert not script.engine.parked(T0)
    script.end(slow.number)
    script.give(32, *["skip"] * 30)
    script.commit()
    assert script.engine.parked(T0)


@pytest.mark.usefixtures("tight")
def test_a_head_that_was_throttled_parks_its_partition_as_well() -> None:
    script = Script().assign().give(0, "sick:1", *["skip"] * 30)
    script.one(THROTTLED)
    script.commit()
    assert script.engine.parked(T0)


def test_a_window_of_too_many_completed_events_parks_a_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_COMPLETED_ABOVE", 50)
    script = Script().assign().give(0, "sick:1", *["skip"] * 50)
    script.one(FAILED)
    assert not script.engine.parked(T0)
    script.give(51, "skip")
    assert script.engine.parked(T0)


def test_full_limits_park_the_partition_whose_head_is_repeated_and_no_other() -> None:
    script = Script(LIMITS._replace(max_pending_events=2)).assign().assign(T1).give(0, "sick:1")
    script.one(FAILED)
    script.give(0, "c1:1", "c2:1", at=T1)
    script.commands()
    assert script.engine.state(T0, script.now, behind=True) is State.PARKED
    assert script.engine.state(T1, script.now, behind=True) is State.PROGRESSING


@pytest.mark.usefixtures("tight")
def test_an_event_of_one_taken_apart_parks_too() -> None:
    script = Script(max_in_flight=1).assign().give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:1", "c1:2", *["skip"] * 30)
    script.end(first.number)
    script.settle(lambda sent: FAILED if sent.values == "v=1" else REFUSED)
    script.commit()
    assert script.engine.parked(T0)
    assert not script.engine._delivery.repeats(T1, 1)


@pytest.mark.usefixtures("tight")
def test_an_event_of_one_taken_apart_that_waits_for_its_first_trial_alone_does_not_park() -> None:
    script = Script(max_in_flight=1).assign().give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:1", "c1:2", *["skip"] * 30)
    script.end(first.number)
    script.one(REFUSED)
    (reading,) = readings(script.commands())
    script.read_again(reading)
    script.one()
    script.commit()
    assert script.engine.partitions[T0].metadata_full
    assert not script.engine.parked(T0)


# -- states --------------------------------------------------------------------------------------------------------


def shown(script: Script, *, behind: bool = False) -> State:
    return script.engine.state(T0, script.now, behind=behind)


def test_idle_or_progressing() -> None:
    script = Script().assign()
    assert shown(script) is State.IDLE
    assert shown(script, behind=True) is State.PROGRESSING
    script.give(0, "c1:1")
    assert shown(script) is State.PROGRESSING
    assert script.engine.reason(T0, State.PROGRESSING) is None
    script.settle()
    assert shown(script) is State.IDLE


def test_refused_credentials_are_shown_with_their_reason_where_something_waits() -> None:
    script = Script().assign().assign(T1).give(0, "c1:1")
    script.one(FORBIDDEN)
    assert shown(script) is State.CREDENTIALS_REFUSED
    assert script.engine.reason(T0, State.CREDENTIALS_REFUSED) == "token"
    assert script.engine.state(T1, script.now, behind=False) is State.IDLE


def test_an_open_breaker_and_a_throttled_sender_are_shown() -> None:
    script = Script().assign().give(0, *(f"c{number}:1" for number in range(10)))
    for sent in script.sends():
        script.end(sent.number, FAILED)
    assert shown(script) is State.BREAKER_OPEN
    assert script.engine.wait(script.now, 9.0) <= 1.0
    script = Script().assign().give(0, "c1:1")
    script.one(THROTTLED)
    assert shown(script) is State.THROTTLED


class Spent(Unlimited):
    """A quota with one call."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1

    def access(self, now: Clocks) -> Call | NotNow:  # type: ignore[override]  # it may refuse
        self.left -= 1
        return Call(Lease.endless(), now) if self.left >= 0 else NotNow(State.QUOTA_BLOCKED, 60.0)


def test_a_spent_quota_is_shown_and_waited_for_and_what_waits_merges() -> None:
    script = Script(quota=Spent()).assign().give(0, "c1:1")
    assert script.engine.wait(script.now, 0.1) == 0.1
    script.one()
    script.give(1, "c1:2", "c1:3", "c2:1")
    assert script.sends() == []
    assert shown(script) is State.QUOTA_BLOCKED
    assert script.engine.wait(script.now, 600.0) == 60.0
    assert script.engine.pending_events == 3


def test_the_oldest_event_that_is_not_resolved_is_told() -> None:
    script = Script(max_in_flight=1).assign()
    assert script.engine.oldest() is None
    script.give(0, "c1:1", timestamp=50)
    assert script.engine.oldest() == 50
    (sent,) = script.sends()
    assert script.engine.oldest() == 50, "on the wire is not resolved"
    script.give(1, "c2:1", timestamp=70).give(2, "c3:1", timestamp=60)
    assert script.engine.oldest() == 50
    script.end(sent.number)
    assert script.engine.oldest() == 70, "of what waits, that which has waited longest"


def test_an_event_that_is_repeated_is_still_the_oldest_with_newer_ones_of_its_identity_on_the_same_call() -> None:
    script = Script().assign().assign(T1).give(0, "c1:1", timestamp=50)
    script.one(FAILED)
    script.give(1, "c1:2", timestamp=70).give(0, "c1:3", at=T1, timestamp=60)
    script.boot += 1
    script.sends()
    assert script.engine.oldest() == 50


@pytest.mark.parametrize("waiting", [None, 30, 50])
def test_a_dead_letter_on_its_way_is_not_resolved_and_may_be_the_oldest(waiting: int | None) -> None:
    script = Script().assign().give(0, "bad", timestamp=40)
    if waiting is not None:
        script.give(1, "c1:1", timestamp=waiting)
    assert script.engine.oldest() == min(40, waiting or 40)


class Told(Unlimited):
    """A quota that notes what it is told of the backlog."""

    def __init__(self) -> None:
        super().__init__()
        self.last = (0, 0)

    def backlog(self, waiting: int, created: int) -> None:
        self.last = waiting, created


def test_before_each_turn_the_quota_is_told_how_many_wait_for_a_call_and_how_many_ever_did() -> None:
    quota = Told()
    script = Script(max_in_flight=1, quota=quota).assign().give(0, "c1:1", "c2:1", "c2:2", "c3:1")
    (first,) = script.sends()
    assert quota.last == (3, 3)
    script.commands()
    assert quota.last == (2, 3), "one is on the wire"
    script.give(4, "c1:2")
    script.end(first.number, FAILED)
    script.commands()
    assert quota.last == (4, 4), "the one to be repeated waits, too"
