"""What happens when the offset to be read is not in its topic: never a silent jump."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog
from confluent_kafka import KafkaException

from consumer.adapters.kafka_lookup import EARLIEST, LATEST
from consumer.adapters.question import Question
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from consumer.adapters.kafka_lookup import Lookup
    from consumer.core.record import TopicPartition

log = structlog.get_logger()

AGAIN = 0.5
"""Seconds between two attempts to learn what the topic holds."""


class Move(NamedTuple):
    """Read on from `start`; `backward` when that lies before what was read, as in a topic that was made anew."""

    partition: TopicPartition
    start: int
    backward: bool


class OutOfRange:
    """Applies `kafka.on_out_of_range`: `stop`, `earliest` or `latest`."""

    def __init__(self, lookup: Lookup, policy: str) -> None:
        self._lookup = lookup
        self._policy = policy
        self._offsets: dict[TopicPartition, int] = {}
        self._question: Question[list[Move]] = Question()
        self._next = 0.0

    def add(self, partition: TopicPartition, offset: int) -> None:
        """Kafka said that it does not have this offset; nothing is read from the partition until it is moved."""
        self._offsets[partition] = offset

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """These are no longer ours."""
        for key in partitions:
            self._offsets.pop(key, None)

    def turn(self, now: float) -> list[Move]:
        """Go a step further; what to move now.

        Raises:
            Stopped: The policy says so.
            KafkaException: It did not go on, and is tried again later.
        """
        if not self._question.open and self._offsets and now >= self._next:
            self._question.ask(self._look(dict(self._offsets)))
        try:
            return [move for moves in self._question.answers() for move in moves]
        except KafkaException:
            self._next = now + AGAIN
            raise

    def _look(self, asked: dict[TopicPartition, int]) -> Generator[None, None, list[Move]]:
        lows = yield from self._lookup.offsets(dict.fromkeys(asked, EARLIEST))
        highs = yield from self._lookup.offsets(dict.fromkeys(asked, LATEST))
        moves = []
        for key, offset in asked.items():
            if self._offsets.pop(key, None) is None:
                continue
            reason = (
                f"offset {offset} of {key.topic}[{key.partition}] is not in the topic, which begins at {lows[key]} and "
                f"ends at {highs[key]}: events were deleted before they were read, or the topic was made anew"
            )
            log.error("offset_out_of_range", topic=key.topic, partition=key.partition, offset=offset, reason=reason)
            if self._policy == "stop":
                raise Stopped(
                    f"{reason}; to go on without them set kafka.on_out_of_range to earliest or latest, or set the "
                    "group's offset"
                )
            start = (lows if self._policy == "earliest" else highs)[key]
            moves.append(Move(key, start, backward=start < offset))
        return moves
