"""What happened, counted where it is decided and read by whoever shows it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Arrival(NamedTuple):
    """One accepted update: how many events it carried, and the time of the newest, in milliseconds since the epoch.

    `identity` is the encoded identity parameter as it was sent.
    """

    events: int
    occurred_at: int
    identity: bytes


class Tally:
    """Counters since the start.

    `records` counts by topic, outcome (delivered, skipped, unmatched, dead_lettered) and index of the mapping, None
    before one was found. `arrivals` is emptied by its reader.
    """

    def __init__(self) -> None:
        self.records: Counter[tuple[str, str, int | None]] = Counter()
        self.arrivals: list[Arrival] = []

    def record(self, topic: str, outcome: str, mapping: int | None, events: int = 1) -> None:
        """Records were resolved."""
        self.records[topic, outcome, mapping] += events
