"""Whether the process is alive and ready, for Kubernetes: the answers of `/livez` and `/readyz`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.state import State

if TYPE_CHECKING:
    from consumer.adapters.status import Snapshot

KAFKA_GRACE = 30.0
"""Seconds for which Kafka may be out of reach before `/readyz` says so: a broker restarts in less."""


class Answer(NamedTuple):
    """Yes or no, and why, in words."""

    ok: bool
    why: str


class Heartbeat:
    """Shows that the loop turns, whatever Kafka and Target do. `now` is CLOCK_MONOTONIC seconds everywhere.

    `stalled_after` (seconds) must exceed everything that a turn may wait for: the drain timeout and a margin.
    """

    def __init__(self, stalled_after: float, now: float) -> None:
        self._stalled_after = stalled_after
        self._last = now

    def beat(self, now: float) -> None:
        """Call at every turn of the loop; one assignment, safe from any thread."""
        self._last = now

    def live(self, now: float) -> Answer:
        """`/livez`: no only when the loop stands still; a restart is then the remedy."""
        silent = now - self._last
        if silent <= self._stalled_after:
            return Answer(ok=True, why="the loop turns")
        return Answer(
            ok=False, why=f"the loop has stood still for {silent:.0f} s (allowed: {self._stalled_after:.0f} s)"
        )


def ready(snapshot: Snapshot, now: float) -> Answer:
    """`/readyz`: no when a person or Kubernetes should look; a blocked quota or an open breaker is still ready."""
    failing = snapshot.kafka_failing_since
    because = f": {snapshot.kafka_failing_why}" if snapshot.kafka_failing_why else ""
    if snapshot.status.state is State.STOPPING:
        return Answer(ok=False, why="stopping")
    if snapshot.credentials_refused:
        return Answer(ok=False, why=f"our credentials are refused{because or '; the log says by whom'}")
    if failing is not None and now - failing >= KAFKA_GRACE:
        return Answer(ok=False, why=f"Kafka has been out of reach or refusing us for {now - failing:.0f} s{because}")
    if not snapshot.joined:
        return Answer(ok=False, why=f"the group has not given partitions yet{because}")
    return Answer(ok=True, why="ready")
