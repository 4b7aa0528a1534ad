"""Slower instead of stopped: while more lanes appear than the quota can send, calls are spread over the window.

Lanes that wait merge, so the same calls carry more events. Without pacing the quota is spent in bursts and everything
waits for hours in between (trial at 4.3 times the quota: blocked 77 % of the time and 3.5 events a call, against never
and 4.3).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.lease import Terms
    from consumer.core.ledger import Ledger

_STEPS = 96
_REVIEWS = 1440
_DEMAND = 24
_OVERDUE = 0.005
"""Seconds to wait for a review that is due: until it is made, nobody may go faster."""
_UNTIL = 0.9
"""Paced, as many lanes are created as are sent: only clearly fewer end it, or it would go on and off for ever."""


class Backlog(NamedTuple):
    """What the engine has: lanes that wait for a call, and how many lanes were created since the start."""

    waiting: int = 0
    created: int = 0


class Pacing:
    """The rate at which this instance may call, reviewed every window ÷ 1440.

    `rate` is in calls a second, None while nothing is delayed: while half of the limit is left, or while no more lanes
    appear than this instance's share of the quota can send.
    """

    def __init__(self, terms: Terms) -> None:
        self.rate: float | None = None
        self._terms = terms
        self._reviewed = -math.inf
        self._created: deque[tuple[float, int]] = deque()
        self._tokens = 1.0
        self._counted = 0.0

    def wait(self, boot: float) -> float:
        """Seconds until the next call may leave; 0 when it may leave now."""
        if self.rate is None:
            return 0.0
        self._count(boot)
        if self._tokens >= 1.0:
            return 0.0
        until_review = max(_OVERDUE, self._reviewed + self._interval - boot)
        return min(until_review, (1.0 - self._tokens) / self.rate) if self.rate else until_review

    def spent(self) -> None:
        """A call has left."""
        self._tokens -= 1.0

    def due(self, boot: float) -> bool:
        """Whether it is time for a review."""
        return boot - self._reviewed >= self._interval

    def review(self, boot: float, now: float, ledger: Ledger, backlog: Backlog, others: Sequence[int]) -> None:
        """Decide anew, at the ledger's time `now`; `others` are the lanes that other instances have waiting."""
        self._reviewed = boot
        self._count(boot)
        demand = self._demand(boot, backlog)
        left = self._terms.limit - ledger.used(now)
        rate = None
        if left < self._terms.limit / 2:
            share = self._share(self._sustainable(now, left, ledger), backlog.waiting, others)
            enough = share if self.rate is None else share * _UNTIL
            rate = share if demand > enough else None
        if rate is not None and self.rate is None:
            self._tokens = 1.0
        self.rate = rate

    @property
    def _interval(self) -> float:
        return self._terms.window / _REVIEWS

    def _count(self, boot: float) -> None:
        # What could not be sent in time, for want of a lease, may follow: at most one lease of it. Without the one call
        # more, a twelfth of the quota was lost where a lease holds one call, by the time that taking it needs.
        if self.rate is not None:
            most = 1.0 + self.rate * self._terms.lease
            self._tokens = min(most, self._tokens + self.rate * (boot - self._counted))
        self._counted = boot

    def _demand(self, boot: float, backlog: Backlog) -> float:
        """Lanes a second, over an hour of the day's 24 even when it was started later: created, or waiting if more.

        Over the time since the start, the first seconds of a restart with a backlog would look like a flood. By the
        created ones alone, pacing would switch itself off: what waits merges, and then as many are created as are sent.
        """
        period = self._terms.window / _DEMAND
        if not self._created:
            self._created.append((boot, 0))
        while len(self._created) > 1 and self._created[1][0] <= boot - period:
            self._created.popleft()
        self._created.append((boot, backlog.created))
        return max(backlog.created - self._created[0][1], backlog.waiting) / period

    def _sustainable(self, now: float, left: int, ledger: Ledger) -> float:
        """Calls a second that never run out within a window: what is left, and what comes free until then."""
        step = self._terms.window / _STEPS
        spans = [step * i for i in range(1, _STEPS + 1)]
        freed = ledger.freed([now + span for span in spans])
        return max(0.0, min((left + count) / span for count, span in zip(freed, spans, strict=True)))

    def _share(self, rate: float, waiting: int, others: Sequence[int]) -> float:
        """By the lanes that wait, so that they all wait equally long; but a call in each lease for everyone."""
        mine = max(1, waiting)
        return max(rate * mine / (mine + sum(others)), min(rate / (1 + len(others)), 1 / self._terms.lease))
