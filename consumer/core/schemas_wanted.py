"""Records that wait for the schema they were written with: partition by partition, in order.

The first of a partition is tracked, so its offset holds the commit; those behind it are as if they had not been read.
They are at most what one poll brought, since the partition is paused at once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from consumer.core import backoff
from consumer.core.command import FetchSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from consumer.core.clock import Clocks
    from consumer.core.record import Record, TopicPartition

RETRY_BASE = 1.0
"""Seconds before a schema that could not be had is asked for again, the first time, at most."""

RETRY_MAX = 10.0
"""The same after many times: how late the registry's return may be noticed."""


class SchemaAnswer(NamedTuple):
    """What came of a `FetchSchema`: the schema is there, or `reason` says in words why not."""

    id: int
    reason: str | None = None


class _Fetch:
    """Asking for one schema; `due` is in CLOCK_BOOTTIME seconds, infinite while an answer is awaited."""

    def __init__(self) -> None:
        self.due = 0.0
        self.failures = 0
        self.reason: str | None = None


class SchemasWanted:
    """Which partition waits for which schema, and when it is asked for; `held` is empty when none waits."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self.held: dict[TopicPartition, tuple[int, deque[Record]]] = {}
        self._fetches: dict[int, _Fetch] = {}

    def hold(self, key: TopicPartition, record: Record, schema_id: int) -> None:
        """A partition waits from this record on."""
        self.held[key] = schema_id, deque([record])
        self._fetches.setdefault(schema_id, _Fetch())

    def keep(self, key: TopicPartition, record: Record) -> bool:
        """Keep a record behind those of its partition that wait; False when none does."""
        held = self.held.get(key)
        if held is None:
            return False
        held[1].append(record)
        return True

    def holds(self, key: TopicPartition) -> bool:
        """Whether a partition waits."""
        return key in self.held

    def reason(self, key: TopicPartition) -> str | None:
        """Why a partition waits, in words; None when it does not, or the first answer is still to come."""
        held = self.held.get(key)
        return self._fetches[held[0]].reason if held else None

    def commands(self, now: Clocks) -> list[FetchSchema]:
        """The schemas to ask for now."""
        due = [schema_id for schema_id, fetch in self._fetches.items() if fetch.due <= now.boot]
        for schema_id in due:
            self._fetches[schema_id].due = float("inf")
        return [FetchSchema(schema_id) for schema_id in due]

    def answered(self, answer: SchemaAnswer, now: Clocks) -> list[tuple[TopicPartition, deque[Record]]]:
        """The partitions that wait no longer, with their records; none if the schema could not be had."""
        fetch = self._fetches.get(answer.id)
        if fetch is None:
            return []
        if answer.reason is not None:
            fetch.failures += 1
            fetch.reason = answer.reason
            fetch.due = now.boot + backoff.delay(fetch.failures, RETRY_BASE, RETRY_MAX, self._chance())
            return []
        del self._fetches[answer.id]
        free = [(key, records) for key, (schema_id, records) in self.held.items() if schema_id == answer.id]
        for key, _ in free:
            del self.held[key]
        return free

    def drop(self, keys: Collection[TopicPartition]) -> None:
        """These partitions are no longer ours; what nobody waits for is not asked for again."""
        for key in keys:
            self.held.pop(key, None)
        wanted = {schema_id for schema_id, _ in self.held.values()}
        self._fetches = {schema_id: fetch for schema_id, fetch in self._fetches.items() if schema_id in wanted}
