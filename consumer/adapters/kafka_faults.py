"""What goes wrong while the group's consumer is used, sorted by what it means for us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError

from consumer.adapters import kafka_errors
from consumer.core.record import TopicPartition
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from consumer.adapters.kafka_health import KafkaHealth
    from consumer.adapters.out_of_range import OutOfRange


class Faults:
    """Passes each fault on: what may pass to the health, an offset that is gone to its policy, the rest stops us.

    Nothing is raised but by `raise_if_stopped`: an exception in a callback would make the library drop records that it
    was about to return.
    """

    def __init__(
        self, health: KafkaHealth, out_of_range: OutOfRange, finished: Callable[[TopicPartition, int], None]
    ) -> None:
        self._health = health
        self._out_of_range = out_of_range
        self._finished = finished
        self._reason: str | None = None

    def stop(self, reason: str) -> None:
        """We can't go on; the first reason counts."""
        if self._reason is None:
            self._reason = reason

    def raise_if_stopped(self) -> None:
        """Raise `Stopped`, once: the loop still has to end in order."""
        if self._reason:
            reason, self._reason = self._reason, ""
            raise Stopped(reason)

    def reported(self, error: KafkaError, now: float) -> None:
        """What the library said about its connections, or about our membership."""
        if _fatal(error):
            self._end(error)
        else:
            self._health.reported(error, now)

    def failed(self, error: KafkaError, now: float, topic: str | None = None) -> None:
        """Kafka did not do what we asked, and will be asked again."""
        code = error.code()
        if code in kafka_errors.MISSING_TOPIC:
            if topic:
                self._health.missing(self._health.missing_topics | {topic}, now)
        elif code != KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001  # its public name
            # Too long without a poll is told by `lost`; the next poll joins again.
            self._health.failed(error, now, topic)

    def message(self, error: KafkaError, message: Message, now: float) -> None:
        """An error in place of a record."""
        key = TopicPartition(message.topic() or "", message.partition() or 0)
        if _fatal(error):
            self._end(error)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            self._finished(key, message.offset() or 0)
        elif error.code() in kafka_errors.GONE:
            self._out_of_range.add(key, message.offset() or 0)
        elif error.code() in kafka_errors.CORRUPT:
            self.stop(
                f"the records of {key.topic}[{key.partition}] from offset {message.offset()} on can't be read "
                f"({error.name()}: {error.str()}): going on would lose them"
            )
        else:
            self.failed(error, now, message.topic())

    def _end(self, error: KafkaError) -> None:
        self.stop(f"Kafka has ended our membership of the group for good: {error.str()}")


def _fatal(error: KafkaError) -> bool:
    """In place of a record, the library gives a fatal error without its mark."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  # its public name
