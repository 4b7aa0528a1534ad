from __future__ import annotations

import time
from typing import TYPE_CHECKING

from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.adapters.retention import LOOK_EVERY, Retention
from consumer.core.clock import Clocks
from consumer.core.partition import Assignment, Partition
from consumer.core.record import TopicPartition
from tests.adapters.kafka_member import PATIENCE

if TYPE_CHECKING:
    from structlog.typing import EventDict

    from tests.kafka import Kafka

DAY = 86_400_000


def looked(retention: Retention, partitions: dict[TopicPartition, Partition], boot: float) -> None:
    """One look, to its end."""
    end = time.monotonic() + PATIENCE
    retention.turn(partitions, Clocks(boot, time.time()))
    while retention._question.open:
        assert time.monotonic() < end
        retention.turn(partitions, Clocks(boot, time.time()))


def test_an_event_that_waits_for_half_the_retention_is_warned_of(kafka: Kafka, said: list[EventDict]) -> None:
    topics = {
        "deleted after a day": kafka.create_topic(1, retention_ms=str(DAY)),
        "deleted after two days": kafka.create_topic(1, retention_ms=str(2 * DAY)),
        "never deleted": kafka.create_topic(1, retention_ms="-1"),
        "compacted": kafka.create_topic(1, cleanup_policy="compact", retention_ms=str(DAY)),
    }
    for topic in topics.values():
        for hours in (14, 13, 11):
            kafka.produce(topic, [b"x"], key=b"k", timestamp=int((time.time() - hours * 3600) * 1000))
    keys = {name: TopicPartition(topic, 0) for name, topic in topics.items()}

    def at(offset: int) -> dict[TopicPartition, Partition]:
        return {key: Partition(Assignment(key, 1, offset), "h") for key in keys.values()}

    retention = Retention(Lookup(Connection(kafka.bootstrap)))
    looked(retention, at(1), boot=0.0)
    assert [(line["event"], line["topic"], line["offset"], line["retention_seconds"]) for line in said] == [
        ("retention_near", topics["deleted after a day"], 1, 86_400.0)
    ]
    looked(retention, at(1), boot=LOOK_EVERY - 1)
    assert len(said) == 1, "not before its time"
    looked(retention, at(2), boot=LOOK_EVERY)
    assert len(said) == 1, "the one at offset 2 is eleven hours old"
    looked(retention, at(0), boot=2 * LOOK_EVERY)
    assert len(said) == 2


def test_what_is_no_longer_ours_is_not_warned_of(kafka: Kafka, said: list[EventDict]) -> None:
    key = TopicPartition(kafka.create_topic(1, retention_ms=str(DAY)), 0)
    kafka.produce(key.topic, [b"x"], timestamp=int(time.time() * 1000) - DAY)
    retention = Retention(Lookup(Connection(kafka.bootstrap)))
    retention.turn({key: Partition(Assignment(key, 1, 0), "h")}, Clocks(0.0, time.time()))
    looked(retention, {}, boot=1.0)
    assert said == []


def test_without_an_answer_nothing_is_said_and_it_is_asked_again_later(kafka: Kafka, said: list[EventDict]) -> None:
    key = TopicPartition("no-such-topic", 0)
    partitions = {key: Partition(Assignment(key, 1, 0), "h")}
    retention = Retention(Lookup(Connection(kafka.bootstrap)))
    looked(retention, partitions, boot=0.0)
    assert said == []
    retention.turn(partitions, Clocks(LOOK_EVERY, time.time()))
    assert retention._next == 2 * LOOK_EVERY, "asked at once, and perhaps answered already"
