"""Whether Kafka serves us, and if not, why: from what its library reports, and from a question asked now and then.

The library reports a broken connection at once, but says nothing when things are well again, and nothing for a minute
when a broker hangs. So a question that only a working Kafka answers decides in the end: can we see the topics and the
group, and may we use them?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException

from consumer.adapters import kafka_errors
from consumer.adapters.logs import Repeats
from consumer.adapters.question import Question
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from consumer.adapters.kafka_errors import Place
    from consumer.adapters.kafka_lookup import Lookup

log = structlog.get_logger()

PROBE_EVERY = 10.0
"""Seconds between two questions while all is well: `/readyz` says no after 30 s without Kafka."""

PROBE_AGAIN = 2.0
"""Seconds between two questions while something is wrong."""

SPOKEN_SECONDS = 30.0
"""Seconds for which a cause that the library named explains what follows."""

_SPEAKING = (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE)  # noqa: SLF001  # librdkafka's own codes
"""What explains why all brokers count as down; it comes before."""

_SILENT = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT)  # noqa: SLF001  # as above
"""What says only that there was no answer; what was spoken of shortly before explains it."""


class Trouble(NamedTuple):
    """Why Kafka does not serve us: a sentence that says what to check. `since` is in seconds of CLOCK_MONOTONIC.

    `refused`: Kafka answers, and says no to our credentials or rights.
    """

    since: float
    reason: str
    refused: bool = False


class KafkaHealth:
    """Keeps `trouble` and `missing_topics`. Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, lookup: Lookup, place: Place, topics: Sequence[str], now: float) -> None:
        self._lookup = lookup
        self._place = place
        self._topics = tuple(topics)
        self._question: Question[None] = Question()
        self._next = now + PROBE_EVERY
        self._signal = now
        self._spoken: tuple[KafkaError | None, float] = None, now
        self._unreadable: set[str] = set()
        self._repeats = Repeats()
        self.trouble: Trouble | None = None
        self.missing_topics: frozenset[str] = frozenset()

    def reported(self, error: KafkaError, now: float) -> None:
        """What the library told about its connections. One broken connection alone is no trouble: it has others."""
        code = error.code()
        if code in _SPEAKING or kafka_errors.certificate_refused(error):
            self._spoken = error, now
        elif code == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # as above
            self.failed(error, now)

    def failed(self, error: KafkaError, now: float, topic: str | None = None, since: float | None = None) -> None:
        """Kafka did not do what we asked, `since` a time that may lie before `now`."""
        self._signal = now
        self._next = min(self._next, now + PROBE_AGAIN)
        spoken, when = self._spoken
        if spoken and now - when < SPOKEN_SECONDS and error.code() in _SILENT:
            error = spoken
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED and topic:
            self._unreadable.add(topic)
        refused = kafka_errors.refused(error)
        reason = kafka_errors.sentence(error, self._place._replace(topic=topic))
        before, self.trouble = self.trouble, Trouble(now if since is None else since, reason, refused)
        if before is not None:
            self.trouble = self.trouble._replace(since=before.since)
            if before.reason == reason:
                return
        suppressed = self._repeats.admit((refused, reason), now)
        if suppressed is None:
            return
        if refused:
            log.error("kafka_refuses_credentials", error=error.name(), message=reason, suppressed=suppressed)
        else:
            log.warning("kafka_unreachable", error=error.name(), message=reason, suppressed=suppressed)

    def missing(self, topics: frozenset[str], now: float) -> None:
        """These topics were not there when we looked last."""
        for topic in sorted(topics - self.missing_topics):
            if (suppressed := self._repeats.admit(("missing", topic), now)) is not None:
                log.warning("topic_missing", topic=topic, suppressed=suppressed)
        for topic in sorted(self.missing_topics - topics):
            log.info("topic_found", topic=topic)
        self.missing_topics = topics
        if topics:
            self._next = min(self._next, now + PROBE_AGAIN)

    def turn(self, now: float) -> None:
        """Ask, when it is time to, and take in what the answer is."""
        if not self._question.open:
            if now < self._next:
                return
            self._question.ask(self._ask(now))
        try:
            self._question.answers()
        except KafkaException as error:
            self.failed(kafka_errors.cause(error), now, since=self._next)
        if not self._question.open:
            self._next = now + (PROBE_AGAIN if self.trouble or self.missing_topics else PROBE_EVERY)

    def _ask(self, began: float) -> Generator[None, None, None]:
        counts = yield from self._lookup.partitions(self._topics)
        absent = {topic for topic, count in counts.items() if _is(count, kafka_errors.MISSING_TOPIC)}
        self.missing(frozenset(absent), began)
        for topic, count in counts.items():
            if isinstance(count, KafkaError) and topic not in absent:
                self._unreadable.discard(topic)
                self.failed(count, began, topic)
                return
        there = [topic for topic in counts if topic not in absent]
        if there:
            yield from self._lookup.committed(self._place.group_id, [TopicPartition(there[0], 0)])
        for topic in sorted(self._unreadable.intersection(there)):
            if not (yield from self._lookup.readable(topic)):
                self.failed(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), began, topic)
                return
            self._unreadable.discard(topic)
        self._well(began)

    def _well(self, began: float) -> None:
        if self.trouble is None or self._signal > began:
            return
        log.info("kafka_reachable", seconds=round(began - self.trouble.since, 3))
        self.trouble = None


def _is(count: int | KafkaError, codes: frozenset[int]) -> bool:
    return isinstance(count, KafkaError) and count.code() in codes
