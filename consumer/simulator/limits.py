"""Limiters with time as an argument: how many calls, how fast, and how much too many."""

from __future__ import annotations

from array import array
from email.utils import formatdate
from math import ceil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from consumer.simulator.behaviour import Quota, Rate, RetryAfter


class Limiter(Protocol):
    """Something that lets calls through or does not."""

    def admit(self, now: float) -> float | None:
        """None when a call passes at `now` (it is counted), else the seconds until one may; `now` never goes back."""


class Rolling:
    """Counts in the rolling window (now - seconds, now], and the most it ever held."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.worst = 0
        self._times = array("d")
        self._head = 0

    def add(self, now: float) -> int:
        """Count one at `now`; how many the window holds with it."""
        count = self.count(now) + 1
        self._times.append(now)
        self.worst = max(self.worst, count)
        return count

    def count(self, now: float) -> int:
        """How many the window that ends at `now` holds."""
        times, head, edge = self._times, self._head, now - self.seconds
        while head < len(times) and times[head] <= edge:
            head += 1
        if head > 1024 and 2 * head > len(times):  # noqa: PLR2004  seldom enough to cost nothing a call
            del times[:head]
            head = 0
        self._head = head
        return len(times) - head

    @property
    def oldest(self) -> float:
        """The time of the oldest one that was in the window when it was last counted; `IndexError` when empty."""
        return self._times[self._head]


class TokenBucket:
    """Holds up to `burst` calls and gains `limit` of them in `seconds`, evenly."""

    def __init__(self, limit: int, seconds: float, burst: int) -> None:
        self._per_second = limit / seconds
        self._burst = burst
        self._held = float(burst)
        self._at: float | None = None

    def admit(self, now: float) -> float | None:
        """See `Limiter.admit`."""
        if self._at is not None:
            self._held = min(self._burst, self._held + (now - self._at) * self._per_second)
        self._at = now
        if self._held < 1:
            return (1 - self._held) / self._per_second
        self._held -= 1
        return None


class FixedWindows:
    """`limit` calls in each window of `seconds`; the first window begins with the first call."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._start: float | None = None
        self._count = 0

    def admit(self, now: float) -> float | None:
        """See `Limiter.admit`."""
        if self._start is None:
            self._start = now
        if now >= self._start + self._seconds:
            self._start += (now - self._start) // self._seconds * self._seconds
            self._count = 0
        if self._count >= self._limit:
            return self._start + self._seconds - now
        self._count += 1
        return None


class SlidingWindow:
    """`limit` calls in any window of `seconds`; refused calls do not count."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._passed = Rolling(seconds)

    def admit(self, now: float) -> float | None:
        """See `Limiter.admit`."""
        count = self._passed.count(now)
        if count < self._limit:
            self._passed.add(now)
            return None
        return self._passed.oldest + self._passed.seconds - now if count else self._passed.seconds


def rate_limiter(rate: Rate) -> Limiter:
    """The limiter that a rate describes, full of allowance."""
    if rate.kind == "bucket":
        return TokenBucket(rate.limit, rate.seconds, rate.burst or rate.limit)
    kind = FixedWindows if rate.kind == "fixed" else SlidingWindow
    return kind(rate.limit, rate.seconds)


def quota_limiter(quota: Quota) -> Limiter | None:
    """The limiter of a quota; None when it has no limit."""
    return None if quota.limit is None else SlidingWindow(quota.limit, quota.seconds)


def retry_after(style: RetryAfter, wait: float, epoch: float) -> dict[str, str]:
    """The Retry-After header for a wait of so many seconds from `epoch`, in that style; empty for none."""
    if style is None:
        return {}
    if style == "seconds":
        value = str(ceil(wait))
    elif style == "date":
        value = formatdate(ceil(epoch + wait), usegmt=True)
    else:
        value = "soon" if style == "garbage" else str(style)
    return {"Retry-After": value}
