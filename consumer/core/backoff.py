"""How long to wait before the next attempt: exponential with full jitter, unless the other side says how long."""

from __future__ import annotations

from typing import Final

_DOUBLINGS: Final = 64
"""Enough to reach any cap in seconds; more would end in an overflow."""


def delay(attempt: int, base: float, cap: float, chance: float, retry_after: float | None = None) -> float:
    """Seconds to wait after the failed attempt number `attempt` (1 for the first).

    Without `retry_after` it is anything from 0 to base * 2**(attempt - 1), evenly by `chance` (0 ≤ chance < 1); what
    the other side asks for wins. Neither is longer than `cap`.
    """
    if retry_after is not None:
        return min(retry_after, cap)
    return chance * min(cap, base * 2.0 ** min(max(attempt - 1, 0), _DOUBLINGS))
