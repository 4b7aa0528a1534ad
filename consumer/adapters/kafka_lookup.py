"""Questions to Kafka that nobody waits for: each is a generator that yields until the answer is there.

The Kafka thread takes such a generator a step further each time it turns. Nothing here uses the group's consumer.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # no __all__
    AclOperation,
    AdminClient,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import admin_config
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from consumer.adapters.kafka_config import Connection

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""Seconds after which a question counts as not answered."""

AGAIN = 0.1
"""Seconds between two attempts while a group's coordinator moves."""

EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # without annotations in the library
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # as above


def at_time(milliseconds: int) -> OffsetSpec:
    """The first record at or after a time since the epoch."""
    return OffsetSpec.for_timestamp(milliseconds)  # type: ignore[no-any-return]  # without annotations in the library


class CommittedOffset(NamedTuple):
    """What a group committed for one partition."""

    offset: int
    metadata: str


class Lookup:
    """Asks Kafka on a connection of its own, so that a hanging broker blocks neither the group nor the loop.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(self, connection: Connection) -> None:
        # The group's consumer tells the same failures; a question about a topic must not create it.
        self._config = {"log_level": 2, **admin_config(connection), "allow.auto.create.topics": "false"}
        self._groups: dict[str, Consumer] = {}
        self._refusals: dict[str, KafkaError] = {}
        try:
            self._admin = AdminClient(
                self._config, logger=logging.getLogger("confluent_kafka"), error_cb=lambda _: None
            )
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None

    def create_topic(self, name: str) -> Future[None]:
        """Create a topic with the broker's defaults; never waits."""
        created = self._admin.create_topics([NewTopic(name, -1, -1)], request_timeout=ANSWER_SECONDS)
        return created[name]

    def create(self, name: str, replicas: int, config: Mapping[str, str]) -> Generator[None, None, None]:
        """Create a topic of one partition."""
        topic = NewTopic(name, 1, replicas, config=dict(config))
        created: Future[None] = self._admin.create_topics([topic], request_timeout=ANSWER_SECONDS)[name]
        yield from _wait(created)

    def brokers(self) -> Generator[None, None, int]:
        """How many brokers there are."""
        return len((yield from _wait(self._admin.describe_cluster(request_timeout=ANSWER_SECONDS))).nodes)

    def replicas(self, topic: str) -> Generator[None, None, list[int] | None]:
        """How many replicas each partition of a topic has; None when there is no such topic."""
        described = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_SECONDS)
        try:
            partitions = (yield from _wait(described[topic])).partitions
        except KafkaException as error:
            if kafka_errors.cause(error).code() in kafka_errors.MISSING_TOPIC:
                return None
            raise
        return [len(partition.replicas) for partition in partitions]

    def config(self, topic: str) -> Generator[None, None, dict[str, str]]:
        """The settings of a topic, its own and those that it has from the brokers."""
        wanted = ConfigResource(ResourceType.TOPIC, topic)
        described = self._admin.describe_configs([wanted], request_timeout=ANSWER_SECONDS)[wanted]
        return {name: entry.value for name, entry in (yield from _wait(described)).items()}

    def serve(self) -> None:
        """Let the library call back; without it its log lines would pile up."""
        self._admin.poll(0)
        for group_id in self._groups:
            self._listen(group_id)

    def partitions(self, topics: Iterable[str]) -> Generator[None, None, dict[str, int | KafkaError]]:
        """How many partitions each topic has, or why that is not known."""
        return (yield from _wait(_in_thread(lambda: self._ask_partitions(tuple(topics)))))

    def _ask_partitions(self, topics: tuple[str, ...]) -> dict[str, int | KafkaError]:
        found: dict[str, int | KafkaError] = {}
        for name in topics:
            topic = self._admin.list_topics(name, timeout=ANSWER_SECONDS).topics[name]
            found[name] = topic.error or len(topic.partitions)
        return found

    def all_partitions(self) -> Generator[None, None, list[TopicPartition]]:
        """Every partition that we may see, without those of Kafka's own topics."""
        topics = (yield from _wait(_in_thread(lambda: self._admin.list_topics(timeout=ANSWER_SECONDS)))).topics
        return [
            TopicPartition(name, number)
            for name, topic in topics.items()
            if not name.startswith("__")
            for number in topic.partitions
        ]

    def readable(self, topic: str) -> Generator[None, None, bool]:
        """Whether we have the right to read a topic; a broker that does not tell lets everybody."""
        described = self._admin.describe_topics(
            TopicCollection([topic]), include_authorized_operations=True, request_timeout=ANSWER_SECONDS
        )
        operations = (yield from _wait(described[topic])).authorized_operations
        return not operations or AclOperation.READ in operations

    def retention(self, topics: Iterable[str]) -> Generator[None, None, dict[str, float]]:
        """Seconds after which each topic's records are deleted; a topic that keeps them for ever is left out."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics]
        found = {}
        for resource, answer in self._admin.describe_configs(resources, request_timeout=ANSWER_SECONDS).items():
            config = yield from _wait(answer)
            milliseconds = int(config["retention.ms"].value)
            if milliseconds >= 0 and "delete" in config["cleanup.policy"].value:
                found[resource.name] = milliseconds / 1000
        return found

    def given(self, group_id: str, member_id: str) -> Generator[None, None, int | None]:
        """How many partitions the group has given to this member; None when it does not know it."""
        asked = self._admin.describe_consumer_groups([group_id], request_timeout=ANSWER_SECONDS)[group_id]
        members = (yield from _wait(asked)).members
        found = (len(member.assignment.topic_partitions) for member in members if member.member_id == member_id)
        return next(found, None)

    def committed(
        self, group_id: str, partitions: Iterable[TopicPartition] | None = None
    ) -> Generator[None, None, dict[TopicPartition, CommittedOffset]]:
        """What the group committed, for all partitions or those given; partitions without a commit are left out."""
        wanted = (yield from self.all_partitions()) if partitions is None else partitions
        asked = [KafkaPartition(*key) for key in wanted]
        if not asked:
            return {}
        self._open(group_id)
        answer = _in_thread(lambda: self._ask_committed(group_id, asked))
        while not answer.done():
            self._listen(group_id)
            if group_id in self._refusals:
                raise KafkaException(self._refusals[group_id])
            yield
        found = {}
        for part in answer.result():
            if part.error:
                raise KafkaException(part.error)
            if part.offset >= 0:
                found[TopicPartition(part.topic, part.partition)] = CommittedOffset(part.offset, part.metadata or "")
        return found

    def _open(self, group_id: str) -> None:
        """Have a consumer that knows the group and never joins it.

        The admin client's own question for commits ends the process when the group's coordinator moves: librdkafka
        passes that news to a membership which an admin client does not have (confluentinc/librdkafka#5040).
        """
        if group_id not in self._groups:
            logger = logging.getLogger("confluent_kafka")
            config = {**self._config, "group.id": group_id, "enable.auto.commit": False}
            self._groups[group_id] = Consumer({**config, "error_cb": lambda _: None}, logger=logger)

    def _listen(self, group_id: str) -> None:
        """A refusal is said once, and not to who asked; it holds until an answer comes."""
        message = self._groups[group_id].poll(0)
        error = message.error() if message is not None else None
        if error is not None and error.code() in kafka_errors.REFUSED:
            self._refusals[group_id] = error

    def _ask_committed(self, group_id: str, asked: list[KafkaPartition]) -> list[KafkaPartition]:
        """The library asks once; while the coordinator moves, that says nothing."""
        end = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                found = self._groups[group_id].committed(asked, timeout=ANSWER_SECONDS)
            except KafkaException as error:
                if kafka_errors.cause(error).code() not in kafka_errors.MOVING or time.monotonic() >= end:
                    raise
                time.sleep(AGAIN)
            else:
                self._refusals.pop(group_id, None)
                return found

    def offsets(self, wanted: Mapping[TopicPartition, OffsetSpec]) -> Generator[None, None, dict[TopicPartition, int]]:
        """Offsets by specification; for a time behind the last record, the end before anything newer was written."""
        if not wanted:
            return {}
        timed = [key for key, spec in wanted.items() if spec not in (EARLIEST, LATEST)]
        # Asked first: what is written between the two questions is not behind that time, and must not be passed over.
        ends = yield from self.offsets(dict.fromkeys(timed, LATEST))
        asked = {KafkaPartition(*key): spec for key, spec in wanted.items()}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS
        )
        found = {}
        for part, answer in answers.items():
            found[TopicPartition(part.topic, part.partition)] = (yield from _wait(answer)).offset
        return {key: ends[key] if offset < 0 else offset for key, offset in found.items()}


def _in_thread(ask: Callable[[], T]) -> Future[T]:
    """The answer to a question that has no asynchronous form in the library, except for a cluster's controller."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001  # whatever it is: who waits must hear of it, or waits for ever
            answer.set_exception(error)

    Thread(target=run, daemon=True, name="kafka-lookup").start()
    return answer


def _wait(answer: Future[T]) -> Generator[None, None, T]:
    while not answer.done():
        yield
    return answer.result()
