from __future__ import annotations

import pytest

from consumer.core.clock import DeliveryClock
from consumer.core.deadline import Deadline


def test_time_passes_only_when_a_call_is_delivered() -> None:
    clock = DeliveryClock()
    clock.outcome(10, b"a", delivered=True)
    assert clock.time == 0
    clock.outcome(13, b"b", delivered=True)
    assert clock.time == 3


def test_in_an_outage_the_clock_stands() -> None:
    clock = DeliveryClock()
    clock.outcome(0, b"a", delivered=True)
    for now in range(1, 1000):
        clock.outcome(now, b"%d" % (now % 7), delivered=False)
    assert clock.time == 0
    clock.outcome(1001, b"a", delivered=True)
    assert clock.time == 2


def test_a_repeated_failure_says_nothing_of_how_others_fare() -> None:
    clock = DeliveryClock()
    clock.outcome(0, b"a", delivered=True)
    clock.outcome(5, b"failing", delivered=False)
    clock.outcome(6, b"failing", delivered=False)
    clock.outcome(8, b"b", delivered=True)
    assert clock.time == 8


@pytest.mark.parametrize(("now", "left", "passed"), [(10, 5, False), (14.5, 0.5, False), (15, 0, True), (20, 0, True)])
def test_a_deadline_is_shared(now: float, left: float, *, passed: bool) -> None:
    deadline = Deadline.after(10, 5)
    assert deadline.left(now) == left
    assert deadline.passed(now) is passed
