"""A bad deploy must not empty a topic into dead letters: the share of them among the records read last."""

from __future__ import annotations

WINDOW = 1000
"""How many records the share is taken of; from as many on it is looked at."""


class DeadLetterShare:
    """Dead letters among the last thousand records that this member read, delivered or not.

    A record counts when it is read; one that Target refuses later is counted in place of the oldest record that still
    counts as good.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._window = bytearray()
        self._at = 0
        self._dead = 0

    def read(self) -> None:
        """A record was read; it counts as good until it proves to be dead."""
        if len(self._window) < WINDOW:
            self._window.append(0)
            return
        self._dead -= self._window[self._at]
        self._window[self._at] = 0
        self._at = (self._at + 1) % WINDOW

    def allows(self) -> bool:
        """Whether one more dead letter stays within the limit."""
        return len(self._window) < WINDOW or (self._dead + 1) / WINDOW <= self._limit

    def died(self, *, just_read: bool) -> None:
        """A record is dead: the one just read, or an older one."""
        place = self._at - 1 if just_read and len(self._window) == WINDOW else len(self._window) - 1
        if not just_read:
            place = self._window.find(0, self._at)
            place = self._window.find(0) if place < 0 else place
        if not self._window[place]:
            self._window[place] = 1
            self._dead += 1
