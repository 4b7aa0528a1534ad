"""The quota ledger for a command: reads it, takes from it for a job outside, and waits for the answers."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException

from consumer.adapters import kafka_errors, ledger_topic
from consumer.adapters.kafka_errors import Place
from consumer.adapters.kafka_lookup import EARLIEST, LATEST, Lookup, at_time
from consumer.adapters.ledger_log import LedgerLog, Report
from consumer.adapters.question import Question
from consumer.core.ledger import Close, Ledger, Take
from consumer.core.record import TopicPartition
from consumer.core.shared_quota import certain, start_time
from consumer.errors import KafkaFailed, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from consumer.adapters.kafka_config import Connection
    from consumer.adapters.ledger_log import Row
    from consumer.adapters.ledger_topic import LedgerTopic
    from consumer.core.clock import Clocks
    from consumer.core.lease import Terms

PATIENCE = 15.0
"""Seconds without an answer, or without one record more, after which Kafka counts as away."""

T = TypeVar("T")


class View(NamedTuple):
    """The ledger as it stands at `now` (epoch seconds); `jobs` are the takes with a note that count."""

    ledger: Ledger
    jobs: list[Take]
    now: float


class Taken(NamedTuple):
    """A take for a job outside: granted if it is within the limit, else `free_at` is when so many will be free."""

    take: Take
    granted: bool
    left: int
    free_at: float


class LedgerClient:
    """Talks with the ledger; a context manager.

    Every method raises `KafkaFailed` when Kafka does not answer or refuses, with what to do.
    """

    def __init__(self, connection: Connection, topic: LedgerTopic, clocks: Callable[[], Clocks]) -> None:
        self.lookup = Lookup(connection)
        self._connection = connection
        self._topic = topic
        self._clocks = clocks
        self._partition = TopicPartition(topic.name, 0)
        self._place = Place(connection.bootstrap_servers, topic=topic.name)

    def ask(self, steps: Generator[None, None, T]) -> T:
        """Wait for the answer to a question of `kafka_lookup`."""
        end, question = time.monotonic() + PATIENCE, Question(steps)
        try:
            while time.monotonic() < end:
                for answer in question.answers():
                    return answer
                self.lookup.serve()
                time.sleep(0.002)
        except KafkaException as error:
            raise KafkaFailed(kafka_errors.sentence(kafka_errors.cause(error), self._place)) from None
        except Stopped as stopped:
            raise KafkaFailed(str(stopped)) from None
        raise KafkaFailed(kafka_errors.sentence(KafkaError(KafkaError._TIMED_OUT), self._place))  # noqa: SLF001  # its public name

    def exists(self) -> bool:
        """Whether there is a ledger."""
        return self.ask(self.lookup.replicas(self._topic.name)) is not None

    def create(self) -> None:
        """Create the ledger; whoever asks has said that what was called before is unknown."""
        self.ask(ledger_topic.create(self.lookup, self._topic))

    def check(self) -> None:
        """Raise `LedgerInvalid` if the topic is not as it must be."""
        self.ask(ledger_topic.check(self.lookup, self._topic))

    def read(self, terms: Terms) -> View:
        """All that counts now by this machine's clock; writes nothing."""
        now = self._clocks()
        end = self._offset(LATEST)
        log = LedgerLog(self._connection, self._topic.name)
        try:
            ledger, jobs = Ledger(terms.window), dict[str, Take]()
            if end > self._offset(EARLIEST):
                newest = list(self._rows(log, end - 1, end))[-1].time
                start = self._offset(at_time(max(0, int(start_time(terms, newest, now.wall) * 1000))))
                for row in self._rows(log, start, end):
                    _count(row, ledger, jobs)
        finally:
            log.close(0)
        ledger.forget(now.wall)
        counting = [job for job in jobs.values() if job.at + job.life + terms.window >= now.wall]
        return View(ledger, counting, now.wall)

    def take(self, terms: Terms, calls: int, seconds: float, note: str) -> Taken:
        """Take so many calls for use within so many seconds, by the same rules as everybody."""
        now = self._clocks()
        name = f"job.{uuid.uuid4().hex[:12]}"
        take = Take(name, name, calls, seconds, now.wall, note=note)
        log = LedgerLog(self._connection, self._topic.name)
        try:
            report = self._append(log, take)
            start = self._offset(at_time(max(0, int(start_time(terms, report.time, now.wall) * 1000))))
            ledger = Ledger(terms.window)
            for row in self._rows(log, start, report.offset + 1):
                _count(row, ledger, {})
            at = certain(report.time, self._clocks())
            left = terms.limit - ledger.used(at)
            if left >= 0:
                return Taken(take, granted=True, left=left, free_at=at)
            self._append(log, Close(name, 0))
            ledger.read(Close(name, 0), report.time)
            ledger.forget(at)
            return Taken(take, granted=False, left=left + calls, free_at=ledger.free_at(terms.limit - calls + 1))
        finally:
            log.close(0)

    def _append(self, log: LedgerLog, entry: Take | Close) -> Report:
        log.append(entry)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for report in log.reports():
                if report.error is not None:
                    raise KafkaFailed(self._sentence(report.error))
                return report
            time.sleep(0.002)
        raise KafkaFailed(
            f"Kafka does not acknowledge: if it wrote the record all the same, its calls count until they age out; "
            f"see `profile-consumer quota` ({self._connection.bootstrap_servers})"
        )

    def _rows(self, log: LedgerLog, start: int, end: int) -> Iterator[Row]:
        log.read_from(start)
        position, patient_until = start, time.monotonic() + PATIENCE
        while position < end:
            rows, error = log.read()
            for row in rows:
                if row.offset < end:
                    yield row
                position = row.offset + 1
            if error is not None:
                raise KafkaFailed(self._sentence(error))
            if rows:
                patient_until = time.monotonic() + PATIENCE
            elif time.monotonic() > patient_until:
                raise KafkaFailed(self._sentence(KafkaError(KafkaError._TIMED_OUT)))  # noqa: SLF001  # its public name
            else:
                time.sleep(0.002)

    def _offset(self, spec: object) -> int:
        return self.ask(self.lookup.offsets({self._partition: spec}))[self._partition]  # type: ignore[dict-item]  # an OffsetSpec

    def _sentence(self, error: KafkaError) -> str:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return ledger_topic.refused(self._topic)
        return kafka_errors.sentence(error, self._place)


def _count(row: Row, ledger: Ledger, jobs: dict[str, Take]) -> None:
    if row.entry is None:
        return
    ledger.read(row.entry, row.time)
    if isinstance(row.entry, Close):
        jobs.pop(row.entry.lease, None)
    elif row.entry.note is not None:
        jobs[row.entry.lease] = row.entry
