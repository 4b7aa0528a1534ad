"""Time as an argument: the core never reads a clock."""

from __future__ import annotations

from typing import NamedTuple


class Clocks(NamedTuple):
    """One reading of both clocks, in seconds.

    `boot` (CLOCK_BOOTTIME) only moves forward, also while the machine is suspended; `wall` is the time of day since the
    epoch and may be wrong or jump. Durations are measured with `boot`, ages of events with `wall`.
    """

    boot: float
    wall: float


class DeliveryClock:
    """Seconds in which Target took calls: a record that keeps failing is given up by this clock, so not in an outage.

    The time since the previous outcome counts when a call is delivered. Repeated calls that fail again say nothing of
    how others fare, and are left out.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self._last: float | None = None

    def outcome(self, now: float, *, fresh: bool, delivered: bool) -> None:
        """A call ended; `fresh` when it was not a repetition of one that failed."""
        if delivered and self._last is not None:
            self.time += now - self._last
        if delivered or fresh:
            self._last = now
