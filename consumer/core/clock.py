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

    When a call is delivered, the time since the previous outcome counts. One identity that keeps failing says nothing
    of how others fare, so its failures are left out; once another one fails too, the time until then is lost: in an
    outage many take turns in failing.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self._last: float | None = None
        self._failing: bytes | None = None

    def outcome(self, now: float, key: bytes, *, delivered: bool) -> None:
        """A call for this identity ended."""
        if delivered:
            self.time += 0.0 if self._last is None else now - self._last
            self._last, self._failing = now, None
        elif key != self._failing:
            if self._failing is not None:
                self._last = now
            self._failing = key
