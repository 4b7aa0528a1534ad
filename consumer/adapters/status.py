"""What the service tells about itself: plain data, built by the runner and read by the HTTP server.

The runner builds a whole new `Snapshot` about once a second and publishes it by reference; a reader takes the
reference once and never sees half an update. Nothing in it names a visitor.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from consumer.core.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.core.profile import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingStatus:
    """One mapping file: `records` counts by outcome (delivered, skipped, dead_lettered) since the start."""

    name: str
    hash: str
    records: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStatus:
    """One assigned partition.

    `since` is in epoch seconds. `committed`, `position` (the next offset to be read) and `end` are offsets, `lag` is
    `end` less `committed`; None while unknown. `pending` counts events not yet resolved, `in_flight` calls. `reason`
    says in words why it does not progress.
    """

    topic: str
    partition: int
    state: State
    since: float
    committed: int | None = None
    position: int | None = None
    end: int | None = None
    lag: int | None = None
    pending: int = 0
    in_flight: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStatus:
    """Calls of all replicas in the window; `used` and `left` are None while unknown or switched off (limit 0).

    `next_free_at` (epoch seconds) is when the next call comes free, None while calls are left.
    """

    limit: int
    window_seconds: float
    used: int | None = None
    left: int | None = None
    next_free_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Exactly the object that `/status.json` serves; `calls` counts by outcome in lower case since the start."""

    state: State
    since: float
    version: str
    mappings: tuple[MappingStatus, ...] = ()
    partitions: tuple[PartitionStatus, ...] = ()
    calls: Mapping[str, int]
    quota: QuotaStatus


class DeadLettered(NamedTuple):
    """Where a dead letter came from and why: coordinates and fixed words, nothing of the event. `at`: epoch seconds."""

    at: float
    topic: str
    partition: int
    offset: int
    stage: Stage
    reason: str
    mapping: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`status`, and what metrics, `/readyz` and the page need besides.

    `joined`: the group gave partitions at least once, or said that there are none to give. `credentials_refused`:
    Target or Kafka refuses who we are. `kafka_failing_since`: CLOCK_MONOTONIC seconds since Kafka has been out of
    reach or refusing us, None while it serves; `kafka_failing_why` says in words what to check. `dead_letters`: the
    newest ones, newest first. `unmapped`: records for which no mapping was found, by outcome.
    """

    status: Status
    joined: bool = False
    credentials_refused: bool = False
    kafka_failing_since: float | None = None
    kafka_failing_why: str = ""
    pending_events: int = 0
    pending_bytes: int = 0
    in_flight_calls: int = 0
    oldest_pending_seconds: float = 0.0
    dead_letters: tuple[DeadLettered, ...] = ()
    unmapped: Mapping[str, int] = field(default_factory=dict)

    def stopping(self, wall: float) -> Snapshot:
        """The same, but stopping since `wall` (epoch seconds): `/readyz` says no from here on."""
        return replace(self, status=replace(self.status, state=State.STOPPING, since=wall))


class StatusBoard:
    """Holds the newest snapshot. One thread publishes, any thread reads: both are one reference."""

    def __init__(self, first: Snapshot) -> None:
        self._latest = first

    def publish(self, snapshot: Snapshot) -> None:
        """Show this snapshot from now on."""
        self._latest = snapshot

    @property
    def latest(self) -> Snapshot:
        """The newest snapshot; read it once and keep the reference."""
        return self._latest


def rfc3339(wall: float | None) -> str | None:
    """Epoch seconds as RFC 3339 UTC with whole seconds (`2026-03-01T09:30:00Z`); None stays None."""
    return None if wall is None else datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_json(status: Status) -> bytes:
    """The body of `/status.json`: the fields under their own names, times as RFC 3339 UTC."""
    return orjson.dumps(status, default=_mapping, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401  orjson hands over whatever it does not know
    """A status dataclass, or a read-only mapping in one, as a dict that orjson knows."""
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return {name: rfc3339(part) if name in ("since", "next_free_at") else part for name, part in fields.items()}
    return dict(value)
