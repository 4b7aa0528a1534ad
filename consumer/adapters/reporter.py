"""Tells people what the loop does: log lines, metrics, and about once a second a new snapshot for the status page."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple, cast

import structlog

from consumer.adapters.conditions import Conditions
from consumer.adapters.logs import Repeats
from consumer.adapters.snapshots import Counted, Snapshots
from consumer.adapters.status import DeadLettered, StatusBoard
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.adapters.health import Heartbeat
    from consumer.adapters.kafka import KafkaSource
    from consumer.adapters.logs import IdentityHasher
    from consumer.adapters.metric_catalogue import RecordOutcome
    from consumer.adapters.metrics import Metrics
    from consumer.adapters.retention import Retention
    from consumer.core.acknowledgement import CommitResult, DeadLetterReport
    from consumer.core.clock import Clocks
    from consumer.core.command import DeadLetter
    from consumer.core.engine import Engine
    from consumer.core.mapping import Mappings
    from consumer.core.outcome import Completed
    from consumer.core.partition import Assignment
    from consumer.core.quota import Quota

EVERY = 1.0
"""Seconds between two snapshots."""

NEWEST = 20
"""Dead letters that the status page shows."""

log = structlog.get_logger()


class Windows(NamedTuple):
    """Where people look: metrics, the status board, and the sign of life."""

    metrics: Metrics
    board: StatusBoard
    heartbeat: Heartbeat


class Names(NamedTuple):
    """Who we are in the log, and how it calls a visitor."""

    group_id: str
    hasher: IdentityHasher


class Reporter:
    """Watches the loop; every method is called by its thread."""

    def __init__(self, mappings: Mappings, quota: Quota, windows: Windows, names: Names, retention: Retention) -> None:
        self._mappings = mappings
        self._metrics, self._board, self._heartbeat = windows
        self._group_id, self._hasher = names
        self._retention = retention
        self._repeats = Repeats()
        self._conditions = Conditions()
        self._snapshots = Snapshots(mappings, quota, self._board.latest.status.since)
        self._calls: Counter[str] = Counter()
        self._told: Counter[tuple[str, str, int | None]] = Counter()
        self._dying: dict[tuple[TopicPartition, int], DeadLetter] = {}
        self._dead: deque[DeadLettered] = deque(maxlen=NEWEST)
        self._next = 0.0
        self._started = False

    # -- as things happen ----------------------------------------------------------------------------------------------

    def calls(self, completed: Sequence[Completed], engine: Engine, now: Clocks) -> None:
        """Calls ended."""
        for call in completed:
            outcome = type(call.outcome).__name__.lower()
            self._calls[outcome] += 1
            self._metrics.call(outcome, call.seconds)
        detailed = log.is_enabled_for(logging.DEBUG)  # a hash for each call would cost more than the call
        for events, occurred_at, identity in engine.tally.arrivals:
            delay = now.wall - occurred_at / 1000
            self._metrics.delivery(events, delay)
            if detailed:
                log.debug("delivered", identity=self._hasher(identity), events=events, seconds=round(delay, 3))
        engine.tally.arrivals.clear()
        self._conditions.watch(engine.gate, completed, now)

    def dying(self, dead_letter: DeadLetter) -> None:
        """A dead letter is being written."""
        record = dead_letter.record
        self._dying[TopicPartition(record.topic, record.partition), record.offset] = dead_letter

    def dead_letter(self, report: DeadLetterReport, now: Clocks) -> None:
        """The broker's word on a dead letter."""
        topic, partition = report.partition
        if report.error is not None:
            suppressed = self._repeats.admit(("dead_letter_blocked", report.partition, report.error), now.boot)
            if suppressed is not None:
                log.error(
                    "dead_letter_blocked", topic=topic, partition=partition, error=report.error, suppressed=suppressed
                )
            return
        dead_letter = self._dying.pop((report.partition, report.offset), None)
        if dead_letter is None:
            return
        stage, reason, detail, index = dead_letter.rejection
        mapping = None if index is None else self._mappings.names[index]
        self._metrics.dead_letter(stage, reason)
        self._dead.appendleft(DeadLettered(now.wall, topic, partition, report.offset, stage, reason, mapping))
        log.warning(
            "dead_lettered",
            topic=topic,
            partition=partition,
            offset=report.offset,
            stage=stage,
            reason=reason,
            mapping=mapping,
            message=detail,
        )

    def commit(self, result: CommitResult, now: Clocks) -> None:
        """The broker's word on a commit."""
        topic, partition = result.commit.partition
        if result.error is None:
            self._metrics.commit("ok")
            log.debug("committed", topic=topic, partition=partition, offset=result.commit.offset)
            return
        self._metrics.commit("fenced" if result.fenced else "failed")
        suppressed = self._repeats.admit(("commit_failed", result.error), now.boot)
        if suppressed is not None:
            log.warning("commit_failed", error=result.error, suppressed=suppressed)

    def unanswered(self, commits: int) -> None:
        """The broker has said nothing of so many commits, and there is no time left to wait for it."""
        for _ in range(commits):
            self._metrics.commit("unknown")

    def assigned(self, assignments: Iterable[Assignment]) -> None:
        """The group gave partitions."""
        self._metrics.rebalance("assigned")
        for assignment in assignments:
            topic, partition = assignment.partition
            log.info("partition_assigned", topic=topic, partition=partition, offset=assignment.committed)

    def draining(self, partitions: Sequence[TopicPartition], engine: Engine) -> None:
        """The group asks for partitions; what is on the wire is waited for."""
        log.info("draining", partitions=len(partitions), calls=engine.gate.in_flight)

    def revoked(self, partitions: Iterable[TopicPartition], engine: Engine, seconds: float) -> None:
        """Partitions are handed over after a drain that took so long."""
        self._metrics.rebalance("revoked")
        for key in partitions:
            topic, partition = key
            if not engine.drained([key]):
                events = engine.partitions[key].tracker.unresolved
                calls = engine.in_flight()[key]
                log.warning("drain_timed_out", topic=topic, partition=partition, calls=calls, events=events)
            log.info("partition_revoked", topic=topic, partition=partition, seconds=round(seconds, 3))
            self._forget(key)

    def lost(self, partitions: Iterable[TopicPartition]) -> None:
        """Partitions belong to another member already."""
        self._metrics.rebalance("lost")
        for topic, partition in partitions:
            log.warning("partition_lost", topic=topic, partition=partition)
            self._forget(TopicPartition(topic, partition))

    def stood_still(self, seconds: float, now: Clocks) -> None:
        """The process stood still for so long; it makes no call until Kafka has said that it is still a member."""
        suppressed = self._repeats.admit("stood_still", now.boot)
        if suppressed is not None:
            log.warning("stood_still", seconds=round(seconds, 3), suppressed=suppressed)

    def stopping(self, reason: str, now: Clocks) -> None:
        """The end begins."""
        self._snapshots.stopping = True
        log.info("stopping", reason=reason)
        self._board.publish(self._board.latest.stopping(now.wall))

    def stopped(self, seconds: float) -> None:
        """The end, after so many seconds."""
        log.info("stopped", seconds=round(seconds, 3))

    # -- every turn ----------------------------------------------------------------------------------------------------

    def turn(self, engine: Engine, source: KafkaSource, now: Clocks) -> None:
        """The loop has turned."""
        self._heartbeat.beat(time.monotonic())
        self._retention.turn(engine.partitions, now)
        if source.joined and not self._started:
            self._started = True
            log.info("started", group_id=self._group_id)
        if now.boot < self._next:
            return
        self._next = now.boot + EVERY
        self._tell(engine)
        counted = Counted(self._calls, self._told, tuple(self._dead))
        self._board.publish(self._snapshots.take(engine, source, counted, now))

    def _forget(self, key: TopicPartition) -> None:
        self._snapshots.forget(key)
        self._dying = {place: letter for place, letter in self._dying.items() if place[0] != key}

    def _tell(self, engine: Engine) -> None:
        for key, count in engine.tally.records.items():
            new = count - self._told[key]
            if new:
                topic, outcome, _ = key
                self._metrics.records(topic, cast("RecordOutcome", outcome), new)
        self._told = engine.tally.records.copy()
