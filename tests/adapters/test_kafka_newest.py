from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_newest import newest
from consumer.errors import KafkaFailed, SettingsInvalid

if TYPE_CHECKING:
    from tests.kafka import Kafka


def values(kafka: Kafka, topic: str, count: int) -> list[bytes | None]:
    return [record.value for record in newest(Connection(kafka.bootstrap), topic, count)]


def test_the_newest_of_all_partitions_are_read_in_the_order_of_their_times(kafka: Kafka) -> None:
    topic = kafka.create_topic(partitions=3)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number in range(9):
        producer.produce(
            topic, f"{number}", partition=number % 2, timestamp=1_000 + number, key="k", headers={"h": "v"}
        )
    assert producer.flush(30) == 0

    assert values(kafka, topic, 4) == [b"5", b"6", b"7", b"8"]
    assert values(kafka, topic, 1) == [b"8"]
    assert len(values(kafka, topic, 100)) == 9
    (record,) = newest(Connection(kafka.bootstrap), topic, 1)
    assert (record.topic, record.partition, record.offset, record.timestamp) == (topic, 0, 4, 1_008)
    assert (record.key, record.headers) == (b"k", (("h", b"v"),))


def test_an_empty_topic_has_none(kafka: Kafka) -> None:
    assert values(kafka, kafka.create_topic(), 5) == []


def test_offsets_without_a_record_are_read_over(kafka: Kafka) -> None:
    topic = kafka.create_topic()
    for number in range(4):  # each leaves a marker behind its record
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{topic}-{number}"})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(topic, f"{number}")
        producer.commit_transaction(30)

    assert values(kafka, topic, 3) == [b"1", b"2", b"3"]


def test_a_topic_that_is_missing_is_said_to_be_and_not_created(kafka: Kafka) -> None:
    for _ in range(2):
        with pytest.raises(KafkaFailed, match="there is no topic no-such-topic"):
            newest(Connection(kafka.bootstrap), "no-such-topic", 1)


def test_a_broker_that_is_missing_is_told_with_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.adapters.kafka_newest.ANSWER", 0.5)
    with pytest.raises(KafkaFailed, match=r"no broker answers at 127\.0\.0\.1:1: check kafka\.bootstrap_servers"):
        newest(Connection("127.0.0.1:1"), "t", 1)


def test_properties_that_the_library_refuses_are_told() -> None:
    with pytest.raises(SettingsInvalid, match=r"kafka\.properties: .*frobnicate"):
        newest(Connection("127.0.0.1:1", {"frobnicate": "1"}), "t", 1)
