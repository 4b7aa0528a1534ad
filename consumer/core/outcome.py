"""What an answer of Target means for us: what we do next, not a status code."""

from __future__ import annotations

from typing import NamedTuple


class Delivered(NamedTuple):
    """Target accepted the update."""

    status: int


class Throttled(NamedTuple):
    """Target wants fewer calls; `retry_after` in seconds, None when it does not say (or unreadably)."""

    status: int
    retry_after: float | None = None


class Transient(NamedTuple):
    """Something that may work later. `status` is None when no answer came; `reason` is a fixed word."""

    status: int | None
    reason: str
    retry_after: float | None = None


class Refused(NamedTuple):
    """Target will never accept this very update."""

    status: int
    reason: str


class Misconfigured(NamedTuple):
    """Nobody's update would be accepted: token, address or TLS. Never blamed on a record."""

    status: int | None
    reason: str


Outcome = Delivered | Throttled | Transient | Refused | Misconfigured


class Completed(NamedTuple):
    """The outcome of the call that `Send.number` asked for; `seconds` is the time from submission to outcome."""

    number: int
    outcome: Outcome
    seconds: float
