"""Where to begin to read partitions that the group gave us: never a guess, never a jump, and nobody waits for it.

A partition is read from its committed offset. One without, in a topic with commits, was added later: it is read from
its beginning. In a topic without any commit, whoever holds partition 0 commits the start of all partitions in one
request, before anybody reads a record; the others wait for that commit. A group gives partition 0 to one member at a
time, so two members that start together cannot each begin at an end of their own and overwrite the other's commit.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException

from consumer.adapters.kafka_lookup import EARLIEST, LATEST, at_time
from consumer.adapters.question import Question
from consumer.core.partition import Assignment
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

    from consumer.adapters.kafka_lookup import Lookup

log = structlog.get_logger()

AGAIN = 0.5
"""Seconds between two attempts, after a failure or while another member has not committed yet."""


class Located(NamedTuple):
    """A partition of ours and the offset at which reading begins."""

    assignment: Assignment
    start: int


class StartPositions:
    """Finds the start of partitions.

    Args:
        lookup: Asks Kafka.
        group_id: Whose commits count.
        start_from: `earliest`, `latest` or milliseconds since the epoch, for a topic without any commit.
        commit: Commits these offsets as the group's member; the future holds an error, or None when Kafka took them.
        may_begin: Whether the start of a topic may be committed.
    """

    def __init__(
        self,
        lookup: Lookup,
        group_id: str,
        start_from: str | int,
        commit: Callable[[dict[TopicPartition, int]], Future[KafkaError | None]],
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self._lookup = lookup
        self._group_id = group_id
        self._spec = {"earliest": EARLIEST, "latest": LATEST}.get(str(start_from)) or at_time(int(start_from))
        self._commit = commit
        self._may_begin = may_begin
        self._generations: dict[TopicPartition, int] = {}
        self._located: list[Located] = []
        self._question: Question[bool] = Question()
        self._next = 0.0

    def add(self, partitions: Iterable[TopicPartition], generation: int) -> None:
        """The group gave us these."""
        self._generations.update(dict.fromkeys(partitions, generation))
        self._next = 0.0

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """The group took these away; unknown ones are none of ours."""
        for key in partitions:
            self._generations.pop(key, None)

    @property
    def locating(self) -> frozenset[TopicPartition]:
        """Partitions whose start is not known yet."""
        return frozenset(self._generations)

    @property
    def asking(self) -> bool:
        """Whether an answer is awaited: the loop should turn quickly."""
        return self._question.open

    def turn(self, now: float) -> list[Located]:
        """Go a step further; the partitions whose start was found.

        Raises:
            KafkaException: It did not go on, and is tried again later.
        """
        if not self._question.open and self._generations and now >= self._next:
            self._question.ask(self._locate(dict(self._generations)))
        try:
            for at_once in self._question.answers():
                self._next = now if at_once else now + AGAIN
        except KafkaException:
            self._next = now + AGAIN
            raise
        located, self._located = self._located, []
        return located

    def _locate(self, asked: dict[TopicPartition, int]) -> Generator[None, None, bool]:
        """One attempt; True when it is worth to ask again at once."""
        partitions = {}
        for topic, count in (yield from self._lookup.partitions({key.topic for key in asked})).items():
            if isinstance(count, KafkaError):
                raise KafkaException(count)
            partitions[topic] = [TopicPartition(topic, number) for number in range(count)]
        commits = yield from self._lookup.committed(self._group_id, asked.keys() | set(chain(*partitions.values())))
        begun = {key.topic for key in commits}
        added = [key for key in asked if key.topic in begun and key not in commits]
        beginnings = yield from self._lookup.offsets(dict.fromkeys(added, EARLIEST))
        for key, generation in asked.items():
            if self._generations.get(key) != generation or key.topic not in begun:
                continue  # taken away meanwhile, and given again perhaps: what was read may be older than that
            del self._generations[key]
            offset, metadata = commits.get(key, (None, ""))
            start = beginnings[key] if offset is None else offset
            self._located.append(Located(Assignment(key, generation, offset, metadata), start))
        if not self._may_begin():
            return False
        fresh = [topic for topic in partitions if topic not in begun and TopicPartition(topic, 0) in asked]
        for topic in fresh:
            yield from self._begin(partitions[topic], asked)
        return bool(fresh)

    def _begin(self, partitions: list[TopicPartition], asked: dict[TopicPartition, int]) -> Generator[None, None, None]:
        """Commit the start of all partitions of a topic, in one request."""
        starts = yield from self._lookup.offsets(dict.fromkeys(partitions, self._spec))
        first = partitions[0]
        if self._generations.get(first) != asked[first]:
            return
        answer = self._commit(starts)
        while not answer.done():
            yield
        if error := answer.result():
            raise KafkaException(error)
        for (topic, partition), start in sorted(starts.items()):
            log.info("start_position_committed", topic=topic, partition=partition, offset=start)
