from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from consumer.simulator.broker import PARTITIONS, EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

TOPIC = "customer.loans"
PATIENCE = 60.0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        yield started


def member(broker: EmbeddedBroker) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "g",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "log_level": 0,
        }
    )


def read(consumer: Consumer, count: int) -> list[Message]:
    messages: list[Message] = []
    end = time.monotonic() + PATIENCE
    while len(messages) < count and time.monotonic() < end:
        messages += consumer.consume(count, 0.2)
    assert not any(message.error() for message in messages)
    return messages


def test_a_cooperative_member_reads_commits_metadata_and_reads_it_back(broker: EmbeddedBroker) -> None:
    records = [(f"c-{number}".encode(), b"%d" % number) for number in range(200)]
    assert broker.produce(TOPIC, records) == 200
    consumer = member(broker)
    try:
        consumer.subscribe([TOPIC])
        messages = read(consumer, 200)
        assert sorted((message.key(), message.value()) for message in messages) == sorted(records)
        consumer.commit(offsets=[TopicPartition(TOPIC, 1, 7, "v1:completed")], asynchronous=False)
    finally:
        consumer.close()
    other = member(broker)
    try:
        committed, untouched = other.committed([TopicPartition(TOPIC, 1), TopicPartition(TOPIC, 2)], timeout=PATIENCE)
        assert (committed.offset, committed.metadata) == (7, "v1:completed")
        assert untouched.offset < 0
    finally:
        other.close()


def test_a_key_always_goes_to_the_same_partition(broker: EmbeddedBroker) -> None:
    broker.produce(TOPIC, [(b"c-1", b"%d" % number) for number in range(20)])
    consumer = member(broker)
    try:
        sizes = [consumer.get_watermark_offsets(TopicPartition(TOPIC, n), timeout=PATIENCE) for n in range(PARTITIONS)]
    finally:
        consumer.close()
    assert sorted(sizes) == [(0, 0)] * (PARTITIONS - 1) + [(0, 20)]


def test_topics_are_created_with_the_partitions_that_the_cluster_gives(broker: EmbeddedBroker) -> None:
    broker.create("a", "b")
    broker.create("a")
    consumer = member(broker)
    try:
        topics = consumer.list_topics(timeout=PATIENCE).topics
    finally:
        consumer.close()
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"a": PARTITIONS, "b": PARTITIONS}


def test_more_records_are_taken_than_a_producer_queues_by_default(broker: EmbeddedBroker) -> None:
    assert broker.produce(TOPIC, ((b"c-1", None) for _ in range(150_000))) == 150_000


def test_a_producer_of_another_client_is_acknowledged(broker: EmbeddedBroker) -> None:
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "acks": "all", "log_level": 0}
    )
    errors: list[object] = []
    producer.produce(TOPIC, b"x", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(PATIENCE) == 0
    assert errors == [None]


def test_it_ends_with_its_block() -> None:
    with EmbeddedBroker() as broker:
        host, port = broker.bootstrap.split(":")
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=PATIENCE)


def test_two_brokers_are_two_clusters() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        one.create(TOPIC)
        assert one.bootstrap != other.bootstrap
        consumer = member(other)
        try:
            assert TOPIC not in consumer.list_topics(timeout=PATIENCE).topics
        finally:
            consumer.close()
