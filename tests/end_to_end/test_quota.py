"""The quota, on a real Kafka: the simulated Target counts its calls itself, in every rolling window.

`QUOTA_FULL_WINDOW=1` runs the proof with a limit of 600 in 60 s (six minutes); the default is the same at half the
length.
"""

from __future__ import annotations

import os
import random
import signal
import time
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.load import Visits, committed, mappings
from tests.end_to_end.service import Service, eventually
from tests.stalls import Stalls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import Kafka

FULL = os.environ.get("QUOTA_FULL_WINDOW") == "1"
WINDOW = 60.0 if FULL else 24.0
LIMIT = int(10 * WINDOW)
LEASE = TIMEOUT = WINDOW / 60
PARTITIONS = 6
LEAST_USED = 0.95


@pytest.fixture
def ledger() -> str:
    return f"ledger-{uuid.uuid4().hex[:8]}"


def new_visits(kafka: Kafka, count: int) -> tuple[str, Visits]:
    """A topic with so many visits, each of a customer of its own: each needs a call."""
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    for number in range(count):
        visits.put(b'{"type":"visit","customer":"c%d","number":%d}' % (number, number), number % PARTITIONS)
    visits.flush()
    return topic, visits


def quota(limit: int, window: float, ledger: str, **others: Any) -> dict[str, Any]:
    return {
        "quota__limit": limit,
        "quota__window": f"{window}s",
        "quota__lease": f"{window / 60}s",
        "quota__topic": ledger,
        "target__timeout": f"{min(max(window / 60, 0.4), 2.0)}s",
        "delivery__drain_timeout": "6s",
        "kafka__properties": {"session.timeout.ms": "6000"},
        **others,
    }


def test_however_members_come_go_die_and_freeze_no_window_holds_more_than_the_limit(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, ledger: str
) -> None:
    topic, _ = new_visits(kafka, 20 * LIMIT)
    target.control.patch(latency="20ms", quota={"seconds": WINDOW})
    options = quota(LIMIT, WINDOW, ledger, schemas=str(mappings(tmp_path, topic)))
    chance = random.Random(5)  # noqa: S311 - a seed
    with Stalls() as stalls, ExitStack() as running:
        members = [running.enter_context(service(**options)) for _ in range(3)]
        eventually(lambda: len(target.history), "the first call")
        began = time.monotonic()

        def until(windows: float) -> None:
            time.sleep(max(0.0, began + windows * WINDOW - time.monotonic()))

        until(1.0)
        killed = members.pop(chance.randrange(3))
        killed.kill()
        members.append(killed.start())
        until(1.3)
        frozen = chance.choice(members[:2])
        frozen.process.send_signal(signal.SIGSTOP)
        time.sleep(3 * LEASE + 1)
        frozen.process.send_signal(signal.SIGCONT)
        until(1.8)
        for member in members[1:]:
            assert member.stop() == 0
        until(2.2)
        more = [running.enter_context(service(**options)) for _ in range(4)]
        until(2.9)
        more[0].kill()
        for member in more[1:]:
            assert member.stop() == 0
        until(3.5)
        members[0].stop()
        lasted = time.monotonic() - began
    calls = target.control.summary()
    assert calls["worst_window"]["calls"] <= LIMIT
    for stall in stalls.found:  # nobody called, and the leases of that time are wasted
        lasted -= stall.seconds + LEASE + TIMEOUT
    allowed = LIMIT * lasted / (WINDOW + LEASE + TIMEOUT)
    print(f"{calls['calls']} calls of {allowed:.0f} in {lasted:.0f} s, at most {calls['worst_window']} at once")  # noqa: T201
    assert calls["calls"] >= LEAST_USED * allowed
    assert calls["by_cause"].keys() == {"accepted"}


def test_a_spent_quota_is_shown_outlives_a_restart_and_is_never_passed(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, ledger: str
) -> None:
    topic, _ = new_visits(kafka, 400)
    # At most five calls a second, whatever the machine: thirteen between two looks at the pace, 2.5 s apart.
    target.control.patch(latency="200ms")
    options = quota(100, 3600.0, ledger, schemas=str(mappings(tmp_path, topic)), delivery__max_in_flight=1)
    with service(**options) as running:
        status = running.wait_until(lambda shown: shown["state"] == "paced", "half is spent")
        assert status["quota"].keys() == {"limit", "window_seconds", "used", "left", "next_free_at"}
        assert (status["quota"]["limit"], status["quota"]["window_seconds"]) == (100, 3600.0)
        held = next(part for part in status["partitions"] if part["state"] == "paced")
        assert "calls a second" in held["reason"]
        assert 50 < status["quota"]["used"] <= 65
        assert "profile_consumer_quota_limit_calls 100.0" in running.get("/metrics").text
        assert "profile_consumer_quota_used_calls" in running.get("/metrics").text
        assert "pace of the quota" in running.get("/").text or "Waiting for quota" in running.get("/").text
        running.kill()
        (paced,) = running.logs("paced")
        assert paced["calls_per_second"] > 0
    spent = len(target.history)
    with service(**options, kafka__group_id="another") as running:
        opened = eventually(lambda: running.logs("quota_ledger_opened"), "the ledger is read")
        assert opened[0]["calls"] >= spent
        time.sleep(2.0)
        assert running.stop() == 0
    assert len(target.history) <= spent + 13, "what the first look at the pace, 2.5 s after a start, lets through"


def test_a_clean_stop_gives_back_what_was_not_called(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, ledger: str
) -> None:
    topic, _ = new_visits(kafka, 130)
    options = quota(10_000_000, 86_400.0, ledger, schemas=str(mappings(tmp_path, topic)))
    with service(**options) as running:
        eventually(lambda: len(target.history) == 130, "all are sent")
        assert running.stop() == 0
    with service(**options) as running:
        opened = eventually(lambda: running.logs("quota_ledger_opened"), "the ledger is read")
        assert opened[0]["calls"] == 130


def test_a_ledger_with_other_settings_is_exit_3_and_says_what_to_change(
    kafka: Kafka, service: Callable[..., Service], tmp_path: Path, ledger: str
) -> None:
    topic = kafka.create_topic()
    kafka.create_topic(1, ledger)
    options = quota(100, 60.0, ledger, schemas=str(mappings(tmp_path, topic)), kafka__group_id=f"g-{ledger}")
    with service(**options) as running:
        assert running.wait() == 3
        text = running.log_file.read_text()
    assert f"--entity-name {ledger} --add-config message.timestamp.type=LogAppendTime" in text
    assert committed(kafka, f"g-{ledger}", topic, 1) == [-1001], "a start without a ledger leaves no trace"


def test_a_missing_ledger_of_a_group_with_commits_is_exit_4_and_never_created(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, ledger: str
) -> None:
    topic, _ = new_visits(kafka, 5)
    options = quota(100, 60.0, ledger, schemas=str(mappings(tmp_path, topic)))
    with service(**{**options, "quota__limit": 0}) as running:
        eventually(lambda: len(target.history) == 5, "all are sent")
        assert running.stop() == 0
    with service(**options) as running:
        assert running.wait() == 4
        assert "profile-consumer quota init" in running.logs("stopped_by_itself")[0]["reason"]
    assert ledger not in kafka.admin.list_topics(timeout=30).topics
