"""From the library's message to our record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from consumer.core.record import Record

if TYPE_CHECKING:
    from confluent_kafka import Message


def to_record(message: Message) -> Record:
    """A message without an error, as a record; its timestamp is 0 where Kafka has none."""
    kind, timestamp = message.timestamp()
    headers = message.headers()
    return Record(
        message.topic(),  # type: ignore[arg-type]  # None only for an error
        message.partition(),  # type: ignore[arg-type]  # as above
        message.offset(),  # type: ignore[arg-type]  # as above
        0 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
        message.key(),
        message.value(),
        tuple(headers) if headers else (),  # type: ignore[arg-type]  # values read from Kafka are bytes or None
    )
