"""What to do while Target would accept nobody's update: wait, and ask once a second whether it does again."""

from __future__ import annotations

PROBE_EVERY = 1.0
"""Seconds between two calls while Target refuses us."""


class Credentials:
    """Whether Target takes our calls at all; `reason` is the fixed word of the last refusal, None while it does."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._probing = False
        self._next = 0.0

    def access(self, now: float) -> float:
        """Seconds to wait before the next call, 0 for none; infinite while a probe is under way."""
        if self.reason is None:
            return 0.0
        return float("inf") if self._probing else max(0.0, self._next - now)

    def sent(self, now: float) -> None:
        """A call leaves; while we are refused it is the probe."""
        self._probing = self.reason is not None
        self._next = now + PROBE_EVERY

    def refused(self, reason: str, now: float) -> None:
        """A call met a wrong token, address or certificate."""
        if self.reason is None:
            self._next = now + PROBE_EVERY
        self.reason = reason
        self._probing = False

    def accepted(self) -> None:
        """A call got as far as being judged by what it holds."""
        self.reason = None
        self._probing = False

    def unknown(self) -> None:
        """The probe ended without an answer to the question; ask again."""
        self._probing = False
