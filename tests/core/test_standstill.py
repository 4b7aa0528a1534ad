from __future__ import annotations

import pytest

from consumer.core.clock import Clocks
from consumer.core.standstill import LONGEST, Standstill
from consumer.core.state import State
from tests.core.builders import FAILED, T0, Script, calls, letters

BEGUN = Clocks(100.0, 5000.0)


def later(boot: float, wall: float) -> Clocks:
    return Clocks(BEGUN.boot + boot, BEGUN.wall + wall)


def test_the_first_turn_has_nothing_to_be_compared_with() -> None:
    assert Standstill().turned(BEGUN) == 0.0


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (later(0.0, 0.0), 0.0),
        (later(LONGEST / 2, LONGEST / 2), 0.0),
        (later(LONGEST, 0.0), LONGEST),
        (later(8.0, 8.0), 8.0),
        (later(0.0, 30.0), 30.0),  # a virtual machine was paused
        (later(8.0, -3600.0), 8.0),  # the time of day was set back meanwhile
        (later(0.1, -3600.0), 0.0),
    ],
)
def test_a_turn_that_took_too_long_by_either_clock_is_a_standstill(now: Clocks, seconds: float) -> None:
    standstill = Standstill()
    standstill.turned(BEGUN)
    assert standstill.turned(now) == seconds


def test_each_turn_is_compared_with_the_one_before() -> None:
    standstill = Standstill()
    turns = [standstill.turned(later(seconds, seconds)) for seconds in (0.0, 0.5, 1.25, 9.0, 9.5)]
    assert turns == [0.0, 0.0, 0.0, 7.75, 0.0]


def test_in_doubt_no_call_leaves_neither_a_new_one_nor_a_repeated_one() -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(FAILED)
    script.boot += 60.0
    script.give(1, "c2:2")
    script.engine.doubt()
    assert script.sends() == []
    script.boot += 60.0
    assert script.sends() == []
    script.engine.confirmed()
    assert [sent.identity for sent in script.sends()] == ["c1", "c2"]


def test_in_doubt_what_was_on_the_wire_is_resolved_and_committed_and_dead_letters_are_written() -> None:
    script = Script().assign().give(0, "c1:1", "bad", "c2:2")
    commands = script.commands()
    script.engine.doubt()
    for sent in calls(commands):
        script.end(sent.number)
    for letter in letters(commands):
        script.report(letter)
    script.give(3, "bad")
    assert script.commit() == (3, "")
    assert len(letters(script.commands())) == 1


def test_what_was_lost_in_doubt_is_never_called_for() -> None:
    script = Script().assign().give(0, "c1:1")
    script.engine.doubt()
    script.engine.forget([T0])
    script.engine.confirmed()
    assert script.sends() == []


def test_in_doubt_the_loop_waits_and_does_not_spin_though_a_call_is_due() -> None:
    script = Script().assign().give(0, "c1:1")
    script.one(FAILED)
    script.boot += 60.0
    assert script.engine.wait(script.now, 0.1) == 0.0
    script.engine.doubt()
    assert script.engine.wait(script.now, 0.1) == 0.1


def test_in_doubt_a_partition_says_what_it_waits_for() -> None:
    script = Script().assign().give(0, "c1:1")
    assert script.engine.reason(T0, State.PROGRESSING) is None
    script.engine.doubt()
    assert script.engine.state(T0, script.now, behind=False) is State.PROGRESSING
    assert "until Kafka has said that this is still its partition" in str(script.engine.reason(T0, State.PROGRESSING))
    assert script.engine.reason(T0, State.QUOTA_BLOCKED) is None, "a state that says it all"
    script.engine.confirmed()
    assert script.engine.reason(T0, State.PROGRESSING) is None
