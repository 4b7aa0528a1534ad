"""Stands in for Target and the dead-letter topic: logs what would be done, and says that it was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.core.acknowledgement import DeadLetterReport
from consumer.core.outcome import Completed, Delivered
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.adapters.logs import IdentityHasher
    from consumer.core.command import DeadLetter, Send

log = structlog.get_logger()


class DryCalls:
    """Makes no call."""

    def __init__(self, hasher: IdentityHasher) -> None:
        self._hasher = hasher
        self._completed: list[Completed] = []

    def submit(self, sends: Sequence[Send], at: float) -> None:  # noqa: ARG002  # no call could be too late
        """Log the names of the attributes that would be sent; never their values."""
        for send in sends:
            names = [pair.partition(b"=")[0].decode() for pair in send.attributes.split(b"&")]
            log.info("would_send", identity=self._hasher(send.identity), attributes=names)
            self._completed.append(Completed(send.number, Delivered(0), 0.0))

    def completed(self, timeout: float) -> list[Completed]:  # noqa: ARG002  # nothing to wait for
        """All calls submitted, as delivered."""
        completed, self._completed = self._completed, []
        return completed

    def close(self, seconds: float) -> None:
        """Nothing is in flight."""


class DryDeadLetters:
    """Writes no dead letter."""

    def __init__(self, mappings: Sequence[str]) -> None:
        self._mappings = mappings
        self._reports: list[DeadLetterReport] = []

    def write(self, dead_letter: DeadLetter) -> None:
        """Log where the record lies and why it would become a dead letter."""
        record, (stage, reason, detail, mapping) = dead_letter.record, dead_letter.rejection
        log.warning(
            "would_dead_letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=stage,
            reason=reason,
            mapping=None if mapping is None else self._mappings[mapping],
            message=detail,
        )
        place = TopicPartition(record.topic, record.partition)
        self._reports.append(DeadLetterReport(place, record.offset, dead_letter.generation))

    def reports(self) -> list[DeadLetterReport]:
        """All of them, as written."""
        reports, self._reports = self._reports, []
        return reports

    def close(self, seconds: float) -> None:
        """Nothing is being written."""
