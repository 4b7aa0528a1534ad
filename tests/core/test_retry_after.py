from __future__ import annotations

import time

import pytest

from consumer.core.retry_after import seconds_to_wait

WALL = 784111717.0  # Sun, 06 Nov 1994 08:48:37 GMT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("1", 1.0), (" 120 ", 120.0), ("86400", 86400.0), ("1.5", 1.5), ("9" * 400, 366 * 86400.0)],
)
def test_seconds(header: str, seconds: float) -> None:
    assert seconds_to_wait(header, WALL) == seconds


@pytest.mark.parametrize(
    "header",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_the_three_formats_of_a_date(header: str) -> None:
    assert seconds_to_wait(header, WALL) == 60.0


def test_a_date_is_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert seconds_to_wait("Sun Nov  6 08:49:37 1994", WALL) == 60.0
    time.tzset()


def test_a_date_at_this_moment_means_now_and_an_earlier_one_nothing() -> None:
    assert seconds_to_wait("Sun, 06 Nov 1994 08:48:37 GMT", WALL) == 0.0
    assert seconds_to_wait("Sun, 06 Nov 1994 08:48:36 GMT", WALL) is None


def test_a_date_of_another_zone_is_that_moment() -> None:
    assert seconds_to_wait("Sun, 06 Nov 1994 10:49:37 +0200", WALL) == 60.0


def test_a_date_in_the_far_future_is_bounded() -> None:
    assert seconds_to_wait("Sun, 06 Nov 2994 08:49:37 GMT", WALL) == 366 * 86400.0


@pytest.mark.parametrize(
    "header",
    ["", "-1", "soon", "1e3", "1,5", "+5", "٣", "nan", "inf", "Sun, 99 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"],
)
def test_negative_or_unreadable_is_as_if_it_were_not_there(header: str) -> None:
    assert seconds_to_wait(header, WALL) is None


def test_a_year_beyond_all_calendars_is_unreadable() -> None:
    assert seconds_to_wait("Sun, 06 Nov 99999999999999 08:49:37 GMT", WALL) is None
