from __future__ import annotations

from typing import Any

import pytest

from consumer.adapters.health import KAFKA_GRACE, Heartbeat, ready
from consumer.core.state import State
from tests.adapters.snapshots import snapshot


@pytest.mark.parametrize(("silent", "alive"), [(0.0, True), (59.9, True), (60.0, True), (60.1, False)])
def test_alive_until_the_last_beat_is_too_old(silent: float, alive: bool) -> None:  # noqa: FBT001  a table of cases
    heartbeat = Heartbeat(60.0, 0.0)
    heartbeat.beat(1000.0)
    assert heartbeat.live(1000.0 + silent).ok is alive


def test_the_start_counts_as_a_beat() -> None:
    assert Heartbeat(60.0, 500.0).live(560.0).ok
    assert not Heartbeat(60.0, 500.0).live(561.0).ok


def test_a_loop_that_stands_still_is_told_in_seconds() -> None:
    assert Heartbeat(60.0, 0.0).live(75.0).why == "the loop has stood still for 75 s (allowed: 60 s)"


def test_not_ready_before_the_group_has_given_partitions() -> None:
    assert ready(snapshot(State.STARTING, joined=False), 0.0) == (False, "the group has not given partitions yet")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"joined": False}, "the group has not given partitions yet: no broker answers"),
        ({"kafka_failing_since": 0.0}, "Kafka has been out of reach or refusing us for 40 s: no broker answers"),
        ({"credentials_refused": True}, "our credentials are refused: no broker answers"),
    ],
)
def test_what_is_wrong_with_kafka_is_told(facts: dict[str, Any], why: str) -> None:
    assert ready(snapshot(kafka_failing_why="no broker answers", **facts), 40.0) == (False, why)


def test_ready_once_joined_even_with_no_partition_to_give() -> None:
    assert ready(snapshot(State.IDLE, partitions=()), 0.0).ok


@pytest.mark.parametrize("state", [State.QUOTA_BLOCKED, State.BREAKER_OPEN, State.THROTTLED, State.DEAD_LETTER_BLOCKED])
def test_waiting_is_ready(state: State) -> None:
    assert ready(snapshot(state), 0.0).ok


def test_not_ready_while_stopping() -> None:
    assert ready(snapshot().stopping(0.0), 0.0) == (False, "stopping")


def test_not_ready_while_credentials_are_refused() -> None:
    assert not ready(snapshot(credentials_refused=True), 0.0).ok


@pytest.mark.parametrize(("seconds", "is_ready"), [(0.0, True), (29.9, True), (30.0, False), (31.0, False)])
def test_not_ready_once_kafka_failed_for_the_whole_grace(seconds: float, is_ready: bool) -> None:  # noqa: FBT001  a table of cases
    assert KAFKA_GRACE == 30.0
    assert ready(snapshot(State.KAFKA_UNREACHABLE, kafka_failing_since=100.0), 100.0 + seconds).ok is is_ready
