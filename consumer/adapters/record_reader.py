"""Reads records again by their offsets, with a consumer that joins no group and moves no position of one.

It lives in a thread of its own, and its consumer only while there is something to read. Wishes take turns: one whose
broker is away does not hold up the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.adapters.kafka_config import Connection, consumer_config
from consumer.adapters.kafka_message import to_record

if TYPE_CHECKING:
    from consumer.core.command import ReadAgain
    from consumer.core.record import Record, TopicPartition

IDLE = 10.0
"""Seconds without work after which the consumer is closed."""

FORWARD = 500
"""Offsets that are read over on the way to the next wanted one; a wider gap is jumped."""

ANSWER = 1.0
"""Seconds without a message after which a wish waits for its next turn."""

PATIENCE = 60.0
"""Seconds for which a topic must be missing, or hold nothing from the wanted offset on, until the record is gone:
a change of the leader can look like that for a moment."""

_DEFAULTS = {
    # With one record as its goal, librdkafka waits a second (its default) after each before it fetches on.
    "queued.min.messages": 100,
    "fetch.queue.backoff.ms": 1,
    "queued.max.messages.kbytes": 1024,
    "fetch.max.bytes": 1024 * 1024,
    "max.partition.fetch.bytes": 64 * 1024,
    "fetch.wait.max.ms": 50,
    "check.crcs": True,
}
_FIXED = {
    "group.id": "profile-consumer.read-again",  # the library wants one; nothing of it reaches a group
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
}

Found = tuple["TopicPartition", int, "Record | None"]


class _Wish(NamedTuple):
    """Offsets to be read, and since when (CLOCK_MONOTONIC) the first of them does not seem to exist."""

    partition: TopicPartition
    offsets: tuple[int, ...]
    missing_since: float | None = None


class _NotNow(Exception):
    """Not found, this time; `missing` when Kafka said that there is no such thing."""

    def __init__(self, *, missing: bool = False) -> None:
        self.missing = missing


class RecordReader:
    """Takes wishes from one thread, and gives what was found to the same."""

    def __init__(self, connection: Connection, patience: float = PATIENCE) -> None:
        self._connection = connection
        self._patience = patience
        self._wanted: SimpleQueue[_Wish | None] = SimpleQueue()
        self._found: SimpleQueue[Found] = SimpleQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def request(self, wanted: ReadAgain) -> None:
        """Read these offsets, in ascending order; never waits."""
        self._wanted.put(_Wish(wanted.partition, wanted.offsets))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="record-reader", daemon=True)
            self._thread.start()

    def poll(self) -> list[Found]:
        """What was found since the last call, None for a record that has left its topic; never waits.

        Raises:
            RuntimeError: The reader's thread has ended by a fault of its own, which is logged.
        """
        if self._thread is not None and not self._thread.is_alive() and not self._closing.is_set():
            raise RuntimeError("the thread that reads records again has ended")
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
            self._thread.join(2 * ANSWER)

    # -- in the reader's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            wish = self._wanted.get()
            if wish is not None:
                self._serve(wish)

    def _serve(self, first: _Wish) -> None:
        """Read with one consumer until there was nothing to do for a while."""
        config = consumer_config(self._connection, _DEFAULTS, _FIXED)
        consumer = Consumer(config, logger=logging.getLogger("confluent_kafka"), error_cb=lambda _: None)
        wishes = deque([first])
        try:
            while not self._closing.is_set():
                try:
                    if new := self._wanted.get(timeout=0 if wishes else IDLE):
                        wishes.append(new)
                except Empty:
                    if not wishes:
                        return
                if wishes and (rest := self._read(consumer, wishes.popleft())):
                    wishes.append(rest)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, wish: _Wish) -> _Wish | None:
        """Read what can be read now; what is left."""
        position = -1
        missing_since = wish.missing_since
        for number, offset in enumerate(wish.offsets):
            try:
                if position < 0 or not 0 <= offset - position <= FORWARD:
                    consumer.assign([KafkaPartition(*wish.partition, offset)])
                record, position = self._find(consumer, wish.partition, offset)
                missing_since = None
            except (_NotNow, KafkaException) as error:
                now = time.monotonic()
                missing = isinstance(error, _NotNow) and error.missing
                missing_since = (missing_since or now) if missing else None
                if missing_since is None or now - missing_since < self._patience:
                    self._closing.wait(ANSWER / 10)
                    return _Wish(wish.partition, wish.offsets[number:], missing_since)
                record, position = None, -1
            self._found.put((wish.partition, offset, record))
        consumer.unassign()
        return None

    def _find(self, consumer: Consumer, partition: TopicPartition, offset: int) -> tuple[Record | None, int]:
        """The record at an offset, None if it has gone, and the next position, -1 where that is not known.

        Gone is what lies below the beginning of the partition, or is passed over by a later record. The library's word
        that nothing is there proves nothing: it may be about what was asked before.
        """
        while not self._closing.is_set():
            message = consumer.poll(ANSWER)
            if message is None:
                raise _NotNow(missing=not _exists(consumer, partition))
            error = message.error()
            if error is None:
                at = message.offset() or 0
                if at >= offset:
                    return to_record(message) if at == offset else None, at + 1
            elif error.code() in (*kafka_errors.GONE, KafkaError._PARTITION_EOF):  # noqa: SLF001  # its public name
                marks = consumer.get_watermark_offsets(KafkaPartition(*partition), timeout=ANSWER)
                if marks and offset < marks[0]:
                    return None, -1
                raise _NotNow(missing=marks is not None)
            elif message.topic():  # other errors are about the group, which we do not use
                raise _NotNow(missing=error.code() in kafka_errors.MISSING_TOPIC)
        raise _NotNow


def _exists(consumer: Consumer, partition: TopicPartition) -> bool:
    topic = consumer.list_topics(partition.topic, timeout=ANSWER).topics[partition.topic]
    return partition.partition in topic.partitions
