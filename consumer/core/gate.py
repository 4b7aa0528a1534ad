"""The one place that says *not now, because…*: every call to Target passes here, and leaves only with a permit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.credentials import Credentials
from consumer.core.outcome import Delivered, Misconfigured, Refused, Throttled
from consumer.core.state import NotNow, State

if TYPE_CHECKING:
    from consumer.core.breaker import Breaker
    from consumer.core.clock import Clocks
    from consumer.core.lease import Call
    from consumer.core.outcome import Outcome
    from consumer.core.quota import Quota
    from consumer.core.throttle import Throttle, Ticket


class Permit(NamedTuple):
    """One call that may leave at once: the quota has counted it; the tickets go back with its outcome."""

    call: Call
    breaker: int
    throttle: Ticket


class Gate:
    """Admits calls: Target's own will, the breaker, the learned rate, a free slot, the quota; in this order.

    The quota comes last, since asking it spends a call.
    """

    def __init__(self, max_in_flight: int, quota: Quota, throttle: Throttle, breaker: Breaker) -> None:
        self.in_flight = 0
        self.credentials = Credentials()
        self._max_in_flight = max_in_flight
        self._quota = quota
        self._throttle = throttle
        self._breaker = breaker
        self._short: NotNow | None = None
        self._short_until = 0.0

    def access(self, now: Clocks) -> Permit | NotNow:
        """A permit for one call that leaves at once, or why not."""
        for state, seconds in (
            (State.CREDENTIALS_REFUSED, self.credentials.access(now.boot)),
            (State.BREAKER_OPEN, self._breaker.access(now.boot)),
            (State.THROTTLED, self._throttle.access(now.boot)),
            (State.PROGRESSING, 0.0 if self.in_flight < self._max_in_flight else float("inf")),
        ):
            if seconds > 0.0:
                return NotNow(state, seconds)
        call = self._quota.access(now)
        if isinstance(call, NotNow):
            self._short, self._short_until = call, now.boot + call.seconds
            return call
        self._short = None
        self.in_flight += 1
        self.credentials.sent(now.boot)
        return Permit(call, self._breaker.sent(), self._throttle.sent(now.boot))

    def backlog(self, waiting: int, created: int) -> None:
        """Lanes that wait for a call now, and lanes created since the start: the quota is paced by them."""
        self._quota.backlog(waiting, created)

    def states(self, now: Clocks) -> list[State]:
        """What holds back calls at this moment, without asking for one."""
        holding = []
        if self.credentials.reason is not None:
            holding.append(State.CREDENTIALS_REFUSED)
        if self._breaker.open:
            holding.append(State.BREAKER_OPEN)
        if self._throttle.access(now.boot) > 0.0:
            holding.append(State.THROTTLED)
        if self._short is not None and now.boot < self._short_until:
            holding.append(self._short.state)
        return holding

    def wait(self, state: State, now: Clocks) -> float:
        """Seconds until this condition lets a call through; 0 while it waits for an answer."""
        gate = self._breaker if state is State.BREAKER_OPEN else self._throttle
        seconds = gate.access(now.boot)
        return 0.0 if seconds == float("inf") else round(seconds, 3)

    def completed(self, outcome: Outcome, permit: Permit, now: Clocks) -> None:
        """Learn from the outcome of a call that was let through."""
        self.in_flight -= 1
        self._quota.finished(permit.call, now)
        match outcome:
            case Delivered() | Refused():
                self.credentials.accepted()
                self._breaker.succeeded(permit.breaker)
                self._throttle.accepted(permit.throttle, now.boot)
            case Throttled(retry_after=retry_after):
                self.credentials.unknown()
                self._breaker.unknown(permit.breaker, now.boot)
                self._throttle.refused(permit.throttle, now.boot, retry_after)
            case Misconfigured(reason=reason):
                self.credentials.refused(reason, now.boot)
                self._breaker.unknown(permit.breaker, now.boot)
                self._throttle.ended()
            case _:
                self.credentials.unknown()
                self._breaker.failed(permit.breaker, now.boot)
                self._throttle.ended()
