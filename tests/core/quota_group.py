# ruff: noqa: S311  # chance from a seed, not a secret
"""Replicas that share a quota and a ledger in memory, with right clocks and work to do: what it yields, and how evenly.

A record is read by all at the step after it was appended. Lanes are identities with something to send.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.clock import Clocks
from consumer.core.ledger import Close, Entry, Ledger, Take
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import NotNow, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consumer.core.lease import Call, Terms

EPOCH = 1_700_000_000.0


class Lane(NamedTuple):
    """Events of one identity that wait for one call."""

    identity: int
    oldest: float
    events: list[float]


class Sent(NamedTuple):
    """A call that left."""

    time: float
    member: int
    lane: Lane


class Member:
    """One replica: lanes in the order of their oldest event, and the quota."""

    def __init__(self, quota: SharedQuota, number: int, linger: float) -> None:
        self.quota = quota
        self.number = number
        self.linger = linger
        self.lanes: dict[int, Lane] = {}
        self.order: deque[int] = deque()
        self.created = 0
        self.in_flight: deque[tuple[float, Call]] = deque()
        self.state = State.IDLE

    def arrive(self, identity: int, time: float) -> None:
        """An event: into its identity's lane."""
        lane = self.lanes.get(identity)
        if lane is not None:
            lane.events.append(time)
            return
        self.lanes[identity] = Lane(identity, time, [time])
        self.order.append(identity)
        self.created += 1

    def send(self, now: Clocks, time: float, fastest: int) -> Iterable[Lane]:
        """What may leave now, oldest first."""
        self.state = State.PROGRESSING if self.lanes else State.IDLE
        for _ in range(fastest):
            if not self.order or time - self.lanes[self.order[0]].oldest < self.linger:
                return
            call = self.quota.access(now)
            if isinstance(call, NotNow):
                self.state = call.state
                return
            self.in_flight.append((time + 0.05, call))
            yield self.lanes.pop(self.order.popleft())


class Group:
    """`members` replicas, moved on by `step`; what left is in `sent`."""

    def __init__(
        self, terms: Terms, members: int, *, seed: int = 0, quota: type[SharedQuota] = SharedQuota, linger: float = 0.0
    ) -> None:
        self.terms = terms
        self.time = 0.0
        self.log: list[tuple[Entry, float]] = []
        self.sent: list[Sent] = []
        self._fresh: list[tuple[Entry, float]] = []
        self._chance = random.Random(seed)
        self._quota = quota
        self._linger = linger
        self.members: list[Member] = []
        for _ in range(members):
            self.join()

    @property
    def now(self) -> Clocks:
        """Both clocks of everyone."""
        return Clocks(self.time, EPOCH + self.time)

    def join(self) -> Member:
        """One replica more."""
        number = len(self.members)
        quota = self._quota(self.terms, f"member-{number}", self._chance.random)
        ledger = Ledger(self.terms.window)
        for entry, time in [*self.log, *self._fresh]:
            ledger.read(entry, time)
        quota.opened(ledger, self.now.wall, self.now)
        self.members.append(Member(quota, number, self._linger))
        return self.members[-1]

    def step(self, seconds: float, fastest: int = 1000) -> None:
        """Read, send and append, once each, in any order of members."""
        self.time += seconds
        now = self.now
        fresh, self._fresh = self._fresh, []
        self.log += fresh
        for member in self._chance.sample(self.members, len(self.members)):
            for entry, time in fresh:
                member.quota.read(entry, time, now)
            while member.in_flight and member.in_flight[0][0] <= self.time:
                member.quota.finished(member.in_flight.popleft()[1], now)
            member.quota.backlog(len(member.lanes), member.created)
            self.sent += [Sent(self.time, member.number, lane) for lane in member.send(now, self.time, fastest)]
            self._fresh += [(entry, now.wall) for entry in member.quota.turn(now)]

    def refused(self) -> int:
        """Takes that were past the limit, or never spent."""
        taken = {entry.lease for entry, _ in self.log if isinstance(entry, Take)}
        return sum(1 for entry, _ in self.log if isinstance(entry, Close) and entry.used == 0 and entry.lease in taken)
