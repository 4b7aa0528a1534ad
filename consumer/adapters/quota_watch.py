"""Logs what becomes of the quota, once when it begins and once when it ends, and says it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from consumer.adapters.logs import Repeats
from consumer.adapters.status import rfc3339
from consumer.core.state import State

if TYPE_CHECKING:
    from consumer.core.clock import Clocks
    from consumer.core.quota import Usage

log = structlog.get_logger()

WARN_AT: Final = (80, 95)
"""Percent of the quota at which a warning is due, in ascending order."""

_AGAIN_BELOW: Final = 5
"""Percent by which the use must fall below a mark before it is warned of anew."""


class QuotaWatch:
    """Compares the quota's use with what it was; `watch` is called about once a second."""

    def __init__(self) -> None:
        self._warned = 0
        self._paced_since: float | None = None
        self._blocked_since: float | None = None
        self._repeats = Repeats()

    def watch(self, usage: Usage, now: Clocks) -> None:
        """Log what began and what ended."""
        if usage.used is None or not usage.limit:
            return
        self._mark(usage.used, usage.limit)
        self._pace(usage, now.boot)
        self._block(usage, now.boot)

    def _mark(self, used: int, limit: int) -> None:
        percent = used * 100 // limit
        reached = max((mark for mark in WARN_AT if percent >= mark), default=0)
        if reached > self._warned:
            log.warning("quota_used", used_percent=percent, calls=used, limit=limit)
        if reached > self._warned or percent < self._warned - _AGAIN_BELOW:
            self._warned = reached

    def _pace(self, usage: Usage, boot: float) -> None:
        if usage.rate is not None and self._paced_since is None:
            self._paced_since = boot
            log.info("paced", calls_per_second=round(usage.rate, 3), calls=usage.used, limit=usage.limit)
        elif usage.rate is None and self._paced_since is not None:
            log.info("pace_lifted", seconds=round(boot - self._paced_since, 3))
            self._paced_since = None

    def _block(self, usage: Usage, boot: float) -> None:
        if usage.blocked and self._blocked_since is None:
            self._blocked_since = boot
            if (suppressed := self._repeats.admit("blocked", boot)) is not None:
                log.warning(
                    "quota_blocked",
                    calls=usage.used,
                    limit=usage.limit,
                    next_free_at=rfc3339(usage.next_free_at),
                    suppressed=suppressed,
                )
        elif not usage.blocked and self._blocked_since is not None:
            seconds, self._blocked_since = boot - self._blocked_since, None
            if (suppressed := self._repeats.admit("free", boot)) is not None:
                log.info("quota_free", seconds=round(seconds, 3), suppressed=suppressed)


def reason(usage: Usage, state: State) -> str | None:
    """What a partition in this state waits for, as far as the quota is concerned."""
    if state is State.PACED and usage.rate is not None:
        return f"paced at {usage.rate:.3g} calls a second"
    if state is not State.QUOTA_BLOCKED:
        return None
    if usage.used is None:
        return "the quota ledger is not read yet"
    if usage.next_free_at is None:
        return "Kafka does not answer for the quota ledger"
    return f"calls come free at {rfc3339(usage.next_free_at)}"
