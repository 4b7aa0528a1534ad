"""Stops calling an address that keeps failing, and finds out with single probes when it works again.

closed ── 10 of the last 20 outcomes failed (so 10 in a row, too) ──▶ open
open ── the wait has passed: one call is let through as the probe ──▶ half-open
half-open ── the probe succeeded ──▶ closed ·  it failed ──▶ open, waiting twice as long ·  neither ──▶ open, as before
"""

from __future__ import annotations

from collections import deque
from typing import Final

FAILURES: Final = 10
"""So many failures among the last `WINDOW` outcomes open the breaker."""
WINDOW: Final = 20
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0


class Breaker:
    """A circuit breaker. Every call that `sent` announced must end in one of `succeeded`, `failed` or `unknown`.

    `sent` gives a ticket that goes back with the outcome: calls that left before the breaker opened come home late, and
    say nothing about what is the case now. Only the probe decides then.
    """

    def __init__(self) -> None:
        self._failures: deque[bool] = deque(maxlen=WINDOW)
        self._turn = 0
        self._wait = FIRST_WAIT
        self._probe_at: float | None = None
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether calls are held back, but for a probe."""
        return self._probe_at is not None

    def access(self, now: float) -> float:
        """Seconds until a call may leave: 0 when it may now, infinite while a probe is under way."""
        if self._probe_at is None:
            return 0.0
        return float("inf") if self._probing else max(0.0, self._probe_at - now)

    def sent(self) -> int:
        """A call leaves (the probe when open); the ticket that its outcome is told with."""
        self._probing = self.open
        return self._turn

    def succeeded(self, ticket: int) -> None:
        """A call was answered by something that works, be it a refusal of what the call said."""
        if ticket != self._turn:
            return
        self._failures.append(False)
        if self.open:
            self._failures.clear()
            self._wait, self._probe_at, self._probing = FIRST_WAIT, None, False

    def failed(self, ticket: int, now: float) -> None:
        """A call failed for a reason that may pass."""
        if ticket != self._turn:
            return
        if self.open:
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            self._hold(now)
            return
        self._failures.append(True)
        if sum(self._failures) >= FAILURES:
            self._hold(now)

    def unknown(self, ticket: int, now: float) -> None:
        """A call ended without telling whether the other side works: throttled, misconfigured, cancelled."""
        if ticket == self._turn and self.open:
            self._hold(now)

    def _hold(self, now: float) -> None:
        self._turn += 1
        self._probe_at = now + self._wait
        self._probing = False
