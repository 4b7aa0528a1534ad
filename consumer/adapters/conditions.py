"""Logs what holds back all calls to Target, once when it begins and once when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from consumer.adapters.logs import Repeats
from consumer.core.outcome import Misconfigured, Throttled, Transient
from consumer.core.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.clock import Clocks
    from consumer.core.gate import Gate
    from consumer.core.outcome import Completed

log = structlog.get_logger()


class Conditions:
    """Compares the gate with what it was; `watch` is called after each batch of outcomes."""

    def __init__(self) -> None:
        self._since: dict[State, float] = {}
        self._repeats = Repeats()

    def watch(self, gate: Gate, completed: Sequence[Completed], now: Clocks) -> None:
        """Log what began and what ended with these outcomes."""
        holding = set(gate.states(now))
        for state in (State.CREDENTIALS_REFUSED, State.BREAKER_OPEN, State.THROTTLED):
            if state in holding and state not in self._since:
                self._since[state] = now.boot
                self._began(state, gate, completed, now)
            elif state not in holding and state in self._since:
                self._ended(state, now.boot - self._since.pop(state), now)

    def _began(self, state: State, gate: Gate, completed: Sequence[Completed], now: Clocks) -> None:
        outcomes = [call.outcome for call in completed]
        match state:
            case State.CREDENTIALS_REFUSED:
                status = next((outcome.status for outcome in outcomes if isinstance(outcome, Misconfigured)), None)
                log.error("target_refuses_credentials", reason=gate.credentials.reason, http_status=status)
            case State.BREAKER_OPEN:
                reason = next((outcome.reason for outcome in outcomes if isinstance(outcome, Transient)), "")
                log.warning("breaker_opened", wait_seconds=gate.wait(state, now), reason=reason)
            case _ if self._repeats.admit(state, now.boot) is not None:
                status = next((outcome.status for outcome in outcomes if isinstance(outcome, Throttled)), None)
                log.warning("throttled", wait_seconds=gate.wait(state, now), http_status=status)

    def _ended(self, state: State, seconds: float, now: Clocks) -> None:
        match state:
            case State.CREDENTIALS_REFUSED:
                log.info("target_accepts_again", seconds=round(seconds, 3))
            case State.BREAKER_OPEN:
                log.info("breaker_closed", seconds=round(seconds, 3))
            case _ if self._repeats.admit("lifted", now.boot) is not None:
                log.info("throttle_lifted", seconds=round(seconds, 3))
