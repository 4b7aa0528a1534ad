"""A member of a group for tests: a `KafkaSource` with a listener that writes down what it is told."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Self

from consumer.adapters.kafka import KafkaSource, Subscription
from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.core.partition import Assignment, Commit
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from consumer.core.acknowledgement import CommitResult
    from consumer.core.record import Record
    from tests.kafka import Kafka

PATIENCE = 120.0
"""Seconds for whatever must happen; far more than it takes, since the machine may be busy."""


def new_group() -> str:
    return f"g-{uuid.uuid4().hex[:8]}"


def committed(kafka: Kafka, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """What a group has committed: offset and metadata."""
    topics = kafka.admin.list_topics(timeout=PATIENCE).topics
    found = {name: kafka.committed(group, name, len(topic.partitions)) for name, topic in topics.items()}
    return {
        TopicPartition(topic, number): commit
        for topic, commits in found.items()
        for number, commit in enumerate(commits)
        if commit[0] >= 0
    }


class Member:
    """Reads until it is told otherwise; commits nothing but what `to_commit` says at a revoke."""

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[str],
        group: str,
        properties: Mapping[str, str] | None = None,
        **subscription: str | int,
    ) -> None:
        self.assignments: dict[TopicPartition, Assignment] = {}
        self.revoked: list[TopicPartition] = []
        self.lost_partitions: list[TopicPartition] = []
        self.records: list[Record] = []
        self.results: list[CommitResult] = []
        self.to_commit: Callable[[Iterable[TopicPartition]], list[Commit]] = lambda _: []
        connection = Connection(bootstrap, properties or {})
        read = Subscription(group, tuple(topics), **subscription)  # type: ignore[arg-type]
        self.source = KafkaSource(connection, Lookup(connection), read, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close(10)

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        self.assignments.update((assignment.partition, assignment) for assignment in assignments)

    def revoking(self, partitions: Sequence[TopicPartition]) -> list[Commit]:
        commits = self.to_commit(partitions)
        self.revoked += partitions
        for key in partitions:
            del self.assignments[key]
        return commits

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        self.lost_partitions += partitions
        for key in partitions:
            del self.assignments[key]

    def turn(self, timeout: float = 0.02) -> None:
        records = self.source.poll(timeout, 500)
        assert all(TopicPartition(record.topic, record.partition) in self.assignments for record in records)
        self.records += records
        self.results += self.source.committed()

    def until(self, holds: Callable[[], object], what: str, *others: Member) -> None:
        """Turn, and have others turn, until it holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"not within {PATIENCE} s: {what}; trouble: {self.source.trouble}"
            for member in (self, *others):
                member.turn()

    def turn_for(self, seconds: float) -> None:
        """Turn so long, for what must not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()

    def commit(self, partition: TopicPartition, offset: int, metadata: str = "") -> None:
        self.source.commit([Commit(partition, offset, metadata, self.assignments[partition].generation)])

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]
