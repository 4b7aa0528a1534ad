"""Writes dead letters; a record is resolved by the broker's delivery report only.

What could not be written is reported with an error; whoever asked holds the offset and asks again, after a second or
so. What the topic does not take whole is cut, down to its coordinates, so that one huge event can't block a partition.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import Connection, producer_config
from consumer.adapters.kafka_lookup import Lookup
from consumer.core.acknowledgement import DeadLetterReport
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from consumer.core.command import DeadLetter

PREFIX = "dead-letter."

CUTS = (None, 65_536, 0)
"""Bytes of the value that are tried, one after the other, while the topic calls it too large; None for all of it. With
none of them, the key and the headers of the event are left out too."""

CREATE_EVERY = 1.0
"""Seconds between two attempts to create the topic."""

_DEFAULTS = {"topic.metadata.propagation.max.ms": 3000, "queue.buffering.max.kbytes": 65_536}
_FIXED = {
    "acks": "all",
    "enable.idempotence": True,
    "message.max.bytes": 100_000_000,  # the broker decides what is too large; this is what a fetch may bring
    "batch.num.messages": 1,  # a batch is refused as a whole: each event is to be judged by its own size
}


class DeadLetterProducer:
    """Writes to one topic, which it creates if it is missing; used by one thread, and never makes it wait.

    Args:
        connection: How Kafka is reached.
        topic: The dead-letter topic.
        group: The consumer group, for the header.
        mappings: Names and hashes of the mappings, by index.
        timeout: Seconds after which an unacknowledged record is reported as failed.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(
        self, connection: Connection, topic: str, group: str, mappings: Sequence[tuple[str, str]], timeout: float
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._mappings = mappings
        self._timeout = timeout
        self._reports: list[DeadLetterReport] = []
        self._broken = False
        self._lookup: Lookup | None = None
        self._creation: Future[None] | None = None
        self._next_creation = 0.0
        self._producer = self._connect()

    def write(self, dead_letter: DeadLetter) -> None:
        """Start to write one; the broker's word comes from `reports`."""
        if self._lookup is None:
            self._create()
        if self._broken:
            self._replace()
        self._produce(dead_letter, 0)

    def reports(self) -> list[DeadLetterReport]:
        """What the broker said since the last call; never waits."""
        self._producer.poll(0)
        reports, self._reports = self._reports, []
        return reports

    def close(self, seconds: float) -> None:
        """Wait at most `seconds` for what is being written."""
        self._producer.flush(seconds)

    # -- producing -----------------------------------------------------------------------------------------------------

    def _connect(self) -> Producer:
        config = producer_config(
            self._connection, {"message.timeout.ms": int(self._timeout * 1000), **_DEFAULTS}, _FIXED
        )
        try:
            return Producer({**config, "error_cb": self._on_error}, logger=logging.getLogger("confluent_kafka"))
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None

    def _on_error(self, error: KafkaError) -> None:
        self._broken = self._broken or error.fatal()

    def _replace(self) -> None:
        """An idempotent producer that met a fatal error never works again; what it held is reported as failed."""
        self._broken = False
        self._producer.purge()
        self._producer.flush(0)
        self._producer = self._connect()

    def _produce(self, dead_letter: DeadLetter, cut: int) -> None:
        """Try the cut of this index."""
        record, size = dead_letter.record, CUTS[cut]
        value = record.value if size is None or record.value is None else record.value[:size]
        key = None if size == 0 else record.key

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE and cut + 1 < len(CUTS):
                self._produce(dead_letter, cut + 1)
            else:
                self._report(dead_letter, error)

        try:
            self._producer.produce(
                self._topic, value, key, headers=self._headers(dead_letter, size), on_delivery=delivered
            )
        except BufferError:
            # Full of others: again later. Empty: this one alone is too large for it.
            alone = len(self._producer) == 0
            delivered(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE if alone else KafkaError._QUEUE_FULL), None)  # noqa: SLF001  # its public name
        except KafkaException as error:
            delivered(kafka_errors.cause(error), None)

    def _report(self, dead_letter: DeadLetter, error: KafkaError | None) -> None:
        record = dead_letter.record
        reason = None if error is None else error.name()
        if error is not None and error.code() in kafka_errors.MISSING_TOPIC:
            reason = self._create() or reason
        if error is not None and error.fatal():
            self._broken = True
        place = TopicPartition(record.topic, record.partition)
        self._reports.append(DeadLetterReport(place, record.offset, dead_letter.generation, reason))

    # -- the topic -----------------------------------------------------------------------------------------------------

    def _create(self) -> str | None:
        """Ask for the topic, now and then; why the last attempt was refused. Its being there already is no failure."""
        refusal = None
        if self._creation is not None and self._creation.done():
            failure = self._creation.exception()
            refusal = kafka_errors.cause(failure).name() if isinstance(failure, KafkaException) else None
        now = time.monotonic()
        if now >= self._next_creation and (self._creation is None or self._creation.done()):
            self._next_creation = now + CREATE_EVERY
            self._lookup = self._lookup or Lookup(self._connection)
            self._creation = self._lookup.create_topic(self._topic)
        return refusal

    # -- what is written -----------------------------------------------------------------------------------------------

    def _headers(self, dead_letter: DeadLetter, size: int | None) -> list[tuple[str, str | bytes | None]]:
        """The event's own headers, then ours; those of an earlier death are replaced, its count of replays is kept."""
        record, (stage, reason, detail, mapping) = dead_letter.record, dead_letter.rejection
        own = [] if size == 0 else [(key, value) for key, value in record.headers if not key.startswith(PREFIX)]
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
        if dead_letter.body_lost:
            facts["body"] = "lost"
        elif size is not None:
            facts["body"] = "cut"
        added = [(PREFIX + name, str(fact).encode()) for name, fact in facts.items()]
        return [*own, *added, (PREFIX + "replays", replays[-1] if replays else b"0")]
