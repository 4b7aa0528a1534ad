"""Where partitions end: what the library saw while it fetched them, and for paused ones what Kafka says when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters.kafka_lookup import LATEST

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping

    from confluent_kafka import Consumer

    from consumer.adapters.kafka_lookup import Lookup
    from consumer.core.record import TopicPartition

ASK_EVERY = 10.0
"""Seconds between two questions about paused partitions, which the library does not fetch."""


class Reading(NamedTuple):
    """A partition that is fetched: the generation of its assignment, and where reading began."""

    generation: int
    start: int


class EndOffsets:
    """Keeps the ends of paused partitions; the others are in the library's cache."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._asked: dict[TopicPartition, int] = {}
        self._steps: Generator[None, None, dict[TopicPartition, int]] | None = None
        self._next = 0.0
        self._finished: dict[TopicPartition, tuple[Reading | None, int]] = {}

    def turn(self, paused: Collection[TopicPartition], now: float) -> None:
        """Go a step further; without an answer the old figures stay, and another part of the program says why."""
        if self._steps is None and paused and now >= self._next:
            self._steps, self._next = self._lookup.offsets(dict.fromkeys(paused, LATEST)), now + ASK_EVERY
        if self._steps is not None:
            steps, self._steps = self._steps, None
            try:
                next(steps)
                self._steps = steps
            except StopIteration as done:
                self._asked = done.value
            except KafkaException:
                pass

    def finished(self, key: TopicPartition, offset: int, reading: Mapping[TopicPartition, Reading]) -> None:
        """Kafka said that everything below this offset has been read."""
        self._finished[key] = reading.get(key), offset

    def of(
        self, consumer: Consumer, reading: Mapping[TopicPartition, Reading], positions: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """The end of each partition, where it is known.

        What stands behind the last record but is none (the markers of transactions, what was aborted or compacted away)
        is no lag: a partition whose last record was read ends with it.
        """
        ends = {}
        for key, current in reading.items():
            _, cached = consumer.get_watermark_offsets(KafkaPartition(*key), cached=True)
            end = max(cached, self._asked.get(key, -1))
            of, offset = self._finished.get(key, (None, -1))
            if of is current and end <= offset:
                end = positions.get(key, end)
            if end >= 0:
                ends[key] = end
        return ends
