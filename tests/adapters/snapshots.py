"""Builds snapshots for tests; what a test does not name is ordinary."""

from __future__ import annotations

from typing import Any

from consumer.adapters.status import MappingStatus, PartitionStatus, QuotaStatus, Snapshot, Status
from consumer.core.state import State

WALL = 1_772_357_400.0  # 2026-03-01T09:30:00Z


def partition(number: int = 0, state: State = State.PROGRESSING, **facts: Any) -> PartitionStatus:
    ordinary: dict[str, Any] = {
        "topic": "customer.loans",
        "since": WALL - 60,
        "committed": 10,
        "position": 40,
        "end": 50,
        "lag": 40,
    }
    return PartitionStatus(partition=number, state=state, **(ordinary | facts))


def status(state: State = State.PROGRESSING, **facts: Any) -> Status:
    ordinary: dict[str, Any] = {
        "since": WALL - 600,
        "version": "1.2.3",
        "mappings": (MappingStatus(name="loan-funded", hash="9f3ac01b77", records={"delivered": 7, "skipped": 2}),),
        "partitions": (partition(0), partition(1)),
        "calls": {"delivered": 5, "transient": 1},
        "quota": QuotaStatus(limit=1000, window_seconds=86400.0, used=400, left=600),
    }
    return Status(state=state, **(ordinary | facts))


def snapshot(state: State = State.PROGRESSING, *, joined: bool = True, **facts: Any) -> Snapshot:
    own = {name: facts.pop(name) for name in list(facts) if name in Snapshot.__dataclass_fields__}
    return Snapshot(status=status(state, **facts), joined=joined, **own)
