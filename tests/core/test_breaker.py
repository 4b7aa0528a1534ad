from __future__ import annotations

import math

import pytest

from consumer.core.breaker import Breaker


def fail(breaker: Breaker, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        breaker.failed(breaker.sent(), now)


def succeed(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.succeeded(breaker.sent())


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    fail(breaker, 10, now)
    assert breaker.open
    return breaker


def test_nine_failures_in_a_row_leave_it_closed_and_the_tenth_opens_it() -> None:
    breaker = Breaker()
    fail(breaker, 9)
    assert not breaker.open
    assert breaker.access(0.0) == 0.0
    fail(breaker, 1)
    assert breaker.open
    assert breaker.access(0.0) == 1.0


def test_half_of_the_last_twenty_opens_it() -> None:
    breaker = Breaker()
    for _ in range(9):
        succeed(breaker, 1)
        fail(breaker, 1)
    succeed(breaker, 1)
    assert not breaker.open
    fail(breaker, 1)
    assert breaker.open


def test_failures_older_than_the_last_twenty_outcomes_do_not_count() -> None:
    breaker = Breaker()
    fail(breaker, 9)
    succeed(breaker, 11)
    fail(breaker, 1)  # pushes out the first
    assert not breaker.open
    succeed(breaker, 10)
    fail(breaker, 8)
    assert not breaker.open
    fail(breaker, 1)
    assert breaker.open


def test_one_probe_leaves_after_a_second_and_no_second_one_beside_it() -> None:
    breaker = opened(now=5.0)
    assert breaker.access(5.25) == 0.75
    assert breaker.access(6.0) == 0.0
    breaker.sent()
    assert breaker.access(6.0) == math.inf
    assert breaker.access(1000.0) == math.inf


def test_a_probe_that_succeeds_closes_it_with_a_clean_record() -> None:
    breaker = opened()
    breaker.failed(breaker.sent(), now=1.0)
    assert breaker.access(1.0) == 2.0
    breaker.succeeded(breaker.sent())
    assert not breaker.open
    assert breaker.access(1.0) == 0.0
    fail(breaker, 9, now=1.0)
    assert not breaker.open
    fail(breaker, 1, now=1.0)
    assert breaker.access(1.0) == 1.0  # and the wait begins anew


def test_the_wait_doubles_with_each_failed_probe_up_to_a_minute() -> None:
    breaker = opened()
    now, waits = 0.0, []
    for _ in range(9):
        wait = breaker.access(now)
        waits.append(wait)
        now += wait
        breaker.failed(breaker.sent(), now)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_probe_that_tells_nothing_lets_another_one_through_after_the_same_wait() -> None:
    breaker = opened()
    breaker.failed(breaker.sent(), now=1.0)
    breaker.unknown(breaker.sent(), now=3.0)
    assert breaker.open
    assert breaker.access(3.0) == 2.0
    breaker.succeeded(breaker.sent())
    assert not breaker.open


@pytest.mark.parametrize("late", ["succeeded", "failed", "unknown"])
def test_calls_that_left_before_it_opened_change_nothing_when_they_come_home(late: str) -> None:
    breaker = Breaker()
    ticket = breaker.sent()
    fail(breaker, 10)
    for _ in range(2):  # while it waits, and while the probe is under way
        {
            "succeeded": lambda: breaker.succeeded(ticket),
            "failed": lambda: breaker.failed(ticket, 0.5),
            "unknown": lambda: breaker.unknown(ticket, 0.5),
        }[late]()
        assert breaker.open
        assert breaker.access(0.5) in (0.5, math.inf)
        probe = breaker.sent()
    breaker.succeeded(probe)
    assert not breaker.open


def test_an_unclear_outcome_while_closed_counts_neither_way() -> None:
    breaker = Breaker()
    fail(breaker, 9)
    for _ in range(20):
        breaker.unknown(breaker.sent(), 0.0)
    assert not breaker.open
    fail(breaker, 1)
    assert breaker.open
