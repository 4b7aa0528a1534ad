"""Reads the newest records of a topic, with a consumer that joins no group and moves no position of one."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import Connection, consumer_config
from consumer.adapters.kafka_message import to_record
from consumer.errors import KafkaFailed

if TYPE_CHECKING:
    from consumer.core.record import Record

ANSWER = 10.0
"""Seconds that a broker has to say what there is, and between one record and the next."""

_FIXED = {
    "group.id": "profile-consumer.explain",  # the library wants one; nothing of it reaches a group
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    "auto.offset.reset": "earliest",  # a beginning that has been deleted in between
}


def newest(connection: Connection, topic: str, count: int) -> list[Record]:
    """The `count` newest records of a topic, by their timestamps, the newest last; fewer when there are no more.

    Raises:
        KafkaFailed: with what to check.
    """
    errors: list[KafkaError] = []
    try:
        config = consumer_config(connection, {"log_level": 2}, _FIXED)
        consumer = Consumer(config, logger=logging.getLogger("confluent_kafka"), error_cb=errors.append)
    except KafkaException as error:
        raise kafka_errors.properties_refused(error) from None
    try:
        records = [
            record
            for partition in _partitions(consumer, topic)
            for record in _newest_of(consumer, KafkaPartition(topic, partition), count)
        ]
    except KafkaException as error:
        worst = errors[0] if errors else kafka_errors.cause(error)
        place = kafka_errors.Place(connection.bootstrap_servers, topic=topic)
        raise KafkaFailed(kafka_errors.sentence(worst, place)) from None
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.timestamp, record.partition, record.offset))[-count:]


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    consumer.poll(0)
    found = consumer.list_topics(topic, timeout=ANSWER).topics[topic]
    if found.error is not None:
        if found.error.code() in kafka_errors.MISSING_TOPIC:
            raise KafkaFailed(f"there is no topic {topic}, or we may not see it")
        raise KafkaException(found.error)
    return sorted(found.partitions)


def _newest_of(consumer: Consumer, partition: KafkaPartition, count: int) -> list[Record]:
    """At most `count`, going back further when offsets hold no record (compaction, transactions)."""
    low, high = consumer.get_watermark_offsets(partition, timeout=ANSWER)
    back = count
    while True:
        start = max(low, high - back)
        records = _read(consumer, KafkaPartition(partition.topic, partition.partition, start), high)
        if len(records) >= count or start == low:
            return records[-count:]
        back *= 4


def _read(consumer: Consumer, start: KafkaPartition, end: int) -> list[Record]:
    records: list[Record] = []
    if start.offset >= end:
        return records
    consumer.assign([start])
    deadline = time.monotonic() + ANSWER
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                return records
            raise KafkaException(error)
        if (message.offset() or 0) >= end:
            return records
        records.append(to_record(message))
        deadline = time.monotonic() + ANSWER
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001  # as above
