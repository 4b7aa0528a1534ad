from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.times import TimeInvalid, epoch_milliseconds, format_writer, read_moment, time_zone

AMSTERDAM = time_zone("Europe/Amsterdam")
MOMENT = datetime(2026, 3, 1, 9, 5, 7, 120_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2026-03-01T09:30:00Z", "2026-03-01T10:30:00+01:00"),
        ("2026-03-01t09:30:00z", "2026-03-01T10:30:00+01:00"),
        ("2026-03-01 09:30:00+02:00", "2026-03-01T08:30:00+01:00"),
        ("2026-07-01T09:30:00.5Z", "2026-07-01T11:30:00.500000+02:00"),
        ("2026-07-01T09:30:00.123456789Z", "2026-07-01T11:30:00.123456+02:00"),
        ("2026-03-01", "2026-03-01T00:00:00+01:00"),
        (0, "1970-01-01T01:00:00+01:00"),
        (-1, "1970-01-01T00:59:59+01:00"),
        (99_999_999_999, "5138-11-16T10:46:39+01:00"),
        (100_000_000_000, "1973-03-03T10:46:40+01:00"),
        ("1772357400", "2026-03-01T10:30:00+01:00"),
        ("1772357400123", "2026-03-01T10:30:00.123000+01:00"),
        (1772357400.5, "2026-03-01T10:30:00.500000+01:00"),
        (Decimal("1772357400.25"), "2026-03-01T10:30:00.250000+01:00"),
        ("-86400", "1969-12-31T01:00:00+01:00"),
    ],
)
def test_moments(value: Any, written: str) -> None:
    assert read_moment(value, AMSTERDAM).isoformat() == written


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-03-01T09:30:00", "a time without an offset; it could be any zone's"),
        ("2026-03-01 09:30", "a time without an offset"),
        ("2026-02-30T09:30:00Z", "no such moment"),
        ("2026-02-30", "no such moment"),
        ("0000-01-01", "no such moment"),
        ("0001-01-01T00:00:00+23:00", "no such moment"),
        ("9999-12-31T23:59:59-23:00", "no such moment"),
        ("2026-03-01T09:30:00+99:00", "no such moment"),
        ("yesterday", "neither RFC 3339, nor a date, nor an epoch number"),
        ("01.03.2026", "neither RFC 3339"),
        ("2026-03-01T09:30Z", "neither RFC 3339"),
        ("٢٠٢٦-03-01", "neither RFC 3339"),
        ("1" * 19, "neither RFC 3339"),
        (1e300, "no such moment"),
        (float("inf"), "no such moment"),
        (float("nan"), "no such moment"),
        (10**30, "no such moment"),
        (True, "neither text nor a number"),
        ([], "neither text nor a number"),
        (None, "neither text nor a number"),
    ],
)
def test_what_is_no_moment(value: Any, message: str) -> None:
    with pytest.raises(TimeInvalid) as fault:
        read_moment(value, AMSTERDAM)
    assert message in str(fault.value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("%Y-%m-%d", "2026-03-01"),
        ("%H:%M:%S.%f", "09:05:07.120000"),
        ("%y %j %b %B %a %A", "26 060 Mar March Sun Sunday"),
        ("%I %p", "09 AM"),
        ("100%% on %d/%m", "100% on 01/03"),
        ("%Z %z", "UTC +0000"),
        ("%%%Y%%", "%2026%"),
    ],
)
def test_formats(text: str, written: str) -> None:
    assert format_writer(text)(MOMENT) == written


def test_the_clock_of_twelve_hours_and_years_of_four_digits() -> None:
    write = format_writer("%Y %I %p")
    assert [write(MOMENT.replace(hour=hour)) for hour in (0, 11, 12, 23)] == [
        "2026 12 AM",
        "2026 11 AM",
        "2026 12 PM",
        "2026 11 PM",
    ]
    assert write(MOMENT.replace(year=7)) == "0007 09 AM"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%Q", "%Q is no format code; there are %Y %m"),
        ("%Y %", "% is no format code"),
        ("%\n", "is no format code"),
        ("today", "a format needs a code such as %Y-%m-%d"),
        ("100%%", "a format needs a code"),
        ("", "a format needs a code"),
    ],
)
def test_what_is_no_format(text: str, message: str) -> None:
    with pytest.raises(TimeInvalid) as fault:
        format_writer(text)
    assert message in str(fault.value)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "", "../etc/passwd", "/etc/localtime", "a\0b"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(TimeInvalid, match="no time zone"):
        time_zone(name)


def test_utc_needs_no_database() -> None:
    assert time_zone("UTC") is UTC


def test_milliseconds_are_rounded_down() -> None:
    assert epoch_milliseconds(read_moment("1970-01-01T00:00:00.0019Z")) == 1
    assert epoch_milliseconds(read_moment("1969-12-31T23:59:59.9999Z")) == -1


@given(st.text() | st.integers() | st.floats() | st.text("0123456789-:TZ+. "))
def test_any_value_is_a_moment_or_told(value: Any) -> None:
    try:
        moment = read_moment(value)
    except TimeInvalid as fault:
        assert str(value) not in str(fault) or len(str(value)) < 3  # noqa: PT017 - both are fine
    else:
        assert isinstance(epoch_milliseconds(moment), int)
