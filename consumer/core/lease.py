"""A lease of calls, and the permit for one call that only a lease can give."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple, final

from consumer.core.clock import Clocks

LONGEST_LIFE = 86_400.0
"""Seconds after which no lease may still be counted on top of its window: how far back a start must read."""

_SMALL_LIMIT = 10_000


class Terms(NamedTuple):
    """The settings of the quota that decide: calls, and seconds.

    `lease` is how long calls of one lease may leave, `timeout` how long one of them may take; `longest` is the longest
    life that any writer of the ledger may give a lease.
    """

    limit: int
    window: float
    lease: float
    timeout: float
    longest: float = LONGEST_LIFE

    @classmethod
    def of(cls, limit: int, window: float, lease: float, timeout: float) -> Terms:
        """The terms that follow from the settings: a lease is cut to window ÷ 60. `ValueError`: it lives too long."""
        terms = cls(limit, window, min(lease, window / 60), timeout)
        if terms.life > terms.longest:
            raise ValueError(f"quota.lease + target.timeout is {terms.life:g}s, more than {terms.longest:g}s")
        return terms

    @property
    def life(self) -> float:
        """Seconds from before the take is sent until the last call of the lease has ended: what the ledger waits for.

        Written into each record: with the reader's own settings instead, a rolling deploy to a shorter lease counted
        the old pods' leases too briefly (10 calls of 8 in the trial).
        """
        return self.lease + self.timeout

    @property
    def largest(self) -> int:
        """The most calls that one lease may hold: what a crash wastes."""
        return max(1, self.limit // (100 if self.limit < _SMALL_LIMIT else 1000))

    @property
    def ahead(self) -> float:
        """Seconds before a lease ends at which the next one is taken, so that sending has no gap."""
        return min(1.0, self.lease / 10)


@final
class Call:
    """One HTTP attempt that the ledger has counted already.

    To build one is to spend it: there is no call that was not counted, and none from a lease that is over.
    """

    __slots__ = ("lease",)

    def __init__(self, lease: Lease, now: Clocks) -> None:
        if not lease.good(now):
            raise ValueError("the lease is spent or over: it has no call to give")
        lease.used += 1
        self.lease = lease


class Lease:
    """`size` calls that may leave until `lasts` seconds after `taken`, and must have ended `timeout` seconds later.

    `taken` is read before the take is sent. Counted from its acknowledgement, a late one would keep the lease alive
    after the others have stopped counting it.
    """

    __slots__ = ("lasts", "name", "size", "taken", "timeout", "used")

    def __init__(self, name: str, size: int, taken: Clocks, lasts: float, timeout: float) -> None:
        self.name = name
        self.size = size
        self.taken = taken
        self.lasts = lasts
        self.timeout = timeout
        self.used = 0

    @classmethod
    def endless(cls) -> Lease:
        """The lease of a quota that is switched off."""
        return cls("unlimited", sys.maxsize, Clocks(0.0, 0.0), math.inf, 0.0)

    @property
    def left(self) -> int:
        """Calls that were not spent."""
        return self.size - self.used

    def spend(self, now: Clocks) -> Call | None:
        """A permit for one attempt that leaves at once; None when the lease is spent or over."""
        return Call(self, now) if self.good(now) else None

    def close(self) -> int:
        """Spend nothing more; how many calls were left."""
        left, self.size = self.left, self.used
        return left

    def good(self, now: Clocks) -> bool:
        """Whether there is a call left to spend, and time to spend it."""
        return self.used < self.size and not self.over(now)

    def over(self, now: Clocks) -> bool:
        """Whether no call may leave any more."""
        return self._gone(now, self.lasts)

    def outlived(self, now: Clocks) -> bool:
        """Whether every call must have ended: one that ends later is no longer covered."""
        return self._gone(now, self.lasts + self.timeout)

    def remaining(self, now: Clocks) -> float:
        """Seconds until the lease is over, by the clock that says so first."""
        return self.lasts - max(now.boot - self.taken.boot, now.wall - self.taken.wall)

    def _gone(self, now: Clocks, seconds: float) -> bool:
        # Either clock is enough: boot time stands still in a paused virtual machine, the wall clock can be set back.
        return now.boot - self.taken.boot >= seconds or now.wall - self.taken.wall >= seconds
