"""A Kafka record as the core sees it."""

from __future__ import annotations

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Record(NamedTuple):
    """One record; `timestamp` is in integer milliseconds since the epoch (0 when Kafka has none).

    Headers keep their order and their repetitions; their values are bytes or None.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
