"""Produces dead letters back to where they came from.

An event goes to the partition that it came from, so that it is in one row with the later events of its customer: the
producer's choice by key need not be ours. Where the topic no longer has that partition, the key decides as in Kafka's
own producer. It keeps its timestamp, which mappings may use, unless that is so old that the topic would soon delete it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the library exports them, without __all__
    AdminClient,
    ConfigResource,
    ResourceType,
)

from consumer.adapters import kafka_errors
from consumer.adapters.dead_letter_topic import ANSWER
from consumer.adapters.kafka_config import admin_config, producer_config
from consumer.core.letter import Selection, obstacle, read_letter, replayed_headers
from consumer.errors import KafkaFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from consumer.adapters.dead_letter_topic import DeadLetterTopic, Place
    from consumer.adapters.kafka_config import Connection
    from consumer.core.letter import Letter
    from consumer.core.record import Record

COMMIT_EVERY = 1.0
"""Seconds between commits: what a killed run may repeat."""

LAST_WORDS = 60.0
"""Seconds for which the end waits for what is being written; longer than the producer tries."""

_DEFAULTS = {"partitioner": "murmur2_random", "message.timeout.ms": 30_000, "linger.ms": 5}
_FIXED = {"acks": "all", "enable.idempotence": True, "message.max.bytes": 100_000_000}
FOREIGN = "not a dead letter of this program"


class Wish(NamedTuple):
    """What to replay: at most `limit` letters (None: all), `rate` a second."""

    selection: Selection
    max_replays: int
    limit: int | None
    rate: int


@dataclass
class Figures:
    """What became of the letters read so far."""

    read: int = 0
    passed_over: int = 0
    replayed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)


class Destinations:
    """The topics that letters go back to."""

    def __init__(self, connection: Connection) -> None:
        self._admin = AdminClient(admin_config(connection), logger=logging.getLogger("confluent_kafka"))
        self._known: dict[str, tuple[int, float]] = {}

    def partition(self, letter: Letter) -> int:
        """The partition to write to; -1 lets the key decide."""
        count, _ = self._of(letter.topic)
        return letter.partition if letter.partition < count else -1

    def timestamp(self, letter: Letter, now: float) -> int:
        """The event's own, or now when its topic would delete it within half of its retention."""
        _, retention = self._of(letter.topic)
        return letter.timestamp if now - letter.timestamp / 1000 < retention / 2 else int(now * 1000)

    def _of(self, topic: str) -> tuple[int, float]:
        """How many partitions, and seconds of retention.

        Raises:
            KafkaException: The topic can't be seen.
        """
        if topic not in self._known:
            found = self._admin.list_topics(topic, timeout=ANSWER).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._known[topic] = len(found.partitions), self._retention(topic)
        return self._known[topic]

    def _retention(self, topic: str) -> float:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            asked = self._admin.describe_configs([resource], request_timeout=ANSWER)[resource]
            config = asked.result(2 * ANSWER)
        except KafkaException:
            return float("inf")  # we may not ask, or it is not told: as in an embedded broker
        kept = int(config["retention.ms"].value)
        return kept / 1000 if kept >= 0 and "delete" in config["cleanup.policy"].value else float("inf")


class Replay:
    """One run over a dead-letter topic.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(self, connection: Connection, letters: DeadLetterTopic, wish: Wish) -> None:
        self.figures = Figures()
        self.reached_limit = False
        self._letters = letters
        self._wish = wish
        self._destinations = Destinations(connection)
        self._broken: KafkaError | None = None
        config = {**producer_config(connection, _DEFAULTS, _FIXED), "error_cb": lambda _: None}
        try:
            self._producer = Producer(config, logger=logging.getLogger("confluent_kafka"))
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None

    def survey(self, watch: Callable[[], None], stopping: Event) -> None:
        """Count what `run` would do, and write nothing."""
        for found in self._letters.records():
            if found is not None and (letter := self._chosen(found[0])) is not None:
                self.figures.replayed[letter.topic] += 1
            watch()
            if stopping.is_set() or self._enough():
                return

    def run(self, watch: Callable[[], None], stopping: Event) -> str | None:
        """Produce; commit what the broker acknowledged; why the last of it may not be remembered, or None.

        Raises:
            KafkaFailed: Kafka stopped answering; what it had acknowledged is remembered.
        """
        begun = time.monotonic()
        next_commit = begun + COMMIT_EVERY
        written = 0
        try:
            for found in self._letters.records():
                self._serve(self._producer.poll, 0.0)
                if found is not None and (letter := self._chosen(found[0])) is not None:
                    self._pace(begun + written / self._wish.rate)
                    written += 1
                    self._produce(found[0], letter, found[1])
                if time.monotonic() >= next_commit:
                    next_commit = time.monotonic() + COMMIT_EVERY
                    self._letters.commit()
                watch()
                if stopping.is_set() or self._letters.full or self._broken or self._enough(written):
                    break
        finally:
            self._serve(self._producer.flush, LAST_WORDS)
            if unanswered := len(self._producer):
                self.figures.left["Kafka did not say whether it took it"] += unanswered
            refusal = self._letters.close()
        if self._broken:
            raise KafkaFailed(f"the producer can't go on: {self._broken.str()}")
        return refusal

    def _chosen(self, record: Record) -> Letter | None:
        """The letter in a record if it is to be replayed."""
        self.figures.read += 1
        letter = read_letter(record)
        if letter is None:
            self.figures.left[FOREIGN] += 1
        elif not self._wish.selection.wants(letter):
            self.figures.passed_over += 1
        elif why := obstacle(letter, self._wish.max_replays):
            self.figures.left[why] += 1
        else:
            return letter
        return None

    def _enough(self, written: int | None = None) -> bool:
        count = sum(self.figures.replayed.values()) if written is None else written
        self.reached_limit = self._wish.limit is not None and count >= self._wish.limit
        return self.reached_limit

    def _pace(self, due: float) -> None:
        while (wait := due - time.monotonic()) > 0:
            self._serve(self._producer.poll, wait)

    def _produce(self, record: Record, letter: Letter, place: Place) -> None:
        def delivered(error: KafkaError | None, _: object) -> None:
            if error is None:
                self._letters.replayed(place)
                self.figures.replayed[letter.topic] += 1
            else:
                self.figures.left[f"Kafka refused it for {letter.topic}: {error.name()}"] += 1

        try:
            partition = self._destinations.partition(letter)
            timestamp = self._destinations.timestamp(letter, time.time())
            headers = replayed_headers(record, letter)
            while True:
                try:
                    self._producer.produce(
                        letter.topic,
                        record.value,
                        record.key,
                        partition,
                        on_delivery=delivered,
                        timestamp=timestamp,
                        headers=headers,  # type: ignore[arg-type]  # a value may be None
                    )
                except BufferError:
                    self._serve(self._producer.poll, 0.1)
                else:
                    return
        except KafkaException as error:
            delivered(kafka_errors.cause(error), None)

    def _serve(self, wait: Callable[[float], int], seconds: float) -> None:
        """Let the library call back; what is fatal for the producer it raises."""
        try:
            wait(seconds)
        except KafkaException as error:
            self._broken = kafka_errors.cause(error)
