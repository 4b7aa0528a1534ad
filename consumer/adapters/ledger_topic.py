"""The topic that holds the quota ledger: how it must be, whether it is so, and its creation.

Questions are generators in the way of `kafka_lookup`. A ledger that is missing while the group has commits is never
created in silence: nobody knows then how many calls were made in the last window.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from consumer.adapters import kafka_errors
from consumer.core.lease import LONGEST_LIFE
from consumer.errors import KafkaFailed, LedgerInvalid, Problem, Stopped
from consumer.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from consumer.adapters.kafka_lookup import Lookup

SAFE_REPLICAS: Final = 3
"""Replicas that a new ledger gets where there are so many brokers, and from which on two must be in sync."""

LONGEST_SEGMENT: Final = 3_600_000
"""Milliseconds: what has left the window is deleted by whole segments, and is read at every start until then."""

MISSING_FOR: Final = 5.0
"""Seconds for which a topic must be missing until we believe it: a broker may hear of it late."""

_REFUSED: Final = frozenset(
    {
        *kafka_errors.REFUSED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.TOPIC_EXCEPTION,
    }
)
"""Why asking again for the topic would not help."""


class LedgerTopic(NamedTuple):
    """Which topic, and for which window (in seconds)."""

    name: str
    window: float

    @property
    def shortest_retention(self) -> int:
        """Milliseconds that records must be kept: as long as any of them may count."""
        return round((self.window + LONGEST_LIFE) * 1000)

    def settings(self, replicas: int) -> dict[str, str]:
        """What the topic is created with. A day of retention more is for leaders whose clocks are wrong."""
        return {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "delete",
            "retention.ms": str(self.shortest_retention + 86_400_000),
            "retention.bytes": "-1",
            "segment.ms": str(LONGEST_SEGMENT),
            "unclean.leader.election.enable": "false",
            "min.insync.replicas": "2" if replicas >= SAFE_REPLICAS else "1",
        }

    def command(self, replicas: int) -> str:
        """How a person with the right to do it creates the topic."""
        settings = " ".join(f"--config {name}={value}" for name, value in self.settings(replicas).items())
        return f"kafka-topics.sh --create --topic {self.name} --partitions 1 --replication-factor {replicas} {settings}"

    def problems(self, replicas: Sequence[int], config: dict[str, str]) -> list[Problem]:
        """What is wrong with an existing topic: what was found, what it must be, and how to change it."""
        found = []
        if len(replicas) != 1:
            found.append(
                f"has {len(replicas)} partitions, and only one keeps the order of records: stop all replicas, delete "
                "it, and run `profile-consumer quota init`"
            )
        for name, expected, right in self._rules(replicas[0] if replicas else 1):
            value = config.get(name, "")
            if not right(value):
                target = expected.removeprefix("at least ").removeprefix("at most ")
                found.append(
                    f"has {name}={value}, expected {expected}: run `kafka-configs.sh --alter --entity-type topics "
                    f"--entity-name {self.name} --add-config {name}={target}`"
                )
        return [Problem("quota.topic", 0, 0, f"{self.name} {what}") for what in found]

    def _rules(self, replicas: int) -> Iterator[tuple[str, str, Callable[[str], bool]]]:
        yield "message.timestamp.type", "LogAppendTime", "LogAppendTime".__eq__
        yield "cleanup.policy", "delete", "delete".__eq__
        yield (
            "retention.ms",
            f"at least {self.shortest_retention + 1}",
            lambda value: value == "-1" or _number(value) > self.shortest_retention,
        )
        yield "retention.bytes", "-1", "-1".__eq__
        yield "segment.ms", f"at most {LONGEST_SEGMENT}", lambda value: 0 < _number(value) <= LONGEST_SEGMENT
        yield "unclean.leader.election.enable", "false", "false".__eq__
        if replicas >= SAFE_REPLICAS:
            yield "min.insync.replicas", "at least 2", lambda value: _number(value) >= 2  # noqa: PLR2004  # of three


def find(lookup: Lookup, topic: LedgerTopic, group_id: str) -> Generator[None, None, None]:
    """Make sure that the ledger is there as it must be; created at the very first start of the group.

    Raises:
        LedgerInvalid: It has other settings.
        Stopped: It is missing although the group has worked before.
        KafkaFailed: Kafka refuses to create or show it, until somebody does what the message says.
        KafkaException: Kafka did not answer; to be tried again.
    """
    # The commits first: another member may create the ledger and commit between the two questions.
    committed = bool((yield from lookup.committed(group_id)))
    replicas = yield from lookup.replicas(topic.name)
    if replicas is None and committed:
        if (yield from missing(lookup, topic)):
            raise Stopped(_missing(topic, group_id))
        replicas = yield from lookup.replicas(topic.name)
    if replicas is None:
        yield from create(lookup, topic)
    yield from check(lookup, topic)


def missing(lookup: Lookup, topic: LedgerTopic) -> Generator[None, None, bool]:
    """Whether the ledger is missing, and stays so for a while."""
    end = time.monotonic() + MISSING_FOR
    while True:
        asked = time.monotonic()  # an answer from before, heard late, says nothing about the whole time
        if (yield from lookup.replicas(topic.name)) is not None:
            return False
        if asked >= end:
            return True
        yield from pause(0.2)


def pause(seconds: float) -> Generator[None, None, None]:
    """Do nothing for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def create(lookup: Lookup, topic: LedgerTopic) -> Generator[None, None, None]:
    """Create the ledger, and wait until it is there; raises as `find`."""
    replicas = min(SAFE_REPLICAS, (yield from lookup.brokers()))
    try:
        yield from lookup.create(topic.name, replicas, topic.settings(replicas))
    except KafkaException as error:
        code = kafka_errors.cause(error).code()
        if code in _REFUSED:
            raise KafkaFailed(
                f"the quota ledger {topic.name} is missing and Kafka refuses to create it "
                f"({kafka_errors.cause(error).name()}): give our user its right Create, or run "
                f"`{topic.command(replicas)}`"
            ) from None
        if code != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
    while (yield from lookup.replicas(topic.name)) is None:
        yield from pause(0.05)


def check(lookup: Lookup, topic: LedgerTopic) -> Generator[None, None, None]:
    """Check an existing ledger; raises as `find`."""
    try:
        replicas = yield from lookup.replicas(topic.name)
        config = yield from lookup.config(topic.name)
    except KafkaException as error:
        if kafka_errors.cause(error).code() in kafka_errors.REFUSED:
            raise KafkaFailed(refused(topic)) from None
        raise
    if problems := topic.problems(replicas or [], config):
        raise LedgerInvalid(problems)


def refused(topic: LedgerTopic) -> str:
    """Which rights the ledger needs."""
    return (
        f"we may not use the quota ledger {topic.name}: our user needs its rights Read, Write, Describe and "
        "DescribeConfigs, and Create as long as it is missing"
    )


def _missing(topic: LedgerTopic, group_id: str) -> str:
    return (
        f"the quota ledger {topic.name} is missing although the group {group_id} has commits: how many calls were made "
        f"in the last {format_duration(topic.window)} is unknown. Find out who deleted it, or whether quota.topic is "
        "right; then run `profile-consumer quota init` to begin a new one"
    )


def _number(value: str) -> int:
    return int(value) if value.lstrip("-").isdecimal() else -1
