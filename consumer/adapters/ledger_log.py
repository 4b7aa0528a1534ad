"""The quota ledger as a log: records go in and come out, and nobody waits.

Appends are idempotent, acknowledged by all replicas in sync, and tried until Kafka takes them or says no: in their
order, so that no lease is closed before it was taken. The consumer joins no group.
"""

from __future__ import annotations

import logging
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import consumer_config, producer_config
from consumer.core.ledger import Entry, decode, encode

if TYPE_CHECKING:
    from confluent_kafka import Message

    from consumer.adapters.kafka_config import Connection

MOST_ROWS = 2000
"""Records that one reading takes in: at a start, a day's worth in about twenty readings."""

_NOTICES_DELETION = {"topic.metadata.propagation.max.ms": 3000}
_READER_DEFAULTS = {"fetch.wait.max.ms": 100, "check.crcs": True, **_NOTICES_DELETION}
_READER_FIXED = {
    "group.id": "profile-consumer.quota-ledger",  # the library wants one; nothing of it reaches a group
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
}
_WRITER_FIXED = {
    "acks": "all",
    "enable.idempotence": True,
    "message.timeout.ms": 0,  # never: a few records a minute wait, and a take that comes late is closed behind it
    "delivery.timeout.ms": 0,  # the same by its other name
    "linger.ms": 0,
}


class Row(NamedTuple):
    """A record of the ledger; `time`: the broker's, in seconds. `entry` None: this program did not write it."""

    offset: int
    time: float
    entry: Entry | None


class Report(NamedTuple):
    """What became of an append: where it is and the broker's time, or the error."""

    entry: Entry
    offset: int = -1
    time: float = 0.0
    error: KafkaError | None = None


class LedgerLog:
    """Appends to and reads from the one partition of the ledger; for one thread.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._reports: list[Report] = []
        self._broken = False
        config = consumer_config(connection, _READER_DEFAULTS, _READER_FIXED)
        try:
            self._consumer = Consumer(config, logger=logging.getLogger("confluent_kafka"), error_cb=lambda _: None)
            self._producer = self._connect()
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None

    # -- writing -------------------------------------------------------------------------------------------------------

    @property
    def unacknowledged(self) -> int:
        """Appends that were not reported yet."""
        return len(self._producer)

    def append(self, entry: Entry) -> None:
        """Send a record; what becomes of it comes from `reports`."""
        if self._broken:
            self._replace()

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._broken = self._broken or error.fatal()
                self._reports.append(Report(entry, error=error))
            else:
                self._reports.append(Report(entry, message.offset() or 0, message.timestamp()[1] / 1000))

        try:
            self._producer.produce(self._topic, encode(entry), partition=0, on_delivery=delivered)
        except BufferError:
            self._reports.append(Report(entry, error=KafkaError(KafkaError._QUEUE_FULL)))  # noqa: SLF001  # its public name
        except KafkaException as error:
            self._reports.append(Report(entry, error=kafka_errors.cause(error)))

    def reports(self) -> list[Report]:
        """What became of appends since the last call; never waits."""
        try:
            self._producer.poll(0)
        except KafkaException:  # fatal: the producer will be replaced, and has reported what it held
            self._broken = True
        reports, self._reports = self._reports, []
        return reports

    def _connect(self) -> Producer:
        config = producer_config(self._connection, _NOTICES_DELETION, _WRITER_FIXED)
        return Producer({**config, "error_cb": self._on_error}, logger=logging.getLogger("confluent_kafka"))

    def _on_error(self, error: KafkaError) -> None:
        self._broken = self._broken or error.fatal()

    def _replace(self) -> None:
        """An idempotent producer that met a fatal error never works again; what it held is reported as failed."""
        self._broken = False
        self._producer.purge()
        self._producer.flush(0)
        self._producer = self._connect()

    # -- reading -------------------------------------------------------------------------------------------------------

    def read_from(self, offset: int) -> None:
        """Read on from there."""
        self._consumer.assign([KafkaPartition(self._topic, 0, offset)])

    def read(self) -> tuple[list[Row], KafkaError | None]:
        """The next records, and what Kafka said in place of further ones; never waits."""
        rows: list[Row] = []
        for message in self._consumer.consume(MOST_ROWS, 0.0):
            error = message.error()
            if error is not None:
                return rows, error
            rows.append(Row(message.offset() or 0, message.timestamp()[1] / 1000, decode(message.value())))
        return rows, None

    def close(self, seconds: float) -> None:
        """Wait at most so long for what is being written, and for the library to let go."""
        self._producer.flush(seconds)
        leaving = Thread(target=self._consumer.close, daemon=True, name="ledger-close")
        leaving.start()
        leaving.join(max(seconds, 0.1))
