"""A bad deploy must not empty a topic into dead letters: the share of them among the records read last."""

from __future__ import annotations

from collections import deque

WINDOW = 1000
"""How many records the share is taken of; from as many on it is looked at."""


class DeadLetterShare:
    """Dead letters among the last thousand records that this member read, delivered or not.

    `records` counts those read so far; whoever reads one adds it. What Target refuses long after it was read counts
    among the records read last when it is refused.
    """

    def __init__(self, limit: float) -> None:
        self.records = 0
        self._limit = limit
        self._dead: deque[int] = deque()

    def allows(self) -> bool:
        """Whether one more dead letter stays within the limit."""
        while self._dead and self._dead[0] <= self.records - WINDOW:
            self._dead.popleft()
        return self.records < WINDOW or min(len(self._dead) + 1, WINDOW) / WINDOW <= self._limit

    def died(self) -> None:
        """A record is dead."""
        self._dead.append(self.records)
