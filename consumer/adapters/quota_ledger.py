"""Connects the quota with its ledger: hands records in and out, and says when it can't go on.

It has clients of its own, and the Kafka thread takes it a step further at each turn; nothing waits for an answer. As
long as the ledger is not found, read and answering, the quota gives no call.

    find the topic ─► append a probe ─► read what may count, up to the probe ─► open
    open: read, append what the quota says, until `close`
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaError, KafkaException

from consumer.adapters import kafka_errors, ledger_topic
from consumer.adapters.kafka_errors import Place
from consumer.adapters.kafka_lookup import Lookup, at_time
from consumer.adapters.ledger_log import LedgerLog, Report, Row
from consumer.adapters.logs import Repeats
from consumer.adapters.question import Question
from consumer.core.ledger import Ledger, Take
from consumer.core.record import TopicPartition
from consumer.errors import KafkaFailed, LedgerInvalid, ProfileConsumerError, Stopped

if TYPE_CHECKING:
    from collections.abc import Generator

    from consumer.adapters.kafka_config import Connection
    from consumer.adapters.ledger_topic import LedgerTopic
    from consumer.core.clock import Clocks
    from consumer.core.ledger import Entry
    from consumer.core.shared_quota import SharedQuota

log = structlog.get_logger()

AGAIN = 1.0
"""Seconds until something is tried again that Kafka refused or did not answer."""

TURN_EVERY = 0.002
"""Seconds between two steps, about what Kafka takes to answer: a fast loop turns ten times in it."""

PROBE_SECONDS = 10.0
"""Seconds after which a probe that was not acknowledged is sent anew."""


class NoLedger:
    """The quota is switched off: there is nothing to connect."""

    stands = True
    settled = True
    asking = False

    def turn(self, now: Clocks) -> None:
        """Nothing to read or append."""

    def release(self, now: Clocks) -> None:
        """Nothing was taken."""

    def raise_if_stopped(self) -> None:
        """It never must."""

    def close(self, seconds: float) -> None:
        """Nothing is open."""


class QuotaLedger:
    """Runs a `SharedQuota` on the ledger topic; used by one thread.

    `stands`: the topic is there as it must be. `settled`: all that was appended is acknowledged.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(
        self, connection: Connection, lookup: Lookup, topic: LedgerTopic, group_id: str, quota: SharedQuota
    ) -> None:
        self.stands = False
        self._topic = topic
        self._group_id = group_id
        self._quota = quota
        self._place = Place(connection.bootstrap_servers, group_id, topic.name)
        self._lookup = lookup
        self._log = LedgerLog(connection, topic.name)
        self._repeats = Repeats()
        self._question = Question(self._open())
        self._next = 0.0
        self._ledger: Ledger | None = None
        self._probe: Take | None = None
        self._probed: Report | None = None
        self._opened = False
        self._again: list[Entry] = []
        self._end = -1
        self._failure: ProfileConsumerError | None = None
        self._ended = False
        self._now: Clocks
        self._turned = 0.0

    @property
    def asking(self) -> bool:
        """Whether an answer is awaited: the loop should turn quickly."""
        return not self._ended and (self._question.open or self._ledger is not None)

    @property
    def settled(self) -> bool:
        """Whether all that was to be appended is acknowledged; true while the ledger was never opened."""
        return not self._opened or self._ended or not (self._again or self._log.unacknowledged)

    def raise_if_stopped(self) -> None:
        """Say, once, why the service must stop.

        Raises:
            LedgerInvalid: The topic has other settings than it must have.
            Stopped: It is missing, it was deleted, or it can't be read.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def turn(self, now: Clocks) -> None:
        """Go a step further; never waits and never raises. Called more often than it is worth, it does nothing."""
        if self._ended or 0 <= now.boot - self._turned < TURN_EVERY:
            return
        self._now, self._turned = now, now.boot
        self._lookup.serve()
        self._acknowledge()
        self._ask()
        if self._ledger is not None or self._opened:
            self._read()
        if self._opened:
            self._append()

    def release(self, now: Clocks) -> None:
        """Give back the calls that were taken and not made; `settled` tells when it is written."""
        self._quota.release()
        self._turned = 0.0
        self.turn(now)

    def close(self, seconds: float) -> None:
        """Wait at most so long for what is being written."""
        self._log.close(seconds)

    # -- finding and opening it ----------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Take the question that is open a step further."""
        now = time.monotonic()
        if now < self._next:
            return
        try:
            self._question.answers()
        except (KafkaException, KafkaFailed) as error:
            if isinstance(error, KafkaFailed):
                self._tell("refused", str(error))
            else:
                self._unavailable(kafka_errors.cause(error))
            self._next = now + AGAIN
            if not self._opened:
                self._question.ask(self._open())
        except (LedgerInvalid, Stopped) as failure:
            self._stop(failure)

    def _open(self) -> Generator[None, None, None]:
        self._ledger, self._probed = None, None
        yield from ledger_topic.find(self._lookup, self._topic, self._group_id)
        self.stands = True
        began = self._now.boot
        self._probe = self._quota.probe(self._now)
        self._log.append(self._probe)
        while self._probed is None and self._now.boot - began < PROBE_SECONDS:
            yield
        if self._probed is None or self._probed.error is not None:
            error = self._probed and self._probed.error
            raise KafkaException(error or KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001  # its public name
        start = self._quota.start_time(self._probed.time, self._now)
        partition = TopicPartition(self._topic.name, 0)
        offsets = yield from self._lookup.offsets({partition: at_time(max(0, int(start * 1000)))})
        self._ledger = Ledger(self._topic.window)
        self._log.read_from(offsets[partition])

    def _opening(self, ledger: Ledger, probe: Report, rows: list[Row]) -> list[Row]:
        """Read up to the probe; the rows behind it."""
        for number, row in enumerate(rows):
            if row.entry is not None:
                ledger.read(row.entry, row.time)
            if row.offset >= probe.offset:
                self._ledger, self._opened = None, True
                self._quota.opened(ledger, probe.time, self._now)
                used = self._quota.usage(self._now).used
                log.info("quota_ledger_opened", topic=self._topic.name, calls=used)
                return rows[number + 1 :]
        return []

    # -- every turn ----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        rows, error = self._log.read()
        if self._ledger is not None and self._probed is not None:
            rows = self._opening(self._ledger, self._probed, rows)
        for row in rows:
            if row.entry is not None:
                self._quota.read(row.entry, row.time, self._now)
        if error is not None:
            self._failed(error)

    def _append(self) -> None:
        for entry in self._quota.turn(self._now):
            if isinstance(entry, Take) and self._quota.owes(entry):
                log.warning("quota_booked_again", calls=entry.take)
            self._log.append(entry)
        if self._again and time.monotonic() >= self._next:
            again, self._again = self._again, []
            for entry in again:
                self._log.append(entry)

    def _acknowledge(self) -> None:
        for report in self._log.reports():
            if report.entry is self._probe:
                self._probed = report
            if report.error is not None:
                if self._quota.owes(report.entry):
                    self._again.append(report.entry)
                    self._next = time.monotonic() + AGAIN
                self._failed(report.error)
            elif report.offset <= self._end:
                self._stop(Stopped(f"the quota ledger {self._topic.name} was deleted and made anew: start again"))
            else:
                self._end = report.offset

    def _failed(self, error: KafkaError) -> None:
        """Kafka did not take or give a record."""
        code = error.code()
        if code in kafka_errors.MISSING_TOPIC:
            if self._opened and not self._question.open:
                self._question.ask(self._confirm())
        elif code in kafka_errors.GONE or code in kafka_errors.CORRUPT:
            self._stop(
                Stopped(
                    f"the quota ledger {self._topic.name} can't be read on ({error.name()}: {error.str()}): start "
                    "again, which reads all that still counts"
                )
            )
        else:
            self._unavailable(error)

    def _confirm(self) -> Generator[None, None, None]:
        """It seems to be gone; if it stays so, its calls can't be known any more."""
        if (yield from ledger_topic.missing(self._lookup, self._topic)):
            raise Stopped(
                f"the quota ledger {self._topic.name} was deleted: how many calls were made is unknown. Find out by "
                "whom; then run `profile-consumer quota init` to begin a new one"
            )

    def _unavailable(self, error: KafkaError) -> None:
        refused = error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        message = ledger_topic.refused(self._topic) if refused else kafka_errors.sentence(error, self._place)
        self._tell(error.name(), message)

    def _tell(self, error: str, message: str) -> None:
        suppressed = self._repeats.admit(error, time.monotonic())
        if suppressed is not None:
            log.warning(
                "quota_ledger_unavailable", topic=self._topic.name, error=error, message=message, suppressed=suppressed
            )

    def _stop(self, failure: ProfileConsumerError) -> None:
        if not self._ended:
            self._failure, self._ended = failure, True
