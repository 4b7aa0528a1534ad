"""Learns from what the other side refuses how many calls it allows, in a second and at once.

The rate has three phases:

free ── the first refusal stops everything, once, for as long as the other side asks ──▶ ramp, from the calls accepted
    in the last second, half as many again every half second
ramp ── the next refusal ──▶ hold, at a little less than what was accepted since the stop
hold ── a refusal ──▶ hold, lower · eight seconds without one: higher, by steps that grow, until the next refusal

Later refusals no longer stop everything, unless nothing at all is accepted any more: then it starts anew. Calls that
left before the last decision are not heard: a burst that is refused together counts once.

Against four kinds of limiter (token buckets deep and shallow, windows of a second, sliding seconds) at 20, 200 and
2,000 a second this had at least 94 % of what was allowed accepted, and at most 2 % of the calls refused.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum, auto
from typing import Final, NamedTuple

from consumer.core.concurrency import Concurrency

_MEASURED: Final = 1.0
"""Seconds over which accepted calls are counted."""
_MEASURED_LEAST: Final = 0.4
_COUNTED_LEAST: Final = 4
"""Over less time, or with fewer calls, a count says too little: the rate is then lowered without one."""
_BACK: Final = 0.96
_BACK_BLINDLY: Final = 0.9
_RAMP: Final = 1.5
_RAMP_EVERY: Final = 0.5
_HOLD: Final = 8.0
_GROW_EVERY: Final = 1.0
_FIRST_STEP: Final = 0.01
_STEP_GROWTH: Final = 1.5
_LONGEST_STEP: Final = 0.5
_DECIDE_EVERY: Final = 0.3
_CATCH_UP: Final = 0.05
"""Seconds of the rate that a late caller may make up for."""
_SLOWEST: Final = 0.5
_FASTEST: Final = 1e6
_FIRST_STOP: Final = 1.0
_DEAD_AFTER: Final = 1.5
_DEAD_REFUSALS: Final = 3
"""Nothing accepted for so long, and so many refused in a row: not a limit but an outage."""


class _Phase(Enum):
    FREE = auto()
    RAMP = auto()
    HOLD = auto()


class Ticket(NamedTuple):
    """When a call left, and how many were under way then, itself included."""

    at: float
    level: int


class Throttle:
    """Every call that `sent` announced must end in exactly one of `accepted`, `refused` or `ended`, with its ticket.

    All times are seconds on one clock that never goes back. `longest_stop` bounds what the other side may ask for.
    """

    def __init__(self, longest_stop: float) -> None:
        self.rate = math.inf
        self._longest_stop = longest_stop
        self._phase = _Phase.FREE
        self._concurrency = Concurrency()
        self._in_flight = 0
        self._next = self._resume = self._decided = self._grown = self._good = -math.inf
        self._step = _FIRST_STEP
        self._stop = _FIRST_STOP
        self._refusals = 0
        self._accepted: deque[float] = deque()

    @property
    def at_once(self) -> float:
        """Calls allowed at once; infinite while no limit shows."""
        return self._concurrency.limit

    def access(self, now: float) -> float:
        """Seconds to wait before the next call: 0 when it may leave now, infinite until another one has ended."""
        if self._in_flight >= self._concurrency.limit:
            return math.inf
        return max(self._resume - now, self._next - now, 0.0)

    def sent(self, now: float) -> Ticket:
        """A call leaves."""
        self._in_flight += 1
        self._next = max(self._next, now - _CATCH_UP) + 1 / self.rate
        return Ticket(now, self._in_flight)

    def ended(self) -> None:
        """A call ended without telling whether it was too many: no answer, or a failure."""
        self._in_flight -= 1

    def accepted(self, ticket: Ticket, now: float) -> None:
        """A call was let through, whatever became of it then."""
        self._in_flight -= 1
        self._good, self._stop, self._refusals = now, _FIRST_STOP, 0
        self._accepted.append(now)
        while self._accepted[0] <= now - _MEASURED:
            self._accepted.popleft()
        if ticket.at >= self._resume:
            self._concurrency.accepted(ticket.level, now)
        if now < self._resume:
            self.rate = max(self.rate, len(self._accepted))
        elif self._phase is _Phase.RAMP and now - max(self._grown, self._resume) >= _RAMP_EVERY:
            self._grow(_RAMP, now)
        elif self._phase is _Phase.HOLD and now - self._decided > _HOLD and now - self._grown >= _GROW_EVERY:
            self._grow(1 + self._step, now)
            self._step = min(self._step * _STEP_GROWTH, _LONGEST_STEP)

    def refused(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        """A call was one too many; `retry_after` in seconds if the other side said so (0 tells no more than None)."""
        self._in_flight -= 1
        self._refusals += 1
        if ticket.at <= self._decided:
            return
        if self._phase is _Phase.FREE:
            self._halt(now, retry_after)
        elif self._concurrency.refused(ticket.level, now):
            self._decided = self._grown = now
        elif self._dead(now):
            self._halt(now, retry_after)
        elif now - max(self._resume, self._decided) >= _DECIDE_EVERY:
            self._slow_down(now)

    def _dead(self, now: float) -> bool:
        return self._good < self._resume or (now - self._good > _DEAD_AFTER and self._refusals >= _DEAD_REFUSALS)

    def _halt(self, now: float, retry_after: float | None) -> None:
        if not retry_after:
            retry_after = self._stop
            self._stop = min(self._stop * 2, self._longest_stop)
        self._resume = now + min(retry_after, self._longest_stop)
        self.rate = max(self._accepted_since(now - _MEASURED), 1.0)
        self._phase = _Phase.RAMP
        self._decided = self._grown = now
        self._concurrency.forget()

    def _slow_down(self, now: float) -> None:
        since = max(now - _MEASURED, self._resume)
        count = self._accepted_since(since)
        enough = now - since >= _MEASURED_LEAST and count >= _COUNTED_LEAST
        measured = count / (now - since) if enough else self.rate * _BACK_BLINDLY
        self.rate = max(_SLOWEST, min(self.rate, measured) * _BACK)
        self._phase = _Phase.HOLD
        self._step = _FIRST_STEP
        self._decided = self._grown = now

    def _grow(self, factor: float, now: float) -> None:
        self.rate = min(self.rate * factor, _FASTEST)
        self._grown = now

    def _accepted_since(self, time: float) -> int:
        return sum(at > time for at in self._accepted)
