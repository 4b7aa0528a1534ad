from __future__ import annotations

from typing import get_args

import pytest

from consumer.adapters.status import QuotaStatus
from consumer.adapters.status_words import OUTCOMES, WORDS, clock, headline, lasting
from consumer.core.outcome import Outcome
from consumer.core.state import State
from tests.adapters.snapshots import WALL, status


def test_every_state_has_words() -> None:
    assert set(WORDS) == set(State)


def test_every_outcome_of_a_call_is_explained() -> None:
    assert set(OUTCOMES) == {kind.__name__.lower() for kind in get_args(Outcome)}


@pytest.mark.parametrize("state", State)
def test_every_headline_can_be_filled_in(state: State) -> None:
    assert "{" not in headline(status(state), WALL)


def test_a_blocked_quota_says_until_when() -> None:
    quota = QuotaStatus(limit=1, window_seconds=60, used=1, left=0, next_free_at=WALL + 16_500)
    assert headline(status(State.QUOTA_BLOCKED, quota=quota), WALL) == "Waiting for quota until 14:05 UTC"


def test_a_blocked_quota_without_a_time_does_not_invent_one() -> None:
    assert headline(status(State.QUOTA_BLOCKED), WALL) == "Waiting for quota until some calls come free"


def test_refused_credentials_say_since_when() -> None:
    since = WALL - 18 * 60
    said = headline(status(State.CREDENTIALS_REFUSED, since=since), WALL)
    assert said == "Target has refused our calls since 09:12 UTC"


def test_another_day_is_named() -> None:
    assert clock(WALL, WALL + 14 * 3600) == "09:30 UTC"
    assert clock(WALL, WALL + 15 * 3600) == "09:30 UTC on 2026-03-01"
    assert clock(WALL + 86400, WALL) == "09:30 UTC on 2026-03-02"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (86400, "24 h"),
        (172799, "47 h 59 min"),
        (172800, "2 d"),
        (187200, "2 d 4 h"),
    ],
)
def test_a_length_of_time_is_told_in_at_most_two_units(seconds: float, text: str) -> None:
    assert lasting(seconds) == text
