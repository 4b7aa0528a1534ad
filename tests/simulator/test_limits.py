from __future__ import annotations

from email.utils import parsedate_to_datetime
from random import Random

import pytest

from consumer.simulator.behaviour import Quota, Rate
from consumer.simulator.judge import worst_window
from consumer.simulator.limits import (
    FixedWindows,
    Rolling,
    SlidingWindow,
    TokenBucket,
    quota_limiter,
    rate_limiter,
    retry_after,
)


def test_a_rolling_window_excludes_what_is_exactly_its_length_ago() -> None:
    rolling = Rolling(10.0)
    assert [rolling.add(0.0), rolling.add(9.0), rolling.add(10.0)] == [1, 2, 2]
    assert (rolling.count(18.9), rolling.count(19.0), rolling.count(20.0)) == (2, 1, 0)
    assert rolling.worst == 2


def test_a_rolling_window_counts_as_the_judge_does_over_many_thousand_calls() -> None:
    chance, rolling, now = Random(7), Rolling(3.0), 0.0  # noqa: S311  seeded on purpose
    times = []
    for _ in range(20_000):
        now += chance.expovariate(300)
        times.append(now)
        assert rolling.add(now) <= rolling.worst
    assert rolling.worst == worst_window(times, 3.0).calls


def test_a_token_bucket_lets_a_burst_pass_and_then_the_rate() -> None:
    bucket = TokenBucket(limit=4, seconds=2.0, burst=3)
    assert [bucket.admit(0.0) for _ in range(4)] == [None, None, None, 0.5]
    assert bucket.admit(0.25) == pytest.approx(0.25)
    assert bucket.admit(0.5) is None
    assert [bucket.admit(100.0) for _ in range(4)] == [None, None, None, 0.5]


def test_fixed_windows_begin_with_the_first_call_and_do_not_carry_over() -> None:
    windows = FixedWindows(limit=2, seconds=1.0)
    assert [windows.admit(5.25) for _ in range(3)] == [None, None, 1.0]
    assert windows.admit(6.0) == pytest.approx(0.25)
    assert [windows.admit(6.25) for _ in range(3)] == [None, None, 1.0]
    assert [windows.admit(9.5) for _ in range(3)] == [None, None, 0.75]


def test_a_sliding_window_counts_back_from_each_call_and_only_what_passed() -> None:
    window = SlidingWindow(limit=2, seconds=1.0)
    assert [window.admit(0.0), window.admit(0.5), window.admit(0.75)] == [None, None, 0.25]
    assert window.admit(1.0) is None
    assert window.admit(1.25) == 0.25
    assert window.admit(1.5) is None


def test_a_sliding_window_of_none_lets_nothing_pass() -> None:
    assert SlidingWindow(limit=0, seconds=60.0).admit(3.0) == 60.0


@pytest.mark.parametrize(("kind", "most"), [("bucket", 15), ("fixed", 20), ("sliding", 10)])
def test_no_kind_of_rate_passes_more_in_a_second_than_it_can(kind: str, most: int) -> None:
    limiter = rate_limiter(Rate.model_validate({"limit": 10, "kind": kind, "burst": 5}))
    chance, now = Random(3), 0.0  # noqa: S311  seeded on purpose
    passed = []
    for _ in range(5000):
        now += chance.expovariate(25)
        if limiter.admit(now) is None:
            passed.append(now)
    assert 8 * now < len(passed) <= 10 * (now + 1)
    assert worst_window(passed, 1.0).calls <= most


def test_a_bucket_without_a_burst_holds_its_limit() -> None:
    limiter = rate_limiter(Rate(limit=2))
    assert [limiter.admit(0.0) for _ in range(3)] == [None, None, 0.5]


def test_a_quota_without_a_limit_has_no_limiter() -> None:
    assert quota_limiter(Quota()) is None
    limiter = quota_limiter(Quota(limit=1, seconds=10.0))
    assert limiter
    assert [limiter.admit(0.0), limiter.admit(4.0)] == [None, 6.0]


def test_retry_after_is_written_in_every_style() -> None:
    assert retry_after(None, 1.5, 0.0) == {}
    assert retry_after("seconds", 1.2, 0.0) == {"Retry-After": "2"}
    assert retry_after("garbage", 1.5, 0.0) == {"Retry-After": "soon"}
    assert retry_after(-3, 1.5, 0.0) == {"Retry-After": "-3"}
    date = retry_after("date", 1.5, 1_700_000_000.0)["Retry-After"]
    assert date.endswith("GMT")
    assert parsedate_to_datetime(date).timestamp() == 1_700_000_002
