from __future__ import annotations

import pytest

from consumer.units import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("15m", 900), ("24h", 86400), ("0s", 0), ("1.5s", 1.5), (" 2s ", 2), ("1ms", 0.001)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1d", "10 s", "1.s", "1h30m", "1e3s", ".5s", "nans", "٣s", "1S", "9" * 13 + "s"]
)
def test_what_is_no_duration_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 500ms, 10s, 15m or 24h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "1ms", "999ms", "1s", "61s", "90m", "25h", "1500ms"])
def test_a_duration_is_written_as_it_would_be_read(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 67108864), ("1KiB", 1024), ("1GiB", 1 << 30), ("7B", 7), ("1000", 1000), ("0", 0), (" 1B ", 1)],
)
def test_a_size_is_a_number_with_a_unit_or_in_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "64MB", "64M", "-1", "1.5MiB", "64 MiB", "64mib", "1" * 16])
def test_what_is_no_size_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size such as 512KiB, 64MiB or 1GiB"):
        parse_size(text)
