"""Writes dead letters; a record is resolved by the broker's delivery report only."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from consumer.adapters.kafka_config import Connection, admin_config, producer_config
from consumer.core.acknowledgement import DeadLetterReport
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

    from consumer.core.command import DeadLetter

PREFIX = "dead-letter."

CUT_TO = 65_536
"""Bytes that are kept of a value which the dead-letter topic does not take whole."""

_LARGEST = 100_000_000
"""Bytes of a record that are tried: as much as a fetch may bring (`receive.message.max.bytes`)."""

_MISSING = (KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)  # noqa: SLF001


class DeadLetterProducer:
    """Writes to one topic, which it creates if it is missing; used by one thread, and never makes it wait.

    Args:
        connection: How Kafka is reached.
        topic: The dead-letter topic.
        group: The consumer group, for the header.
        mappings: Names and hashes of the mappings, by index.
        timeout: Seconds after which an unacknowledged record is reported as failed.
    """

    def __init__(
        self, connection: Connection, topic: str, group: str, mappings: Sequence[tuple[str, str]], timeout: float
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._mappings = mappings
        self._reports: list[DeadLetterReport] = []
        self._admin: AdminClient | None = None
        self._producer = Producer(
            producer_config(
                connection,
                {"message.timeout.ms": int(timeout * 1000), "topic.metadata.propagation.max.ms": 3000, "linger.ms": 5},
                {"acks": "all", "enable.idempotence": True, "message.max.bytes": _LARGEST},
            ),
            logger=logging.getLogger("confluent_kafka"),
        )

    def write(self, dead_letter: DeadLetter) -> None:
        """Start to write one; the broker's word comes from `reports`."""
        if self._admin is None:
            self._create()
        self._produce(dead_letter, cut=False)

    def reports(self) -> list[DeadLetterReport]:
        """What the broker said since the last call; never waits."""
        self._producer.poll(0)
        reports, self._reports = self._reports, []
        return reports

    def close(self, seconds: float) -> None:
        """Wait at most `seconds` for what is being written."""
        self._producer.flush(seconds)

    def _produce(self, dead_letter: DeadLetter, *, cut: bool) -> None:
        record = dead_letter.record
        value = record.value[:CUT_TO] if cut and record.value is not None else record.value

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._report(dead_letter, None)
            elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE and not cut:
                self._produce(dead_letter, cut=True)
            else:
                if error.code() in _MISSING:
                    self._create()
                self._report(dead_letter, error.name())

        try:
            headers = self._headers(dead_letter, cut=cut)
            self._producer.produce(self._topic, value, record.key, headers=headers, on_delivery=delivered)
        except BufferError:
            self._report(dead_letter, "_QUEUE_FULL")
        except KafkaException as error:
            if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE and not cut:
                self._produce(dead_letter, cut=True)
            else:
                self._report(dead_letter, error.args[0].name())

    def _report(self, dead_letter: DeadLetter, error: str | None) -> None:
        record = dead_letter.record
        place = TopicPartition(record.topic, record.partition)
        self._reports.append(DeadLetterReport(place, record.offset, dead_letter.generation, error))

    def _create(self) -> None:
        """Ask for the topic, with the broker's defaults; if that is refused, producing tells."""
        self._admin = self._admin or AdminClient(admin_config(self._connection))
        self._admin.create_topics([NewTopic(self._topic, -1, -1)])

    def _headers(self, dead_letter: DeadLetter, *, cut: bool) -> list[tuple[str, str | bytes | None]]:
        record, (stage, reason, detail, mapping) = dead_letter.record, dead_letter.rejection
        kept = [(key, value) for key, value in record.headers if not key.startswith(PREFIX)]
        replays = [value for key, value in record.headers if key == PREFIX + "replays"]
        facts: dict[str, object] = {
            "stage": stage,
            "reason": reason,
            "detail": detail,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "group": self._group,
            "attempts": dead_letter.attempts,
        }
        if mapping is not None:
            facts["mapping"], facts["mapping-hash"] = self._mappings[mapping]
        if dead_letter.status is not None:
            facts["http-status"] = dead_letter.status
        if dead_letter.body_lost or cut:
            facts["body"] = "lost" if dead_letter.body_lost else "cut"
        added: list[tuple[str, str | bytes | None]] = [
            (PREFIX + key, str(value).encode()) for key, value in facts.items()
        ]
        return [*kept, *added, (PREFIX + "replays", replays[-1] if replays else b"0")]
