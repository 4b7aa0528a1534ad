from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from consumer.adapters.quota_watch import QuotaWatch, reason
from consumer.core.clock import Clocks
from consumer.core.quota import Usage
from consumer.core.state import State


def told(*usages: Usage | None, every: float = 1.0) -> list[dict[str, Any]]:
    watch = QuotaWatch()
    with capture_logs() as logs:
        for number, usage in enumerate(usages):
            if usage is not None:
                watch.watch(usage, Clocks(number * every, number * every))
    return [dict(line) for line in logs]


def used(calls: int, **others: Any) -> Usage:
    return Usage(100, 60.0, calls, **others)


@pytest.mark.parametrize(
    ("uses", "warned"),
    [
        ([0, 79], []),
        ([79, 80, 81, 80], [80]),
        ([80, 94, 95, 100], [80, 95]),
        ([100], [100]),
        ([80, 76, 80], [80]),
        ([80, 74, 80], [80, 80]),
        ([95, 92, 95, 89, 94, 95], [95, 95]),
    ],
)
def test_a_warning_at_80_and_at_95_percent_and_again_after_less(uses: list[int], warned: list[int]) -> None:
    logs = told(*map(used, uses))
    assert [line["used_percent"] for line in logs] == warned
    assert {line["event"] for line in logs} <= {"quota_used"}


def test_pacing_is_told_when_it_begins_and_when_it_ends() -> None:
    logs = told(used(60), used(60, rate=1.23456), used(60, rate=0.5), used(60))
    assert logs == [
        {"event": "paced", "log_level": "info", "calls_per_second": 1.235, "calls": 60, "limit": 100},
        {"event": "pace_lifted", "log_level": "info", "seconds": 2.0},
    ]


def test_blocked_is_told_once_with_the_time_calls_come_free() -> None:
    blocked = used(50, blocked=True, next_free_at=1_700_000_000.0)
    logs = told(used(50), blocked, blocked, used(50))
    assert [line["event"] for line in logs] == ["quota_blocked", "quota_free"]
    assert logs[0]["next_free_at"] == "2023-11-14T22:13:20Z"
    assert logs[1]["seconds"] == 2.0


def test_what_goes_to_and_fro_is_told_once_in_ten_seconds() -> None:
    to_and_fro = [used(50, blocked=number % 2 == 0) for number in range(22)]
    logs = told(*to_and_fro)
    assert [(line["event"], line["suppressed"]) for line in logs] == [
        ("quota_blocked", 0),
        ("quota_free", 0),
        ("quota_blocked", 4),
        ("quota_free", 4),
        ("quota_blocked", 4),
        ("quota_free", 4),
    ]


def test_an_unknown_or_absent_quota_is_not_spoken_of() -> None:
    assert told(Usage(100, 60.0), Usage(0, 0.0, 0)) == []


@pytest.mark.parametrize(
    ("usage", "state", "words"),
    [
        (used(60, rate=3.8612), State.PACED, "paced at 3.86 calls a second"),
        (used(60), State.PACED, None),
        (used(60, rate=3.8612), State.PROGRESSING, None),
        (Usage(100, 60.0), State.QUOTA_BLOCKED, "the quota ledger is not read yet"),
        (used(60), State.QUOTA_BLOCKED, "Kafka does not answer for the quota ledger"),
        (used(100, next_free_at=1.7e9), State.QUOTA_BLOCKED, "calls come free at 2023-11-14T22:13:20Z"),
    ],
)
def test_the_state_is_explained(usage: Usage, state: State, words: str | None) -> None:
    assert reason(usage, state) == words
