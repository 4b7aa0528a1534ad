"""Reads records again by their offsets, with a consumer that is in no group and moves no position of one.

It lives in a thread of its own, and its consumer only while there is something to read.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumer.adapters.kafka_message import to_record
from consumer.adapters.kafka_config import Connection, consumer_config
from consumer.core import record as core

if TYPE_CHECKING:
    from consumer.core.command import ReadAgain
    from consumer.core.record import Record

IDLE = 10.0
"""Seconds without work after which the consumer is closed."""

FORWARD = 500
"""Offsets that are read over on the way to the next wanted one; a wider gap is jumped."""

RETRY = 1.0
"""Seconds before another attempt when Kafka does not answer."""

_SMALL = {"queued.min.messages": 1, "queued.max.messages.kbytes": 1024, "fetch.wait.max.ms": 50}
_FIXED = {
    "group.id": "profile-consumer.read-again",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
}

Found = tuple[core.TopicPartition, int, "Record | None"]


class RecordReader:
    """Takes wishes from one thread, and gives what was found to the same."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wanted: SimpleQueue[ReadAgain | None] = SimpleQueue()
        self._found: SimpleQueue[Found] = SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def request(self, wanted: ReadAgain) -> None:
        """Read these offsets; never waits."""
        self._wanted.put(wanted)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="record-reader", daemon=True)
            self._thread.start()

    def poll(self) -> list[Found]:
        """What was found since the last call, None for a record that has left its topic; never waits."""
        found = []
        try:
            while True:
                found.append(self._found.get_nowait())
        except Empty:
            return found

    def close(self) -> None:
        """Stop reading; what was not found stays so."""
        self._closing.set()
        self._wanted.put(None)
        if self._thread is not None:
            self._thread.join(RETRY + 1)

    # -- in the reader's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            wanted = self._wanted.get()
            if wanted is not None:
                self._work(wanted)

    def _work(self, wanted: ReadAgain | None) -> None:
        consumer = Consumer(
            consumer_config(self._connection, _SMALL, _FIXED), logger=logging.getLogger("confluent_kafka")
        )
        try:
            while wanted is not None and not self._closing.is_set():
                self._read(consumer, wanted)
                try:
                    wanted = self._wanted.get(timeout=IDLE)
                except Empty:
                    return
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, wanted: ReadAgain) -> None:
        position = -1
        for offset in wanted.offsets:
            while not self._closing.is_set():
                if not 0 <= offset - position <= FORWARD:
                    consumer.assign([TopicPartition(*wanted.partition, offset)])
                    position = offset
                done, position, record = self._step(consumer, wanted.partition, offset, position)
                if done:
                    self._found.put((wanted.partition, offset, record))
                    break
        consumer.unassign()

    def _step(
        self, consumer: Consumer, partition: core.TopicPartition, offset: int, position: int
    ) -> tuple[bool, int, Record | None]:
        """One message: whether the question is answered, the next position (-1: go there anew), and the record."""
        message = consumer.poll(RETRY)
        if message is None:
            return False, position, None
        error = message.error()
        if error is None:
            at = message.offset() or 0
            return at >= offset, at + 1, to_record(message) if at == offset else None
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            return self._gone(consumer, partition, offset), -1, None
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            return self._gone(consumer, partition, offset), -1, None
        self._closing.wait(RETRY)
        return False, -1, None

    @staticmethod
    def _gone(consumer: Consumer, partition: core.TopicPartition, offset: int) -> bool:
        """Whether an offset that was not found has left the topic; when nobody can say, it is looked for again."""
        try:
            _, high = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=RETRY)
        except KafkaException:
            return False
        return offset < high
