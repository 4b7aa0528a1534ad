from __future__ import annotations

import pytest

from consumer.core.clock import Clocks
from consumer.core.lease import LONGEST_LIFE, Call, Lease, Terms
from consumer.core.quota import Unlimited, Usage


def at(boot: float, wall: float | None = None) -> Clocks:
    return Clocks(boot, 1000 + boot if wall is None else wall)


def lease(size: int = 3) -> Lease:
    return Lease("l", size, at(10), lasts=5.0, timeout=2.0)


def test_a_lease_gives_each_of_its_calls_once() -> None:
    three = lease()
    assert [three.spend(at(10)) is not None for _ in range(4)] == [True, True, True, False]
    assert (three.used, three.left) == (3, 0)


@pytest.mark.parametrize("now", [at(15), at(20), at(11, 1015), at(15, 900)], ids=["boot", "later", "wall", "set back"])
def test_a_lease_is_over_when_either_clock_says_so(now: Clocks) -> None:
    assert lease().over(now)
    assert lease().spend(now) is None
    with pytest.raises(ValueError, match="no call to give"):
        Call(lease(), now)


def test_a_lease_is_good_until_just_before_it_is_over() -> None:
    assert lease().good(at(14.999))
    assert not lease().over(at(14.999))
    assert lease().remaining(at(14)) == 1.0
    assert lease().remaining(at(11, 1014.5)) == 0.5
    assert lease().remaining(at(14.5, 1011)) == 0.5


@pytest.mark.parametrize(("now", "outlived"), [(at(16.9), False), (at(17), True), (at(11, 1017), True)])
def test_calls_must_have_ended_a_timeout_after_the_lease(now: Clocks, outlived: bool) -> None:  # noqa: FBT001 - a row
    assert lease().outlived(now) is outlived


def test_a_closed_lease_gives_nothing_more() -> None:
    three = lease()
    three.spend(at(10))
    assert (three.close(), three.close()) == (2, 0)
    assert three.spend(at(10)) is None


@pytest.mark.parametrize(
    ("limit", "largest"), [(1, 1), (99, 1), (100, 1), (600, 6), (9_999, 99), (10_000, 10), (1_000_000, 1000)]
)
def test_a_lease_holds_at_most_a_thousandth_of_the_limit_and_a_hundredth_of_a_small_one(
    limit: int, largest: int
) -> None:
    assert Terms(limit, 60.0, 1.0, 1.0).largest == largest


def test_a_long_lease_is_cut_to_a_sixtieth_of_the_window() -> None:
    terms = Terms.of(600, 60.0, lease=60.0, timeout=1.0)
    assert (terms.lease, terms.life, terms.ahead) == (1.0, 2.0, 0.1)
    assert Terms.of(600, 86_400.0, lease=60.0, timeout=10.0).ahead == 1.0


def test_a_lease_lives_at_most_a_day() -> None:
    assert Terms.of(1, 60 * LONGEST_LIFE, LONGEST_LIFE - 10, 10.0).life == LONGEST_LIFE
    with pytest.raises(ValueError, match=r"quota.lease \+ target.timeout is 86401s, more than 86400s"):
        Terms.of(1, 60 * LONGEST_LIFE, LONGEST_LIFE - 10, 11.0)


def test_without_a_quota_everyone_gets_a_call() -> None:
    quota = Unlimited()
    call = quota.access(at(0))
    assert isinstance(call, Call)
    assert not call.lease.over(at(1e12))
    quota.finished(call, at(1e9))
    quota.backlog(5, 5)
    quota.release()
    assert isinstance(quota.access(at(1e9)), Call)
    assert quota.usage(at(0)) == Usage(0, 0.0)
    assert quota.usage(at(0)).left is None


@pytest.mark.parametrize(("used", "left"), [(None, None), (0, 10), (10, 0), (11, 0)])
def test_what_is_left_is_never_negative(used: int | None, left: int | None) -> None:
    assert Usage(10, 60.0, used).left == left
