"""The quota that all replicas share: calls are taken from the ledger in leases, and spent one by one.

A life cycle without I/O. In come the clocks, the records of the ledger as they are read back, and requests for a call;
out come permits, and the records to append.

    a take is appended ──► read back within the limit ──► good: calls are spent ──► over: closed with what was used
                                   └─ past the limit ──► closed with 0; waits until enough has come free

Fail closed: what is not read back gives no lease, and without a lease there is no call.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from consumer.core.lease import Call, Lease, Terms
from consumer.core.ledger import Close, Entry, Ledger, Take
from consumer.core.pacing import Backlog, Pacing
from consumer.core.quota import Usage
from consumer.core.state import NotNow, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.clock import Clocks

_ASKING = 0.005
_SILENT = 1.0


def certain(broker_time: float, now: Clocks) -> float:
    """The ledger's time: calls come free only when the broker's clock and our own agree that they do.

    By either clock alone, a wrong one freed calls early (11 of 8 in the trial); the smaller one only wastes.
    """
    return min(broker_time, now.wall)


def start_time(terms: Terms, broker_time: float, wall: float) -> float:
    """The broker time from which the ledger must be read, to see all that may still count.

    By a pod's own clock alone, one that was fast skipped calls that count (11 of 8 in the trial); a leader's can be
    fast too, and that of a former leader may have been slow: an hour of the longest life's 24 is for that.
    """
    return min(broker_time, wall) - terms.window - terms.longest * 25 / 24


class SharedQuota:
    """The quota of this instance, by the ledger that all share; implements `Quota`.

    Whoever runs it first appends `probe`, reads the ledger from `start_time` up to the probe and hands it over with
    `opened`; from then on gives every record to `read`, in the order of the log, and appends what `turn` returns, in
    its order. `chance` gives numbers in [0, 1).
    """

    def __init__(self, terms: Terms, instance: str, chance: Callable[[], float]) -> None:
        self.terms = terms
        self._instance = instance
        self._chance = chance
        self._ledger: Ledger | None = None
        self._pacing = Pacing(terms)
        self._backlog = Backlog()
        self._leases: deque[Lease] = deque()
        self._asked: Lease | None = None
        self._append: list[Entry] = []
        self._named = 0
        self._late = 0
        self._owed: set[str] = set()
        self._short_of = 0
        self._wanted_since: float | None = None
        self._retry_at: float | None = None
        self._broker_ahead = 0.0
        self._told_at = -math.inf
        self._recent = 0.0
        self._recent_at = 0.0

    # Reading the ledger

    def probe(self, now: Clocks) -> Take:
        """A take of 0: its broker time says from where to read."""
        return self._take(0, now)

    def start_time(self, broker_time: float, now: Clocks) -> float:
        """The broker time from which the ledger must be read; that of the probe is given."""
        return start_time(self.terms, broker_time, now.wall)

    def opened(self, ledger: Ledger, broker_time: float, now: Clocks) -> None:
        """The ledger, read up to and with the probe, whose broker time is given."""
        self._ledger = ledger
        self._broker_ahead = broker_time - now.boot

    def read(self, entry: Entry, broker_time: float, now: Clocks) -> None:
        """One more record of the ledger; our own take is decided here, at its place in the log."""
        if self._ledger is None:
            raise RuntimeError("the ledger must be opened before it is read on")
        self._ledger.read(entry, broker_time)
        time = certain(broker_time, now)
        if isinstance(entry, Take) and entry.instance == self._instance:
            self._broker_ahead = broker_time - now.boot
            self._owed.discard(entry.lease)
            if self._asked is not None and entry.lease == self._asked.name:
                self._ledger.forget(time)
                self._decide(self._asked, self._ledger.used(time), now)
        self._ledger.forget(time - self.terms.longest)  # for one that never takes

    def _decide(self, lease: Lease, used: int, now: Clocks) -> None:
        self._asked = None
        if used > self.terms.limit or lease.over(now):
            self._close(lease)
            self._retry_at = now.boot + self._pause()
        else:
            self._leases.append(lease)
            self._wanted_since = self._retry_at = None
            self._short_of = 0

    # Appending to it

    def owes(self, entry: Entry) -> bool:
        """Whether an entry that could not be appended is to be appended again.

        A take that asked is not: its lease would be over before it is read back. What was used and what was booked
        again is: else a whole lease counts, or calls that were made do not.
        """
        return isinstance(entry, Close) or entry.lease in self._owed

    def turn(self, now: Clocks) -> list[Entry]:
        """What to append now; to be called often, it is cheap."""
        self._retire(now)
        self._fade(now.boot)
        if self._ledger is not None:
            time = self._time(now)
            self._rebook(now)
            if self._pacing.due(now.boot):
                others = self._ledger.waiting(time, but=self._instance)
                self._pacing.review(now.boot, time, self._ledger, self._backlog, others)
            if self._asked is None and self._is_short(now):
                self._ask(self._ledger, time, now)
            self._tell(now)
        append, self._append = self._append, []
        return append

    def _retire(self, now: Clocks) -> None:
        """Close the leases that are over, and give up a take that was not read back in time."""
        while self._leases and (self._leases[0].over(now) or not self._leases[0].left):
            self._close(self._leases.popleft())
        if self._asked is not None and self._asked.over(now):
            self._close(self._asked)
            self._asked = None

    def _close(self, lease: Lease) -> None:
        if lease.close():  # one that was spent to the last call counts as it stands
            self._append.append(Close(lease.name, lease.used))

    def _rebook(self, now: Clocks) -> None:
        if self._late:
            take = self._take(self._late, now)
            self._owed.add(take.lease)
            self._append.append(take)
            self._late = 0

    def _is_short(self, now: Clocks) -> bool:
        """Whether calls are wanted that no lease has, or the last one has too few to last until another is good."""
        good = [lease for lease in self._leases if lease.good(now)]
        if not good:
            return self._wanted_since is not None
        soon = int(self._recent * self.terms.ahead / self.terms.lease)
        return len(good) == 1 and soon > 0 and (good[0].left < soon or good[0].remaining(now) <= self.terms.ahead)

    def _ask(self, ledger: Ledger, time: float, now: Clocks) -> None:
        """Take a lease if enough is free: half of the largest, or there is a storm of tiny ones near the limit."""
        wanted = self._size()
        least = min(wanted, max(1, self.terms.largest // 2))
        free = self.terms.limit - ledger.used(time)
        if free < least:
            self._short_of = 0 if any(lease.good(now) for lease in self._leases) else least
            self._retry_at = None
            return
        if self._retry_at is None:
            self._retry_at = now.boot + (self._pause() if self._short_of else 0.0)
        if now.boot >= self._retry_at:
            take = self._take(min(wanted, free), now)
            self._asked = Lease(take.lease, take.take, now, self.terms.lease, self.terms.timeout)
            self._append.append(take)

    def _size(self) -> int:
        """Calls that the rate needs for one lifetime."""
        rate = self._pacing.rate
        calls = max(self._backlog.waiting, self._recent) if rate is None else rate * self.terms.lease
        return max(1, min(int(calls), self.terms.largest))

    def _pause(self) -> float:
        """Takers that wait for the same calls do not all come at once."""
        return self._chance() * self.terms.ahead / 2

    def _tell(self, now: Clocks) -> None:
        """Who waits without a lease says so once in a while, or the others take its share."""
        held_back = self._short_of or self._pacing.rate is not None
        silent = now.boot - self._told_at >= self.terms.lease + self.terms.timeout / 2
        if held_back and self._backlog.waiting and silent:
            self._append.append(self._take(0, now))

    def _take(self, calls: int, now: Clocks) -> Take:
        self._named += 1
        self._told_at = now.boot
        name = f"{self._instance}.{self._named}"
        return Take(name, self._instance, calls, self.terms.life, now.wall, self._backlog.waiting)

    # Spending

    def access(self, now: Clocks) -> Call | NotNow:
        """A permit for one attempt that leaves at once, or why not and when to ask again."""
        wait = self._pacing.wait(now.boot)
        if wait > 0.0:
            return NotNow(State.PACED, wait)
        for lease in self._leases:
            call = lease.spend(now)
            if call is not None:
                self._recent += 1.0
                self._pacing.spent()
                return call
        if self._wanted_since is None:
            self._wanted_since = now.boot
        if self._short_of or now.boot - self._wanted_since >= _SILENT:
            return NotNow(State.QUOTA_BLOCKED, self.terms.ahead)
        return NotNow(State.PROGRESSING, _ASKING)

    def finished(self, call: Call, now: Clocks) -> None:
        """The attempt has ended; one that outlived its lease is booked again at the next `turn`.

        A process can be frozen between looking at the clock and sending. Target counts what then leaves for longer than
        the others count the lease (15 calls of 8 in the trial).
        """
        if call.lease.outlived(now):
            self._late += 1

    def backlog(self, waiting: int, created: int) -> None:
        """Lanes that wait for a call now, and lanes created since the start."""
        self._backlog = Backlog(waiting, created)

    def release(self) -> None:
        """Close every lease; the next `turn` tells the others."""
        if self._asked is not None:
            self._leases.append(self._asked)
            self._asked = None
        while self._leases:
            self._close(self._leases.popleft())
        self._wanted_since = self._retry_at = None
        self._short_of = 0

    def usage(self, now: Clocks) -> Usage:
        """What is used and left; unknown until the ledger is opened."""
        if self._ledger is None:
            return Usage(self.terms.limit, self.terms.window)
        used = self._ledger.used(self._time(now))
        needed = self._short_of or int(used >= self.terms.limit)
        free_at = self._ledger.free_at(self.terms.limit - needed + 1) if needed else None
        return Usage(self.terms.limit, self.terms.window, used, free_at, self._pacing.rate, bool(self._short_of))

    def _fade(self, boot: float) -> None:
        """Calls of about the last lifetime: what is older counts less and less."""
        self._recent *= math.exp(min(0.0, self._recent_at - boot) / self.terms.lease)
        self._recent_at = boot

    def _time(self, now: Clocks) -> float:
        return certain(now.boot + self._broker_ahead, now)
