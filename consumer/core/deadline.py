"""One deadline shared by every step of a drain, so that the steps together stay within it."""

from __future__ import annotations

from typing import NamedTuple


class Deadline(NamedTuple):
    """A moment on the `boot` clock, in seconds."""

    at: float

    @classmethod
    def after(cls, now: float, seconds: float) -> Deadline:
        """The deadline that is `seconds` from `now`."""
        return cls(now + seconds)

    def left(self, now: float) -> float:
        """Seconds that remain; never negative."""
        return max(0.0, self.at - now)

    def passed(self, now: float) -> bool:
        """Whether nothing remains."""
        return now >= self.at
