"""The quota as the sender's side sees it: ask for a call before every HTTP attempt, and say when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.core.lease import Call, Lease

if TYPE_CHECKING:
    from consumer.core.clock import Clocks
    from consumer.core.state import NotNow


class Usage(NamedTuple):
    """The quota as operators see it; calls and seconds.

    `limit` 0: it is off. `used` is None while unknown. `next_free_at` (epoch seconds) is when the next calls come free,
    None while enough are left. `rate` is the pace in calls a second, None while nothing is delayed. `blocked`: calls
    are wanted, and fewer are free than a lease needs.
    """

    limit: int
    window: float
    used: int | None = None
    next_free_at: float | None = None
    rate: float | None = None
    blocked: bool = False

    @property
    def left(self) -> int | None:
        """Calls that may still be taken; None while unknown."""
        return None if self.used is None else max(0, self.limit - self.used)


class Quota(Protocol):
    """Every HTTP attempt needs a `Call`, and this is where calls come from."""

    def access(self, now: Clocks) -> Call | NotNow:
        """A permit for one attempt that leaves at once, or why not and when to ask again."""

    def finished(self, call: Call, now: Clocks) -> None:
        """The attempt has ended, however it did."""

    def backlog(self, waiting: int, created: int) -> None:
        """Lanes that wait for a call now, and lanes created since the start."""

    def release(self) -> None:
        """Give back what is not spent: after a drain, and before a stop. A later `access` takes anew."""

    def usage(self, now: Clocks) -> Usage:
        """What is used and left."""


class Unlimited:
    """The quota switched off (`limit: 0`): no ledger, no Kafka, a call for everyone."""

    def __init__(self) -> None:
        self._lease = Lease.endless()

    def access(self, now: Clocks) -> Call:
        """A permit, always."""
        return Call(self._lease, now)

    def finished(self, call: Call, now: Clocks) -> None:
        """Nothing to book: nobody counts."""

    def backlog(self, waiting: int, created: int) -> None:
        """Nothing to pace."""

    def release(self) -> None:
        """Nothing to give back."""

    def usage(self, now: Clocks) -> Usage:  # noqa: ARG002 - the protocol's
        """Limit 0 says that it is off."""
        return Usage(0, 0.0)
