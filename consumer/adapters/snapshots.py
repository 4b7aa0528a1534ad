"""Makes the snapshot of a moment, of what the engine, Kafka and the quota say, and tells which states have changed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import structlog

import consumer
from consumer.adapters import quota_watch
from consumer.adapters.quota_watch import QuotaWatch
from consumer.adapters.status import DeadLettered, MappingStatus, PartitionStatus, QuotaStatus, Snapshot, Status
from consumer.core.state import State, StateBook, first

if TYPE_CHECKING:
    from consumer.adapters.kafka import KafkaSource
    from consumer.core.clock import Clocks
    from consumer.core.engine import Engine
    from consumer.core.mapping import Mappings
    from consumer.core.partition import Partition
    from consumer.core.quota import Quota, Usage
    from consumer.core.record import TopicPartition

log = structlog.get_logger()


class Counted(NamedTuple):
    """What was counted since the start, and the newest dead letters, newest first.

    `calls` by outcome; `records` by topic, outcome and index of the mapping, None before one was found.
    """

    calls: Counter[str]
    records: Counter[tuple[str, str, int | None]]
    dead_letters: tuple[DeadLettered, ...]


class _Seen(NamedTuple):
    """What is known of a partition besides what the engine knows: its end, calls in flight, and the quota's use."""

    end: int | None
    in_flight: int
    usage: Usage


class Snapshots:
    """Remembers the states and since when they hold, `since` (epoch seconds) that of the start.

    With `stopping` set, the service shows that it stops.
    """

    def __init__(self, mappings: Mappings, quota: Quota, since: float) -> None:
        self.stopping = False
        self._mappings = mappings
        self._quota = quota
        self._quota_watch = QuotaWatch()
        self._states: StateBook[TopicPartition | None] = StateBook()
        self._states.enter(None, State.STARTING, since)

    def forget(self, key: TopicPartition) -> None:
        """A partition is no longer ours."""
        self._states.forget(key)

    def take(self, engine: Engine, source: KafkaSource, counted: Counted, now: Clocks) -> Snapshot:
        """The snapshot of this moment; states that have changed are logged."""
        ends = source.end_offsets({key: each.tracker.next_offset for key, each in engine.partitions.items()})
        in_flight = engine.in_flight()
        usage = self._quota.usage(now)
        self._quota_watch.watch(usage, now)
        partitions = tuple(
            self._partition(engine, partition, _Seen(ends.get(key), in_flight[key], usage), now)
            for key, partition in sorted(engine.partitions.items())
        )
        oldest = engine.oldest()
        trouble = source.trouble
        refused = engine.gate.credentials.reason is not None or (trouble is not None and trouble.refused)
        return Snapshot(
            status=self._status(partitions, source, counted, usage, now),
            joined=source.joined,
            credentials_refused=refused,
            kafka_failing_since=trouble.since if trouble else None,
            kafka_failing_why=trouble.reason if trouble else "",
            pending_events=engine.pending_events,
            pending_bytes=engine.pending_bytes,
            in_flight_calls=engine.gate.in_flight,
            oldest_pending_seconds=0.0 if oldest is None else max(0.0, now.wall - oldest / 1000),
            dead_letters=counted.dead_letters,
            unmapped=_of_mapping(counted.records, None),
        )

    def _status(
        self,
        partitions: tuple[PartitionStatus, ...],
        source: KafkaSource,
        counted: Counted,
        usage: Usage,
        now: Clocks,
    ) -> Status:
        shown = [partition.state for partition in partitions]
        if self.stopping:
            shown.append(State.STOPPING)
        elif source.trouble is not None:
            shown.append(State.KAFKA_UNREACHABLE)
        elif not source.joined:
            shown.append(State.STARTING)
        self._states.enter(None, first(shown), now.wall)
        state, since = self._states[None]
        return Status(
            state=state,
            since=since,
            version=consumer.__version__,
            mappings=tuple(
                MappingStatus(name=name, hash=digest, records=_of_mapping(counted.records, index))
                for index, (name, digest) in enumerate(zip(self._mappings.names, self._mappings.hashes, strict=True))
            ),
            partitions=partitions,
            calls=dict(counted.calls),
            quota=QuotaStatus(
                limit=usage.limit,
                window_seconds=usage.window,
                used=usage.used if usage.limit else None,
                left=usage.left if usage.limit else None,
                next_free_at=usage.next_free_at,
            ),
        )

    def _partition(self, engine: Engine, partition: Partition, seen: _Seen, now: Clocks) -> PartitionStatus:
        key, tracker = partition.key, partition.tracker
        end = seen.end
        behind = end is not None and end > tracker.next_offset
        left = self._states.enter(key, engine.state(key, now, behind=behind), now.wall)
        state, since = self._states[key]
        reason = engine.reason(key, state) or quota_watch.reason(seen.usage, state)
        if left is not None:
            log.info(
                "state_changed",
                topic=key.topic,
                partition=key.partition,
                state=state,
                before=left.state,
                reason=reason,
            )
        return PartitionStatus(
            topic=key.topic,
            partition=key.partition,
            state=state,
            since=since,
            committed=partition.committed,
            position=tracker.next_offset,
            end=end,
            lag=None if end is None else max(0, end - (partition.committed or 0)),
            pending=tracker.unresolved,
            in_flight=seen.in_flight,
            reason=reason,
        )


def _of_mapping(records: Counter[tuple[str, str, int | None]], mapping: int | None) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, outcome, index), count in records.items():
        if index == mapping:
            found[outcome] += count
    return dict(found)
