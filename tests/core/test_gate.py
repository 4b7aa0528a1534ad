from __future__ import annotations

import math

import pytest

from consumer.core.breaker import Breaker
from consumer.core.clock import Clocks
from consumer.core.credentials import Credentials
from consumer.core.gate import Gate, Permit
from consumer.core.lease import Call, Lease
from consumer.core.outcome import Delivered, Misconfigured, Outcome, Refused, Throttled, Transient
from consumer.core.quota import Unlimited, Usage
from consumer.core.state import NotNow, State
from consumer.core.throttle import Throttle, Ticket

OK = Delivered(200)


class Scarce:
    """A quota with so many calls; notes what has ended."""

    def __init__(self, calls: int) -> None:
        self.lease = Lease("l", calls, Clocks(0, 0), math.inf, 0)
        self.ended: list[Call] = []
        self.told: list[tuple[int, int]] = []

    def access(self, now: Clocks) -> Call | NotNow:
        return self.lease.spend(now) or NotNow(State.QUOTA_BLOCKED, 5.0)

    def finished(self, call: Call, now: Clocks) -> None:
        assert now.boot >= 0
        self.ended.append(call)

    def backlog(self, waiting: int, created: int) -> None:
        self.told.append((waiting, created))

    def release(self) -> None:
        raise NotImplementedError

    def usage(self, now: Clocks) -> Usage:
        raise NotImplementedError


def at(boot: float) -> Clocks:
    return Clocks(boot, 1000 + boot)


def new_gate(slots: int = 10) -> Gate:
    return Gate(slots, Unlimited(), Throttle(300), Breaker())


def permit(gate: Gate, now: float = 0.0) -> Permit:
    given = gate.access(at(now))
    assert isinstance(given, Permit), given
    return given


def call(gate: Gate, outcome: Outcome, now: float = 0.0) -> None:
    gate.completed(outcome, permit(gate, now), at(now))


def test_the_slots_are_the_most_calls_at_once() -> None:
    gate = new_gate(2)
    first = permit(gate)
    permit(gate)
    assert gate.in_flight == 2
    assert gate.access(at(0)) == NotNow(State.PROGRESSING, math.inf)
    gate.completed(OK, first, at(0))
    permit(gate)


def test_the_quota_is_asked_last_and_told_of_every_end() -> None:
    quota = Scarce(2)
    gate = Gate(1, quota, Throttle(300), Breaker())
    first = permit(gate)
    assert isinstance(gate.access(at(0)), NotNow)
    assert quota.lease.left == 1
    gate.completed(OK, first, at(0))
    assert quota.ended == [first.call]
    call(gate, OK)
    assert gate.access(at(1)) == NotNow(State.QUOTA_BLOCKED, 5.0)
    assert gate.states(at(5.9)) == [State.QUOTA_BLOCKED]
    assert gate.states(at(6)) == []
    assert gate.in_flight == 0


def test_the_quota_is_told_what_waits() -> None:
    quota = Scarce(2)
    gate = Gate(1, quota, Throttle(300), Breaker())
    gate.backlog(3, 9)
    assert quota.told == [(3, 9)]


def test_a_call_of_the_quota_ends_its_shortage() -> None:
    quota = Scarce(0)
    gate = Gate(1, quota, Throttle(300), Breaker())
    gate.access(at(0))
    quota.lease.size = 1
    permit(gate)
    assert gate.states(at(0)) == []


@pytest.mark.parametrize("accepted", [OK, Refused(400, "status")])
def test_misconfigured_stops_all_but_one_probe_a_second_until_one_is_judged(accepted: Outcome) -> None:
    gate = new_gate()
    other = permit(gate)
    call(gate, Misconfigured(403, "token"))
    assert gate.states(at(0)) == [State.CREDENTIALS_REFUSED]
    assert gate.access(at(0.25)) == NotNow(State.CREDENTIALS_REFUSED, 0.75)
    gate.completed(Misconfigured(403, "token"), other, at(0.5))
    probe = permit(gate, 1.0)
    assert gate.access(at(9)) == NotNow(State.CREDENTIALS_REFUSED, math.inf)
    gate.completed(Misconfigured(401, "token"), probe, at(1.5))
    assert gate.access(at(1.5)) == NotNow(State.CREDENTIALS_REFUSED, 0.5)
    call(gate, accepted, 2.0)
    assert gate.states(at(2.0)) == []
    permit(gate, 2.0)
    permit(gate, 2.0)


@pytest.mark.parametrize("outcome", [Transient(None, "timeout"), Throttled(429, 0.5)])
def test_a_probe_without_an_answer_is_repeated(outcome: Outcome) -> None:
    gate = new_gate()
    call(gate, Misconfigured(403, "token"))
    call(gate, outcome, 1.0)
    assert gate.access(at(1.0)) == NotNow(State.CREDENTIALS_REFUSED, 1.0)
    permit(gate, 2.0)


def test_ten_failures_open_the_breaker() -> None:
    gate = new_gate()
    for _ in range(10):
        call(gate, Transient(500, "status"))
    assert gate.access(at(0.25)) == NotNow(State.BREAKER_OPEN, 0.75)
    assert gate.states(at(0.25)) == [State.BREAKER_OPEN]
    assert gate.wait(State.BREAKER_OPEN, at(0.25)) == 0.75
    probe = permit(gate, 1.0)
    assert gate.wait(State.BREAKER_OPEN, at(1.0)) == 0.0
    gate.completed(OK, probe, at(1.0))
    assert gate.states(at(1.0)) == []


@pytest.mark.parametrize("outcome", [Throttled(429, 1.0), Misconfigured(401, "token")])
def test_the_breaker_learns_nothing_from_a_probe_that_was_not_judged(outcome: Outcome) -> None:
    gate = new_gate()
    for _ in range(10):
        call(gate, Transient(500, "status"))
    call(gate, outcome, 1.0)
    assert State.BREAKER_OPEN in gate.states(at(1.0))
    assert gate.wait(State.BREAKER_OPEN, at(1.0)) == 1.0


def test_throttled_stops_the_sender_for_as_long_as_it_was_asked() -> None:
    gate = new_gate()
    call(gate, Throttled(429, 7.0))
    assert gate.access(at(1.0)) == NotNow(State.THROTTLED, 6.0)
    assert gate.states(at(1.0)) == [State.THROTTLED]
    assert gate.wait(State.THROTTLED, at(1.0)) == 6.0
    permit(gate, 7.0)


class Heard(Throttle):
    """A throttle that notes how each call ended."""

    def __init__(self) -> None:
        super().__init__(300)
        self.heard: list[str] = []

    def accepted(self, ticket: Ticket, now: float) -> None:
        super().accepted(ticket, now)
        self.heard.append("accepted")

    def refused(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        super().refused(ticket, now, retry_after)
        self.heard.append(f"refused {retry_after}")

    def ended(self) -> None:
        super().ended()
        self.heard.append("ended")


@pytest.mark.parametrize(
    ("outcome", "heard"),
    [
        (OK, "accepted"),
        (Refused(400, "status"), "accepted"),
        (Throttled(429, 7.0), "refused 7.0"),
        (Misconfigured(403, "token"), "ended"),
        (Transient(500, "status"), "ended"),
    ],
)
def test_the_throttle_is_told_of_every_end_once(outcome: Outcome, heard: str) -> None:
    throttle = Heard()
    call(Gate(1, Unlimited(), throttle, Breaker()), outcome)
    assert throttle.heard == [heard]


def test_a_throttle_that_asks_for_less_than_a_second_is_shown() -> None:
    gate = new_gate()
    call(gate, Throttled(429, 0.5))
    assert gate.states(at(0)) == [State.THROTTLED]
    assert gate.states(at(0.5)) == []


def test_credentials_wait_for_nothing_until_refused() -> None:
    credentials = Credentials()
    credentials.sent(0.0)
    assert (credentials.access(0.0), credentials.reason) == (0.0, None)
    credentials.refused("token", 3.0)
    assert (credentials.access(3.0), credentials.access(5.0), credentials.reason) == (1.0, 0.0, "token")
    credentials.sent(5.0)
    assert credentials.access(7.0) == math.inf
    credentials.unknown()
    assert credentials.access(5.5) == 0.5
    credentials.accepted()
    assert (credentials.access(5.5), credentials.reason) == (0.0, None)
