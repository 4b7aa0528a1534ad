from __future__ import annotations

import pytest

from consumer.core.lease import Terms
from consumer.core.ledger import Ledger, Take
from consumer.core.pacing import Backlog, Pacing

TERMS = Terms(limit=2400, window=2400.0, lease=10.0, timeout=2.0)
NOW = 1_000_000.0
HOUR = TERMS.window / 24


def used(calls: int, at: float = NOW) -> Ledger:
    ledger = Ledger(TERMS.window)
    if calls:
        ledger.read(Take("o.1", "other", calls, TERMS.life, at), at)
    return ledger


def reviewed(
    ledger: Ledger, created: int, waiting: int = 1, others: tuple[int, ...] = (), pacing: Pacing | None = None
) -> Pacing:
    pacing = pacing or Pacing(TERMS)
    pacing.review(0.0, NOW, ledger, Backlog(waiting, created), others)
    return pacing


@pytest.mark.parametrize("calls", [0, 1200])
def test_while_half_of_the_limit_is_left_nothing_is_delayed(calls: int) -> None:
    pacing = reviewed(used(calls), created=10**6, waiting=10**6)
    assert pacing.rate is None
    assert pacing.wait(5.0) == 0.0


def test_below_half_it_is_paced_at_what_lasts_for_the_window() -> None:
    pacing = reviewed(used(1201), created=10**6)
    assert pacing.rate == pytest.approx(1199 / 2400)


def test_what_comes_free_within_the_window_is_lent_on() -> None:
    half_an_hour_left = NOW - TERMS.window - TERMS.life + HOUR / 2
    pacing = reviewed(used(2400, at=half_an_hour_left), created=10**6)
    assert pacing.rate == 0.0  # in the first of the 96 steps nothing comes free
    pacing = reviewed(used(2390, at=half_an_hour_left), created=10**6)
    assert pacing.rate == pytest.approx(10 / (2 * TERMS.window / 96))
    pacing = reviewed(used(2390, at=half_an_hour_left - TERMS.window / 96), created=10**6)
    assert pacing.rate == pytest.approx(10 / (TERMS.window / 96))


def test_past_the_limit_it_is_a_pace_of_nothing() -> None:
    pacing = reviewed(used(2500), created=10**6)
    assert pacing.rate == 0.0


@pytest.mark.parametrize(("created", "paced"), [(40, False), (49, False), (60, True)])
def test_only_more_lanes_than_the_share_can_send_are_paced(created: int, paced: bool) -> None:  # noqa: FBT001 - a row
    assert (reviewed(used(1201), created).rate is not None) is paced  # 0.4996 a second are 49.96 in an hour


def test_lanes_that_wait_are_demand_as_well() -> None:
    assert reviewed(used(1201), created=0, waiting=60).rate is not None


def test_demand_is_that_of_the_last_hour() -> None:
    pacing = reviewed(used(1201), created=60)
    pacing.review(HOUR / 2, NOW, used(1201), Backlog(1, 60), ())
    assert pacing.rate is not None
    pacing.review(HOUR + 1, NOW, used(1201), Backlog(1, 60), ())
    assert pacing.rate is None


def test_demand_is_that_of_an_hour_at_least() -> None:
    pacing = reviewed(used(1201), created=0)
    pacing.review(HOUR / 2, NOW, used(1201), Backlog(1, 30), ())
    pacing.review(HOUR * 5 / 4, NOW, used(1201), Backlog(1, 60), ())
    assert pacing.rate is not None


@pytest.mark.parametrize(("created", "paced"), [(46, True), (44, False)])
def test_paced_it_stays_so_until_clearly_fewer_appear(created: int, paced: bool) -> None:  # noqa: FBT001 - a row
    pacing = reviewed(used(1201), created=1000)
    pacing.review(2 * HOUR, NOW, used(1201), Backlog(1, 1000 + created), ())
    assert (pacing.rate is not None) is paced


def test_the_rate_is_shared_by_what_waits() -> None:
    whole = 1199 / 2400
    assert reviewed(used(1201), 10**6, waiting=300, others=(100,)).rate == pytest.approx(whole * 0.75)
    assert reviewed(used(1201), 10**6, waiting=100, others=(300,)).rate == pytest.approx(whole * 0.25)
    assert reviewed(used(1201), 10**6, waiting=0, others=(3,)).rate == pytest.approx(whole * 0.25), "as with one"


def test_everyone_has_a_call_in_each_lease_however_much_waits_elsewhere() -> None:
    assert reviewed(used(1201), 10**6, waiting=1, others=(10**6,)).rate == pytest.approx(0.1)
    assert reviewed(used(2399), 10**6, waiting=1, others=(10**6,)).rate == pytest.approx(1 / 2400 / 2)


def test_calls_leave_one_by_one_at_the_pace() -> None:
    pacing = reviewed(used(1200 + 1), created=10**6)
    assert pacing.rate is not None
    assert pacing.wait(0.0) == 0.0
    pacing.spent()
    assert pacing.wait(0.0) == pytest.approx(TERMS.window / 1440)  # the next review comes first
    assert pacing.wait(1.0) == pytest.approx(TERMS.window / 1440 - 1.0)
    assert pacing.wait(2.5) == 0.0


def test_between_two_reviews_a_call_leaves_when_its_time_has_come() -> None:
    pacing = Pacing(TERMS._replace(limit=24_000))
    pacing.review(0.0, NOW, used(12_001), Backlog(1, 10**6), ())
    each = 2400 / 11_999
    pacing.spent()
    assert pacing.wait(0.0) == pytest.approx(each)
    assert pacing.wait(0.1) == pytest.approx(each - 0.1)


def test_what_left_before_it_was_paced_need_not_be_made_up_for() -> None:
    pacing = reviewed(used(0), created=0)
    for _ in range(100):
        pacing.spent()
    reviewed(used(1201), created=10**6, pacing=pacing)
    assert pacing.wait(0.0) == 0.0


def test_a_review_gives_no_call_and_takes_none() -> None:
    pacing = reviewed(used(1201), created=10**6)
    pacing.spent()
    reviewed(used(1201), created=10**6, pacing=pacing)
    assert pacing.wait(0.0) > 0.0
    whole = 1199 / 2400
    pacing.review(1.5, NOW, used(1201), Backlog(1, 10**6), (1,))
    assert pacing.wait(1.5) == pytest.approx((1 - 1.5 * whole) / (whole / 2)), "until then its pace was the old one"


def test_who_was_held_up_may_catch_up_by_one_lease() -> None:
    pacing = reviewed(used(1201), created=10**6)
    left = 0
    while pacing.wait(1000.0) == 0.0:
        pacing.spent()
        left += 1
    assert left == 1 + int(1199 / 2400 * TERMS.lease)


def test_at_a_pace_of_nothing_it_waits_for_the_next_review() -> None:
    pacing = reviewed(used(2400), created=10**6)
    assert pacing.rate == 0.0
    assert pacing.wait(0.0) == 0.0
    pacing.spent()
    assert pacing.wait(0.5) == pytest.approx(TERMS.window / 1440 - 0.5)
    assert pacing.wait(100.0) == 0.005


def test_it_is_reviewed_once_in_a_1440th_of_the_window() -> None:
    pacing = Pacing(TERMS)
    assert pacing.due(0.0)
    reviewed(used(0), 0, pacing=pacing)
    assert not pacing.due(1.66)
    assert pacing.due(1.67)
