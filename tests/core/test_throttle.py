from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from consumer.core.throttle import Throttle, Ticket
from tests.core.limiters import AtOnce, Bucket, Change, Closed, Limiter, Network, Simulation, Sliding, Windows

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITERS: dict[str, Callable[[int], Limiter]] = {
    "deep bucket": lambda rate: Bucket(rate, rate),
    "shallow bucket": lambda rate: Bucket(rate, max(1, rate / 10)),
    "windows": Windows,
    "sliding second": Sliding,
}


def throttle() -> Throttle:
    return Throttle(longest_stop=300.0)


def accept(of: Throttle, times: int, now: float) -> None:
    for ticket in [of.sent(now) for _ in range(times)]:
        of.accepted(ticket, now)


# -- against limiters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retry_after", [3.0, None])
@pytest.mark.parametrize("rate", [20, 200, 2000])
@pytest.mark.parametrize("kind", LIMITERS)
def test_nine_tenths_of_an_allowed_rate_are_used_and_one_call_in_twenty_is_refused(
    kind: str, rate: int, retry_after: float | None
) -> None:
    end = 60 if rate < 2000 else 30
    counts = Simulation(LIMITERS[kind](rate), retry_after).run(15, end)
    assert counts.accepted >= 0.9 * rate * (end - 15)
    assert counts.refused_share <= 0.05


@pytest.mark.parametrize("most", [1, 8, 32])
def test_a_limit_of_calls_at_once_is_found_and_kept(most: int) -> None:
    simulation = Simulation(AtOnce(most), 1.0, Network(round_trip=0.005, work=0.1))
    counts = simulation.run(15, 60)
    assert counts.accepted >= 0.9 * most / 0.105 * 45
    assert counts.refused_share <= 0.05
    assert simulation.throttle.at_once < 64


def test_it_climbs_when_the_limit_of_calls_at_once_is_raised() -> None:
    raised = AtOnce(8, later=32, after=30)
    counts = Simulation(raised, None, Network(round_trip=0.005, work=0.1)).run(75, 90)
    assert counts.accepted >= 0.8 * 32 / 0.105 * 15


@pytest.mark.parametrize(("before", "after"), [(20, 200), (200, 20)])
def test_it_finds_the_new_rate_when_the_limit_changes(before: int, after: int) -> None:
    counts = Simulation(Change(Windows(before), 30, Windows(after)), 1.0).run(60, 75)
    assert counts.accepted >= 0.9 * after * 15
    assert counts.refused_share <= 0.05


def test_it_climbs_to_full_speed_when_the_limit_is_lifted() -> None:
    counts = Simulation(Change(Bucket(20, 20), 30, Bucket(1e9, 1e9)), 1.0).run(70, 72)
    assert counts.accepted >= 0.9 * 64 / 0.02 * 2


@pytest.mark.parametrize("retry_after", [1.0, None, 30.0])
def test_an_outage_costs_few_calls_and_then_it_recovers(retry_after: float | None) -> None:
    simulation = Simulation(Change(Change(Windows(200), 30, Closed()), 90, Windows(200)), retry_after)
    assert simulation.run(35, 90).refused <= 60
    assert simulation.run(135, 150).accepted >= 0.9 * 200 * 15


# -- the first refusal -------------------------------------------------------------------------------------------------


def test_nothing_is_held_back_before_the_first_refusal() -> None:
    of = throttle()
    for _ in range(1000):
        assert of.access(0.0) == 0.0
        of.sent(0.0)
    accept(of, 1, now=100.0)
    assert of.rate == math.inf
    assert of.at_once == math.inf


@pytest.mark.parametrize(
    ("asked", "waits"), [(0.0, 1.0), (2.5, 2.5), (300.0, 300.0), (86400.0, 300.0), (math.inf, 300.0), (None, 1.0)]
)
def test_the_first_refusal_stops_everything_for_as_long_as_is_asked(asked: float | None, waits: float) -> None:
    of = throttle()
    of.refused(of.sent(10.0), 10.0, asked)
    assert of.access(10.0) == pytest.approx(waits, abs=1e-6)
    assert of.access(10.0 + waits) == 0.0


def test_a_burst_that_is_refused_together_is_one_stop() -> None:
    of = throttle()
    burst = [of.sent(0.0) for _ in range(64)]
    for late, ticket in enumerate(burst):
        of.refused(ticket, 0.5 + late * 0.005, None)
    assert of.access(0.9) == pytest.approx(0.6)
    of.refused(of.sent(1.5), 1.6, None)
    assert of.access(1.6) == pytest.approx(2.0)  # the second stop, not the sixty-fifth


def test_a_stop_doubles_while_all_is_refused_and_begins_anew_after_an_accepted_call() -> None:
    of = throttle()
    now, waits = 0.0, []
    for _ in range(11):
        of.refused(of.sent(now), now, None)
        waits.append(of.access(now))
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    of.accepted(of.sent(now), now)
    for later in (2.0, 2.1, 2.2):
        of.refused(of.sent(now + later), now + later, None)
    assert 1.0 <= of.access(now + 2.2) < 10.0


def test_after_the_stop_it_goes_on_with_what_was_accepted_in_the_last_second() -> None:
    of = throttle()
    accept(of, 7, now=0.5)
    accept(of, 5, now=1.2)
    of.refused(of.sent(1.4), 1.6, None)
    assert of.rate == 5.0
    of.accepted(Ticket(1.3, 2), 1.7)  # a call of before is still accepted while everything waits
    assert of.rate == 6.0
    of.accepted(Ticket(1.3, 2), 2.5)
    assert of.rate == 6.0  # though only two of them are of the last second


def test_with_nothing_accepted_it_goes_on_with_one_call_a_second() -> None:
    of = throttle()
    of.refused(of.sent(0.0), 0.0, None)
    assert of.rate == 1.0
    of.sent(1.0)
    assert of.access(1.0) == pytest.approx(0.95)  # a second, less what may be caught up with


# -- afterwards --------------------------------------------------------------------------------------------------------


def ramping() -> Throttle:
    """Stopped at 0 with ten calls accepted; goes on at 1."""
    of = throttle()
    accept(of, 10, now=0.0)
    of.refused(of.sent(0.0), 0.0, 1.0)
    return of


def holding() -> Throttle:
    """At 10 s it was refused, having accepted twenty calls in the last second."""
    of = ramping()
    accept(of, 20, now=9.5)
    of.refused(of.sent(10.0), 10.0, 60.0)
    return of


def test_the_rate_grows_by_half_every_half_second_until_the_next_refusal() -> None:
    of = ramping()
    rates = []
    for now in (1.0, 1.4, 1.5, 1.9, 2.0, 2.1, 2.5):
        accept(of, 1, now)
        rates.append(of.rate)
    assert rates == [10.0, 10.0, 15.0, 15.0, 22.5, 22.5, 33.75]


def test_the_next_refusal_sets_a_little_less_than_was_accepted_and_stops_nothing() -> None:
    of = holding()
    assert of.rate == pytest.approx(10 * 1.5 * 0.96)  # never more than the rate was
    assert of.access(12.0) == 0.0  # although a minute was asked for


def test_what_was_accepted_counts_when_it_is_less_than_the_rate() -> None:
    of = ramping()
    for now in (1.5, 2.0, 2.5, 3.0):
        accept(of, 1, now)
    accept(of, 3, now=3.5)
    of.refused(of.sent(3.5), 3.6, None)
    assert of.rate == pytest.approx(4 * 0.96)  # one at 3.0 and three at 3.5; 2.5 is too long ago


@pytest.mark.parametrize(
    ("now", "rate"),
    [
        (1.29, 10),  # too soon to decide
        (1.31, 10 * 0.9 * 0.96),  # too short a time for a count
        (1.5, 4 / 0.5 * 0.96),
        (2.0, 4 * 0.96),
    ],
)
def test_soon_after_a_stop_what_was_accepted_is_counted_from_its_end_on(now: float, rate: float) -> None:
    of = ramping()
    accept(of, 4, now=1.2)
    of.refused(of.sent(1.2), now, None)
    assert of.rate == pytest.approx(rate)


def test_too_few_accepted_calls_lower_the_rate_without_a_count() -> None:
    of = holding()
    of.accepted(of.sent(11.2), 11.2)
    before = of.rate
    of.refused(of.sent(11.5), 11.5, None)
    assert of.rate == pytest.approx(before * 0.9 * 0.96)


def test_the_rate_never_falls_below_one_call_in_two_seconds() -> None:
    of = holding()
    now = 11.0
    for _ in range(60):
        of.accepted(of.sent(now), now)
        of.refused(of.sent(now + 0.1), now + 0.1, None)
        now += 1.0
    assert of.rate == 0.5


def test_one_decision_in_three_tenths_of_a_second() -> None:
    of = holding()
    rate = of.rate
    ticket = of.sent(10.1)
    of.refused(ticket, 10.29, None)
    assert of.rate == rate
    of.refused(of.sent(10.29), 10.31, None)
    assert of.rate < rate


def test_a_refusal_of_a_call_that_left_before_the_decision_is_not_heard() -> None:
    of = holding()
    rate = of.rate
    of.refused(Ticket(10.0, 1), 12.0, None)
    assert of.rate == rate
    of.refused(Ticket(10.01, 1), 12.0, None)
    assert of.rate < rate


def test_the_rate_grows_faster_and_faster_after_eight_quiet_seconds() -> None:
    of = holding()
    start, steps = of.rate, []
    for now in range(11, 34):
        before = of.rate
        accept(of, 1, float(now))
        steps.append(round(of.rate / before - 1, 6))
    assert steps[:8] == [0.0] * 8  # up to and including 18.0
    assert steps[8:12] == pytest.approx([0.01, 0.015, 0.0225, 0.03375], abs=1e-6)
    assert steps[-4:] == [0.5] * 4
    assert of.rate > 8 * start


def test_the_rate_grows_once_a_second_however_many_are_accepted() -> None:
    of = holding()
    rates = []
    for now in (18.1, 18.6, 19.0, 19.2, 19.9, 20.3):
        accept(of, 5, now)
        rates.append(round(of.rate / (10 * 1.5 * 0.96), 6))
    assert rates == pytest.approx([1.01, 1.01, 1.01, 1.01 * 1.015, 1.01 * 1.015, 1.01 * 1.015 * 1.0225], abs=1e-5)


def test_the_rate_stays_within_numbers_that_mean_something() -> None:
    of = holding()
    for now in range(11, 200):
        accept(of, 1, float(now))
    assert of.rate == 1e6


def test_the_step_begins_anew_after_a_refusal() -> None:
    of = holding()
    for now in range(11, 30):
        accept(of, 1, float(now))
    of.refused(of.sent(30.0), 30.0, None)
    before = of.rate
    accept(of, 1, 38.5)
    assert of.rate == pytest.approx(before * 1.01)


def test_two_refusals_in_a_row_are_no_outage_but_three_after_a_second_and_a_half_are() -> None:
    of = holding()
    accept(of, 1, 10.5)
    for now in (12.1, 12.5):
        of.refused(of.sent(now), now, 60.0)
    assert of.access(12.6) < 1.0
    of.refused(of.sent(12.9), 12.9, 60.0)
    assert of.access(12.9) == pytest.approx(60.0)


def test_many_refusals_soon_after_an_accepted_call_are_no_outage() -> None:
    of = holding()
    accept(of, 1, 11.0)
    for now in (11.5, 11.9, 12.3, 12.5):
        of.refused(of.sent(now), now, 60.0)
    assert of.access(12.5) < 1.0


def test_a_late_caller_catches_up_with_a_twentieth_of_a_second() -> None:
    of = ramping()
    of.rate = 100.0
    left = 0
    while of.access(50.0) == 0.0:
        of.sent(50.0)
        left += 1
    assert left == 6  # five of the 50 ms before, and the one that is due


def test_calls_leave_evenly() -> None:
    of = ramping()
    now = 50.0
    of.sent(now)
    times: list[float] = []
    while len(times) < 5:
        now += of.access(now) + 1e-9
        of.sent(now)
        times.append(now)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == pytest.approx([0.1] * 4, abs=1e-6)


# -- calls at once -----------------------------------------------------------------------------------------------------


def test_no_more_leave_than_are_allowed_at_once_until_one_has_ended() -> None:
    of = ramping()
    tickets = [of.sent(2.0) for _ in range(5)]
    for ticket in tickets[:4]:
        of.accepted(ticket, 2.1)
    of.refused(tickets[4], 2.1, None)
    assert of.at_once == 4
    for now in (100.0, 200.0, 300.0, 400.0):
        assert of.access(now) == 0.0
        of.sent(now)
    assert of.access(500.0) == math.inf
    of.ended()
    assert of.access(500.0) == 0.0
    of.sent(500.0)
    assert of.access(600.0) == math.inf


def test_calls_of_before_a_stop_are_no_evidence_of_a_limit_at_once() -> None:
    of = throttle()
    *let_through, one_too_many = [of.sent(0.0) for _ in range(5)]
    of.refused(one_too_many, 0.1, 1.0)
    for ticket in let_through:
        of.accepted(ticket, 0.2)
    of.refused(Ticket(1.5, 5), 1.6, None)
    assert of.at_once == math.inf
