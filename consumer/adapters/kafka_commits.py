"""Commits on their way: never waited for, one request at a time, each answered as a result.

Two requests under way could overtake each other when a broker hangs and they are tried again; the older one would then
take the committed offset back. So what is to be committed while a request is under way waits for its answer, and only
the newest of each partition is sent then.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.core.acknowledgement import CommitResult
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from confluent_kafka import Consumer, KafkaError

    from consumer.core.partition import Commit

    Errors = dict[TopicPartition, KafkaError | None]
    Key = frozenset[tuple[str, int, int, str]]


class Commits:
    """Hands offsets to the group's consumer; `answered` is to be its `on_commit`."""

    def __init__(self) -> None:
        self._under_way: dict[Key, deque[Callable[[Errors], None]]] = {}
        self._waiting: dict[TopicPartition, Commit] = {}
        self._results: list[CommitResult] = []

    def add(self, commits: Iterable[Commit]) -> None:
        """To be sent as soon as no other request is under way; the newer commit of a partition replaces the older."""
        self._waiting.update((commit.partition, commit) for commit in commits)

    def send(self, consumer: Consumer, *, at_once: bool = False) -> None:
        """Send what waits, `at_once` even though a request is under way."""
        if self._waiting and (at_once or not self._under_way):
            commits, self._waiting = list(self._waiting.values()), {}
            self._send(consumer, commits)

    def _send(self, consumer: Consumer, commits: list[Commit]) -> None:
        def then(errors: Errors) -> None:
            codes = {error.code() for error in errors.values() if error}
            if len(commits) > 1 and not codes.isdisjoint(kafka_errors.METADATA_TOO_LARGE):
                # The library says so of all partitions, though the broker took the others: ask for each alone.
                for commit in commits:
                    self._send(consumer, [commit])
            else:
                self._results += [_result(commit, errors[commit.partition]) for commit in commits]

        offsets = [KafkaPartition(*commit.partition, commit.offset, commit.metadata) for commit in commits]
        self.request(consumer, offsets, then)

    def request(self, consumer: Consumer, offsets: list[KafkaPartition], then: Callable[[Errors], None]) -> None:
        """Send one request; `then` is called with each partition's error, or None where Kafka took the offset."""
        self._under_way.setdefault(_key(offsets), deque()).append(then)
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self.answered(kafka_errors.cause(error), offsets)

    def answered(self, error: KafkaError | None, offsets: Sequence[KafkaPartition]) -> None:
        """Kafka's answer. `error` counts for all partitions, unless some have one of their own."""
        key = _key(offsets)
        requests = self._under_way[key]
        then = requests.popleft()
        if not requests:
            del self._under_way[key]
        single = any(part.error for part in offsets)
        then({TopicPartition(part.topic, part.partition): part.error if single else error for part in offsets})

    def refused(self, commit: Commit) -> None:
        """The partition is no longer ours."""
        self._results.append(CommitResult(commit, error="the partition is no longer ours", fenced=True))

    def results(self) -> list[CommitResult]:
        """What was answered since the last call."""
        results, self._results = self._results, []
        return results


def _key(offsets: Sequence[KafkaPartition]) -> Key:
    """The library gives the offsets back in an order of its own."""
    return frozenset((part.topic, part.partition, part.offset, part.metadata or "") for part in offsets)


def _result(commit: Commit, error: KafkaError | None) -> CommitResult:
    if error is None:
        return CommitResult(commit)
    code = error.code()
    fenced, too_large = code in kafka_errors.FENCED, code in kafka_errors.METADATA_TOO_LARGE
    return CommitResult(commit, error.name(), not fenced and not too_large, fenced, too_large)
