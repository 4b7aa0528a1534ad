"""The last 24 hours by the minute, for the plots of the status page; kept in memory, so it begins with the process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTES = 24 * 60
"""How far back it remembers."""


class Sample(NamedTuple):
    """One minute that is over (`minute` is epoch seconds divided by 60): its calls, and the quota used at its end."""

    minute: int
    calls: int
    quota_used: int | None


class History:
    """A ring of samples, for use by one thread; `sample` is called every few seconds."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=MINUTES)
        self._minute: int | None = None
        self._calls_before = 0
        self._calls = 0
        self._quota_used: int | None = None

    def sample(self, wall: float, calls: int, quota_used: int | None) -> None:
        """Note all calls since the start and the quota used, at `wall` (epoch seconds).

        A clock that was set back drops the samples of the time that comes again.
        """
        minute = int(wall // 60)
        if self._minute is None:
            self._minute, self._calls_before = minute, calls
        elif minute != self._minute:
            self._close(self._minute, minute)
        self._calls, self._quota_used = calls, quota_used

    @property
    def samples(self) -> Sequence[Sample]:
        """The minutes that are over, oldest first; minutes without a sample are missing."""
        return tuple(self._samples)

    def _close(self, over: int, begins: int) -> None:
        self._samples.append(Sample(over, self._calls - self._calls_before, self._quota_used))
        while self._samples and self._samples[-1].minute >= begins:
            self._samples.pop()
        self._minute, self._calls_before = begins, self._calls
