"""Reads a dead-letter topic from end to end, and remembers in Kafka which of its letters were replayed.

What is remembered are commits of a group of its own, made like those of the service: the offset below which every
letter was replayed, and in the metadata the replayed ones above it. So a letter that one run passes over is found by a
later run that asks for it. The group has no members: the partitions are assigned by hand.
"""

from __future__ import annotations

import logging
import time
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import consumer_config
from consumer.adapters.kafka_lookup import EARLIEST, LATEST, Lookup
from consumer.adapters.kafka_message import to_record
from consumer.adapters.question import Question
from consumer.core import commit_metadata
from consumer.core.offsets import DONE, OffsetTracker
from consumer.core.record import TopicPartition
from consumer.errors import KafkaFailed

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from consumer.adapters.kafka_config import Connection
    from consumer.core.record import Record

T = TypeVar("T")

ANSWER = 10.0
"""Seconds for an answer of Kafka."""

SILENCE = 30.0
"""Seconds without a letter after which reading has failed."""

FULL = commit_metadata.LIMIT - 600
"""Bytes of metadata from which on nothing more is to be replayed: what comes until the next commit still has room."""

_SPEAKING = (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE)  # noqa: SLF001  # librdkafka's own codes
_DEFAULTS = {"queued.min.messages": 10_000, "queued.max.messages.kbytes": 8192}


class _Partition:
    """What is read of one partition, up to the end that it had when we began."""

    def __init__(self, start: int, committed: commit_metadata.Committed, end: int) -> None:
        self.tracker = OffsetTracker(start)
        self.end = end
        self.done = start >= end
        self.handed: tuple[int, str] | None = None
        self._committed = committed

    def take(self, offset: int) -> int | None:
        """Track a letter; the number of its update, None when an earlier run has replayed it."""
        self.tracker.track(offset)
        number = DONE if offset in self._committed else self.tracker.open(0)
        self.tracker.give(number)
        return None if number == DONE else number

    def remembered(self) -> commit_metadata.Written:
        """The metadata to commit: what this run has replayed, and above what it has read, what earlier ones have."""
        tracker = self.tracker
        ahead = range(tracker.next_offset, self._committed.end)
        earlier = [(tracker.next_offset, bytes(offset in self._committed for offset in ahead))] if ahead else []
        return commit_metadata.write(tracker.committable, chain(tracker.completed(), earlier), 0, "replay")


class Place(NamedTuple):
    """Where a letter stands, and the update that its offset belongs to."""

    partition: int
    number: int


class DeadLetterTopic:
    """The letters of one topic that `group_id` has not replayed.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
        KafkaFailed: Kafka can't be reached, refuses us, or has no such topic.
    """

    def __init__(self, connection: Connection, topic: str, group_id: str) -> None:
        self.topic = topic
        self.replayed_before = 0
        self.full = False
        self._place = kafka_errors.Place(connection.bootstrap_servers, group_id, topic)
        self._spoken: KafkaError | None = None
        self._waiting = 0
        self._refusal: KafkaError | None = None
        fixed = {
            "group.id": group_id,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
        callbacks = {"error_cb": self._on_error, "on_commit": self._on_commit}
        config = consumer_config(connection, _DEFAULTS, fixed)
        try:
            self._consumer = Consumer({**config, **callbacks}, logger=logging.getLogger("confluent_kafka"))
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None
        try:
            self._partitions = dict(self._find(Lookup(connection)))
        except KafkaException as error:
            raise self._failed(kafka_errors.cause(error)) from None

    @property
    def letters(self) -> int:
        """About how many letters are to be read from the start on."""
        return sum(max(0, part.end - part.tracker.next_offset) for part in self._partitions.values())

    def records(self) -> Iterator[tuple[Record, Place] | None]:
        """The letters up to where the topic ended when we began, of a partition in their order; None: nothing yet.

        Raises:
            KafkaFailed: Kafka stopped answering, or refuses.
        """
        reading = {number: part for number, part in self._partitions.items() if not part.done}
        starts = [KafkaPartition(self.topic, number, part.tracker.next_offset) for number, part in reading.items()]
        self._consumer.assign(starts)
        heard = time.monotonic()
        while not all(part.done for part in reading.values()):
            message = self._consumer.poll(0.1)
            if message is None:
                if time.monotonic() - heard > SILENCE:
                    raise self._failed(self._spoken or KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001  # as above
                yield None
                continue
            heard = time.monotonic()
            part = reading[message.partition() or 0]
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # as above
                    raise self._failed(error)
                part.done = True
                continue
            record = to_record(message)
            if record.offset >= part.end:
                part.done = True
                continue
            part.done = record.offset + 1 >= part.end
            number = part.take(record.offset)
            if number is None:
                self.replayed_before += 1
            else:
                yield record, Place(record.partition, number)

    def replayed(self, place: Place) -> None:
        """The broker has the replayed event."""
        self._partitions[place.partition].tracker.resolve(place.number)

    def commit(self) -> None:
        """Remember what was replayed so far; never waits."""
        offsets = []
        for number, part in self._partitions.items():
            written = part.remembered()
            self.full = self.full or len(written.text) > FULL
            handed = part.tracker.committable, written.text
            if handed != part.handed:
                part.handed = handed
                offsets.append(KafkaPartition(self.topic, number, *handed))
        if offsets:
            self._waiting += 1
            self._consumer.commit(offsets=offsets, asynchronous=True)

    def close(self) -> str | None:
        """Commit for the last time and leave; why what was replayed last may not be remembered, or None."""
        self._consumer.unassign()
        self.commit()
        end = time.monotonic() + ANSWER
        while self._waiting and time.monotonic() < end:
            self._consumer.poll(0.1)
        refusal = self._refusal or (KafkaError(KafkaError._TIMED_OUT) if self._waiting else None)  # noqa: SLF001  # as above
        self._consumer.close()
        return None if refusal is None else kafka_errors.sentence(refusal, self._place)

    def leave(self) -> None:
        """Stop reading, and remember nothing."""
        self._consumer.close()

    # -- at the start --------------------------------------------------------------------------------------------------

    def _find(self, lookup: Lookup) -> Iterator[tuple[int, _Partition]]:
        (count,) = self._answer(lookup.partitions([self.topic])).values()
        if isinstance(count, KafkaError):
            raise KafkaException(count)
        keys = [TopicPartition(self.topic, number) for number in range(count)]
        commits = self._answer(lookup.committed(self._place.group_id, keys))
        lows = self._answer(lookup.offsets(dict.fromkeys(keys, EARLIEST)))
        highs = self._answer(lookup.offsets(dict.fromkeys(keys, LATEST)))
        for key in keys:
            offset, metadata = commits.get(key, (0, ""))
            committed = commit_metadata.read(offset, metadata)
            yield key.partition, _Partition(max(lows[key], offset), committed, highs[key])

    def _answer(self, steps: Generator[None, None, T]) -> T:
        question = Question(steps)
        while True:
            for answer in question.answers():
                return answer
            self._consumer.poll(0.01)
            if self._spoken is not None:
                raise KafkaException(self._spoken)

    def _failed(self, error: KafkaError) -> KafkaFailed:
        if error.code() in kafka_errors.MISSING_TOPIC:
            return KafkaFailed(f"there is no topic {self.topic} on {self._place.bootstrap_servers}")
        return KafkaFailed(kafka_errors.sentence(self._spoken or error, self._place))

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in _SPEAKING:
            self._spoken = error

    def _on_commit(self, error: KafkaError | None, offsets: list[KafkaPartition]) -> None:
        self._waiting -= 1
        self._refusal = error or next((part.error for part in offsets if part.error), None)
        if self._refusal is not None:
            for part in offsets:
                self._partitions[part.partition].handed = None
