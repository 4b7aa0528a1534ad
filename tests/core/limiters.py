"""The other side of a throttle, simulated by discrete events: limiters of several kinds, and calls on their way."""

from __future__ import annotations

import heapq
import random
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.core.throttle import Throttle, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable


class Limiter(Protocol):
    def allows(self, now: float) -> bool: ...

    def served(self) -> None: ...


class _Uncounted:
    def served(self) -> None:
        """Only a limiter of concurrency cares."""


class Bucket(_Uncounted):
    def __init__(self, rate: float, depth: float) -> None:
        self._rate, self._depth, self._tokens, self._at = rate, depth, depth, 0.0

    def allows(self, now: float) -> bool:
        self._tokens = min(self._depth, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Windows(_Uncounted):
    def __init__(self, rate: int) -> None:
        self._rate, self._window, self._used = rate, -1, 0

    def allows(self, now: float) -> bool:
        if int(now) != self._window:
            self._window, self._used = int(now), 0
        self._used += 1
        return self._used <= self._rate


class Sliding(_Uncounted):
    def __init__(self, rate: int) -> None:
        self._rate, self._times = rate, deque[float]()

    def allows(self, now: float) -> bool:
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        if len(self._times) >= self._rate:
            return False
        self._times.append(now)
        return True


class AtOnce:
    def __init__(self, most: int, *, later: int | None = None, after: float = 0.0) -> None:
        self._most, self._later, self._after, self._now = most, later, after, 0

    def allows(self, now: float) -> bool:
        most = self._later if self._later is not None and now >= self._after else self._most
        if self._now >= most:
            return False
        self._now += 1
        return True

    def served(self) -> None:
        self._now -= 1


class Change(_Uncounted):
    """One limiter until a moment, another one from then on."""

    def __init__(self, before: Limiter, at: float, after: Limiter) -> None:
        self._before, self._at, self._after = before, at, after

    def allows(self, now: float) -> bool:
        return (self._before if now < self._at else self._after).allows(now)


class Closed(_Uncounted):
    def allows(self, now: float) -> bool:  # noqa: ARG002 - the protocol's
        return False


class Network(NamedTuple):
    """Seconds of the way there and back, and of the work for an accepted call."""

    round_trip: float = 0.02
    work: float = 0.0


class Counts(NamedTuple):
    accepted: int
    refused: int

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, sum(self))


class Simulation:
    """Calls as many as the throttle and `max_in_flight` let through; seeded, so always the same."""

    def __init__(self, limiter: Limiter, retry_after: float | None = None, network: Network | None = None) -> None:
        self.throttle = Throttle(longest_stop=300.0)
        self._limiter, self._retry_after, self._network = limiter, retry_after, network or Network()
        self._random = random.Random(7)  # noqa: S311 - no secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._now = 0.0
        self._in_flight = 0
        self._answers: list[tuple[float, bool]] = []
        self._wakes_at = 0.0
        self._at(0.0, self._send)

    def run(self, begin: float, end: float) -> Counts:
        """What the limiter said from `begin` to `end`, in seconds since the start."""
        while self._events[0][0] <= end:
            self._now, _, event = heapq.heappop(self._events)
            event()
        said = [accepted for at, accepted in self._answers if begin <= at < end]
        return Counts(sum(said), len(said) - sum(said))

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def _send(self) -> None:
        while self._in_flight < 64:
            wait = self.throttle.access(self._now)
            if wait == float("inf"):
                return
            if wait > 0:
                if self._wakes_at <= self._now or self._now + wait < self._wakes_at:
                    self._wakes_at = self._now + wait
                    self._at(self._wakes_at, self._send)
                return
            self._in_flight += 1
            ticket = self.throttle.sent(self._now)
            self._at(self._now + self._way(), lambda ticket=ticket: self._arrive(ticket))  # type: ignore[misc]

    def _arrive(self, ticket: Ticket) -> None:
        accepted = self._limiter.allows(self._now)
        self._answers.append((self._now, accepted))
        done = self._now
        if accepted:
            done += self._random.expovariate(1 / self._network.work) if self._network.work else 0.0
            self._at(done, self._limiter.served)
        self._at(done + self._way(), lambda: self._answer(ticket, accepted=accepted))

    def _answer(self, ticket: Ticket, *, accepted: bool) -> None:
        self._in_flight -= 1
        if accepted:
            self.throttle.accepted(ticket, self._now)
        else:
            self.throttle.refused(ticket, self._now, self._retry_after)
        self._send()

    def _way(self) -> float:
        return self._network.round_trip / 2 * self._random.uniform(0.85, 1.15)
