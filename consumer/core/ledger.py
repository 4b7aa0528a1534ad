"""The quota ledger: its records, and the pure fold that says how many calls count at a moment.

The ledger is a topic with one partition. Its order decides: everyone who reads up to a record sums the same. Times are
seconds since the epoch; a broker's time of a record is when the broker appended it.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUCKETS = 1000
_BROKER_TICK = 0.001


class Take(NamedTuple):
    """`take` calls for one lease, on top of what others took; 0 asks for nothing and is only heard.

    They count from `at` (the writer's wall clock) for the window + `life` seconds. `waiting` is how many lanes the
    instance would send if it might; `note` marks calls for a job outside this program.
    """

    lease: str
    instance: str
    take: int
    life: float
    at: float
    waiting: int = 0
    note: str | None = None


class Close(NamedTuple):
    """The lease is over and made `used` calls; the rest come free."""

    lease: str
    used: int


Entry = Take | Close


def encode(entry: Entry) -> bytes:
    """The record's value: JSON with the fields of the entry, `note` only where there is one."""
    return orjson.dumps({key: value for key, value in entry._asdict().items() if value is not None})


def decode(value: bytes | None) -> Entry | None:
    """The entry that a record holds; None for one that this program did not write."""
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("lease"), str):
        return None
    if "take" in fields:
        return _take(fields)
    used = fields.get("used")
    return Close(fields["lease"], used) if _is_count(used) else None


def _take(fields: dict[str, Any]) -> Take | None:
    count, waiting, note = fields["take"], fields.get("waiting", 0), fields.get("note")
    life, at = fields.get("life"), fields.get("at")
    if not (_is_count(count) and _is_count(waiting) and _is_time(life) and _is_time(at)):
        return None
    return Take(
        fields["lease"], str(fields.get("instance")), count, life, at, waiting, None if note is None else str(note)
    )


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and value >= 0


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and type(value) is not bool and value >= 0


class _Standing:
    """Calls that count until a time: those of one lease, or of the closed ones that share a bucket (`lease` None).

    `bucket` is the one in which they come free: number b ends at b times the width.
    """

    __slots__ = ("bucket", "calls", "lease", "until")

    def __init__(self, until: float, bucket: int, calls: int, lease: str | None) -> None:
        self.until = until
        self.bucket = bucket
        self.calls = calls
        self.lease = lease

    def __lt__(self, other: _Standing) -> bool:
        return self.until < other.until


class _Waiting(NamedTuple):
    until: float
    lanes: int


class Ledger:
    """What the records read so far amount to; read them in the order of the log.

    Leases that are not closed are kept one by one; what closed ones used is kept in buckets of window ÷ 1000, rounded
    late: a bucket comes free when the last of its leases would. What comes free when is answered by buckets, too.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._width = window / _BUCKETS
        self._latest = -math.inf
        self._open: dict[str, _Standing] = {}
        self._closed: dict[int, _Standing] = {}
        self._ends: list[_Standing] = []
        self._frees: dict[int, int] = {}
        self._sum = 0
        self._waiting: dict[str, _Waiting] = {}

    def read(self, entry: Entry, broker_time: float) -> None:
        """Count one record."""
        # Brokers' clocks differ: after a change of leaders time may step back, and a lease would come free too early.
        self._latest = max(self._latest, broker_time + _BROKER_TICK)
        if isinstance(entry, Take):
            self._take(entry)
        else:
            self._close(entry)

    def _take(self, take: Take) -> None:
        if take.note is None:
            self._waiting[take.instance] = _Waiting(self._latest + take.life, take.waiting)
        if take.take and take.lease not in self._open:  # a repeated record is the same lease
            # A leader whose clock is behind stamps too early, and so does a pod's: the later of the two counts.
            until = max(self._latest, take.at) + self._window + take.life
            self._open[take.lease] = self._stand(until, int(until // self._width) + 1, take.take, take.lease)

    def _close(self, close: Close) -> None:
        # The first close counts, and one whose take was never read (it has left the topic) frees nothing: with plain
        # subtraction both gave calls back that nobody had (16 calls of 8 in the trial).
        lease = self._open.pop(close.lease, None)
        if lease is None:
            return
        self._add(lease, -lease.calls)
        if not close.used:
            return
        if lease.bucket in self._closed:
            self._add(self._closed[lease.bucket], close.used)
        else:
            self._closed[lease.bucket] = self._stand(lease.bucket * self._width, lease.bucket, close.used, None)

    def _stand(self, until: float, bucket: int, calls: int, lease: str | None) -> _Standing:
        standing = _Standing(until, bucket, 0, lease)
        self._add(standing, calls)
        heapq.heappush(self._ends, standing)
        return standing

    def _add(self, standing: _Standing, calls: int) -> None:
        standing.calls += calls
        self._sum += calls
        self._frees[standing.bucket] = self._frees.get(standing.bucket, 0) + calls
        if not self._frees[standing.bucket]:
            del self._frees[standing.bucket]

    def used(self, now: float) -> int:
        """Calls that count at `now`."""
        aged, places = 0, [0]
        while places:  # a heap: below what has not come free, nothing has
            place = places.pop()
            if place < len(self._ends) and self._ends[place].until < now:
                aged += self._ends[place].calls
                places += (2 * place + 1, 2 * place + 2)
        return self._sum - aged

    def forget(self, now: float) -> None:
        """Drop what came free before `now`, for good: only for a time that is certain."""
        while self._ends and self._ends[0].until < now:
            gone = heapq.heappop(self._ends)
            self._add(gone, -gone.calls)
            if gone.lease is None:
                del self._closed[gone.bucket]
            elif self._open.get(gone.lease) is gone:
                del self._open[gone.lease]

    def free_at(self, limit: int) -> float:
        """When fewer than `limit` calls will count, if no more are taken; rounded late by at most window ÷ 1000."""
        total = self._sum
        for bucket in sorted(self._frees):
            total -= self._frees[bucket]
            if total < limit:
                return bucket * self._width
        return math.inf

    def freed(self, times: Sequence[float]) -> list[int]:
        """How many calls will have come free at each of the times, which ascend; rounded like `free_at`."""
        frees = [0] * (len(times) + 1)
        for bucket, calls in self._frees.items():
            frees[bisect_left(times, bucket * self._width)] += calls
        return list(accumulate(frees[:-1]))

    def waiting(self, now: float, but: str) -> list[int]:
        """How many lanes each instance that was heard of lately has waiting; without `but`, and those with none."""
        self._waiting = {name: waiting for name, waiting in self._waiting.items() if waiting.until >= now}
        return [waiting.lanes for name, waiting in self._waiting.items() if name != but and waiting.lanes]
