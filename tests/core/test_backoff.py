from __future__ import annotations

import pytest

from consumer.core.backoff import delay


@pytest.mark.parametrize(("attempt", "most"), [(1, 0.5), (2, 1.0), (3, 2.0), (10, 256.0), (11, 300.0), (10_000, 300.0)])
def test_the_bound_doubles_up_to_the_cap(attempt: int, most: float) -> None:
    assert delay(attempt, 0.5, 300.0, chance=0.5) == most / 2


def test_chance_spreads_from_nothing_to_the_bound() -> None:
    assert delay(3, 1.0, 300.0, chance=0.0) == 0.0
    assert delay(3, 1.0, 300.0, chance=0.25) == 1.0
    assert delay(3, 1.0, 300.0, chance=0.999) == pytest.approx(3.996)


def test_an_attempt_before_the_first_counts_as_the_first() -> None:
    assert delay(0, 1.0, 300.0, chance=0.5) == delay(1, 1.0, 300.0, chance=0.5) == 0.5


@pytest.mark.parametrize(("asked", "waits"), [(0.0, 0.0), (7.0, 7.0), (300.0, 300.0), (301.0, 300.0)])
def test_what_the_other_side_asks_for_wins_up_to_the_cap(asked: float, waits: float) -> None:
    assert delay(9, 1.0, 300.0, chance=0.5, retry_after=asked) == waits
