from __future__ import annotations

import pytest

from consumer.core.formats.wire_values import duration_text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1_500_000_000, "1.500s"),
        (-1_500_000_000, "-1.500s"),
        (1_000, "0.000001s"),
        (1, "0.000000001s"),
        (3_600_000_000_000, "3600s"),
    ],
)
def test_a_length_of_time_is_seconds(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text
