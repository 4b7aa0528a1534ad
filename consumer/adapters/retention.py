"""Warns when an event has waited for half of its topic's retention: at its end Kafka deletes it, delivered or not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaException

from consumer.adapters.kafka_lookup import at_time
from consumer.adapters.question import Question

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from consumer.adapters.kafka_lookup import Lookup
    from consumer.core.clock import Clocks
    from consumer.core.partition import Partition
    from consumer.core.record import TopicPartition

LOOK_EVERY = 600.0
"""Seconds between two looks; a retention is hours at least."""

log = structlog.get_logger()


class Retention:
    """Asks Kafka now and then; without an answer, or without the right to ask, it says nothing."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._question: Question[dict[TopicPartition, tuple[int, float]]] = Question()
        self._next = 0.0

    def turn(self, partitions: Mapping[TopicPartition, Partition], now: Clocks) -> None:
        """Go a step further; `partitions` are those assigned now."""
        if not self._question.open and partitions and now.boot >= self._next:
            self._next = now.boot + LOOK_EVERY
            self._question.ask(self._halfway(set(partitions), now.wall))
        with suppress(KafkaException):
            for halfway in self._question.answers():
                self._tell(halfway, partitions)

    def _halfway(
        self, asked: set[TopicPartition], wall: float
    ) -> Generator[None, None, dict[TopicPartition, tuple[int, float]]]:
        """For each partition the first offset that is not older than half the retention, and the retention."""
        seconds = yield from self._lookup.retention({key.topic for key in asked})
        times = {key: at_time(int((wall - seconds[key.topic] / 2) * 1000)) for key in asked if key.topic in seconds}
        offsets = yield from self._lookup.offsets(times)
        return {key: (offset, seconds[key.topic]) for key, offset in offsets.items()}

    @staticmethod
    def _tell(halfway: dict[TopicPartition, tuple[int, float]], partitions: Mapping[TopicPartition, Partition]) -> None:
        for key, (offset, seconds) in sorted(halfway.items()):
            if key in partitions and partitions[key].tracker.committable < offset:
                log.warning(
                    "retention_near",
                    topic=key.topic,
                    partition=key.partition,
                    offset=partitions[key].tracker.committable,
                    retention_seconds=seconds,
                )
