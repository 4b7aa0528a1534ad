"""From what waits to what is resolved: whose turn it is, what its call carries, and what its outcome means.

An identity is in one place at a time: waiting, or in a lane. A lane is ready (in `_ready`, ordered by when it is due),
in flight (in `_calls`), or has records read again (in `_reading`).
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from consumer.core import backoff
from consumer.core.apart import Apart, Reading, Single
from consumer.core.clock import DeliveryClock
from consumer.core.command import Send
from consumer.core.dead_letters import History
from consumer.core.lanes import Lane
from consumer.core.outcome import Delivered, Misconfigured, Refused, Throttled
from consumer.core.pairs import prefixed, split
from consumer.core.profile import ProfileUpdate, Rejection, encode_attributes, encode_identity
from consumer.core.record import Record
from consumer.core.state import NotNow
from consumer.core.tally import Arrival
from consumer.core.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from consumer.core.clock import Clocks
    from consumer.core.dead_letters import DeadLetters
    from consumer.core.gate import Gate, Permit
    from consumer.core.outcome import Completed, Transient
    from consumer.core.profile import Result, SchemaWanted
    from consumer.core.record import TopicPartition
    from consumer.core.work import Work

MOST_BYTES = 61_440
"""Encoded bytes of one call: 60 KB for POST (profile-single-api)."""

LONGEST_IDENTITY = len("mbox3rdPartyId=") + 256 * 12
"""Encoded bytes that an identity takes at most (target-limits)."""

ROOM = MOST_BYTES - LONGEST_IDENTITY
"""Encoded bytes that the attributes of one call may take, each with the separator before it."""


class Delivery:
    """All lanes, and what waits for one.

    Args:
        work: Shared with the engine.
        gate: Admits calls.
        dead_letters: Takes what can't be delivered.
        map_record: A pure function from a record to what is to be done with it.
        chance: Uniform random numbers in [0, 1), for the jitter of retries.
    """

    def __init__(
        self,
        work: Work,
        gate: Gate,
        dead_letters: DeadLetters,
        map_record: Callable[[Record], Result | SchemaWanted],
        chance: Callable[[], float],
    ) -> None:
        self.waiting = Waiting()
        self.held: NotNow | None = None
        self._work = work
        self._gate = gate
        self._dead_letters = dead_letters
        self._map = map_record
        self._chance = chance
        self._lanes: dict[bytes, Lane] = {}
        self._calls: dict[int, tuple[Lane, Permit]] = {}
        self._ready: list[tuple[float, int, Lane]] = []
        self._reading = Reading(work)
        self._numbers = count(1)
        self._clock = DeliveryClock()

    # -- sending -------------------------------------------------------------------------------------------------------

    def schedule(self, now: Clocks) -> None:
        """Send what is due, the repeated ones first, then who waits longest, until something says *not now*."""
        self.held = None
        while self._due(now):
            permit = self._gate.access(now)
            if isinstance(permit, NotNow):
                self.held = permit
                return
            self._send(self._take(now), permit)

    def wait(self, now: Clocks) -> float:
        """Seconds until something may be due without an event: what was held may go, or a retry has its turn."""
        if self.held is not None:
            return self.held.seconds
        return max(0.0, self._ready[0][0] - now.boot) if self._ready else float("inf")

    def _due(self, now: Clocks) -> bool:
        while self._ready and self._ready[0][2].turn != self._ready[0][1]:
            heappop(self._ready)
        if self._ready and self._ready[0][0] <= now.boot:
            return True
        key = self.waiting.first(self._lanes)
        if key is None:
            return False
        linger = self._work.limits.linger
        return not linger or now.wall >= self.waiting.oldest(key) / 1000 + linger

    def _take(self, now: Clocks) -> Lane:
        if self._ready and self._ready[0][0] <= now.boot:
            return heappop(self._ready)[2]
        key = self.waiting.first(self._lanes)
        assert key is not None  # noqa: S101  # _due() has seen it
        lane = self._lanes[key] = Lane(key)
        return lane

    def _send(self, lane: Lane, permit: Permit) -> None:
        if not lane.left:
            lane.carry(self.waiting.take(lane.key))
            lane.left = split(lane.attributes(), ROOM)
        number = next(self._numbers)
        self._calls[number] = lane, permit
        lane.flying = True
        lane.attempts += 1
        self._work.commands.append(Send(number, permit, lane.identity, prefixed(lane.left[0])))

    # -- outcomes ------------------------------------------------------------------------------------------------------

    def completed(self, completed: Completed, now: Clocks) -> None:
        """A call ended: resolve what it carried, or decide what becomes of it."""
        lane, permit = self._calls.pop(completed.number)
        outcome = completed.outcome
        self._gate.completed(outcome, permit, now)
        self._clock.outcome(now.boot, lane.key, delivered=isinstance(outcome, Delivered))
        lane.flying = False
        if outcome.status is not None:
            lane.status = outcome.status
        if lane.disturbed:
            lane.disturbed = False
        elif isinstance(outcome, Delivered):
            self._delivered(lane)
        elif isinstance(outcome, Refused):
            self._refused(lane, Rejection("send", "refused", f"Target refused it: {outcome.reason}"))
        else:
            self._again(lane, outcome, now)
        self._next(lane)

    def _delivered(self, lane: Lane) -> None:
        lane.left.popleft()
        if lane.left:
            return
        if lane.apart is not None:
            single, record = lane.apart.pop()
            lane.apart.failing_since = None
            self._afresh(lane, lane.apart)
            events = self._resolve(single.partition, single.number)
            self._work.tally.arrivals.append(Arrival(events, record.timestamp if record else 0, lane.identity))
        else:
            newest = lane.newest()
            parts = lane.parts.items()
            events = sum(self._resolve(partition, number) for partition, part in parts for number in part.numbers)
            self._work.tally.arrivals.append(Arrival(events, newest, lane.identity))
            lane.parts.clear()

    def _resolve(self, partition: TopicPartition, number: int) -> int:
        events, mapping = self._work.partitions[partition].tracker.resolve(number)
        self._work.tally.record(partition.topic, "delivered", mapping, events)
        return events

    def _refused(self, lane: Lane, rejection: Rejection) -> None:
        lane.left.clear()
        if lane.apart is None:
            self._take_apart(lane, rejection)
        else:
            self._bury(lane, lane.apart, rejection)

    def _again(self, lane: Lane, outcome: Throttled | Transient | Misconfigured, now: Clocks) -> None:
        limits = self._work.limits
        lane.left.clear()
        lane.due = now.boot
        if isinstance(outcome, Throttled):
            lane.due += min(outcome.retry_after or 0.0, limits.retry_max)
        elif not isinstance(outcome, Misconfigured):
            lane.failures += 1
            if lane.failing_since is None:
                lane.failing_since = self._clock.time
            if limits.give_up_after and self._clock.time - lane.failing_since >= limits.give_up_after:
                self._refused(lane, Rejection("send", "gave_up", f"Target kept failing: {outcome.reason}"))
                return
            lane.due += backoff.delay(
                lane.failures, limits.retry_base, limits.retry_max, self._chance(), outcome.retry_after
            )

    def _next(self, lane: Lane) -> None:
        """A lane is not in flight: its next call is to be made, its records are to be read again, or it is done."""
        lane.turn = 0
        while lane.apart is not None and lane.apart.singles and not lane.left:
            if lane.apart.head not in lane.apart.records:
                self._reading.want(lane, lane.apart)
                return
            self._prepare(lane, lane.apart)
        if lane.empty:
            del self._lanes[lane.key]
            self.waiting.requeue(lane.key)
        else:
            lane.turn = next(self._numbers)
            heappush(self._ready, (lane.due, lane.turn, lane))

    # -- taken apart ---------------------------------------------------------------------------------------------------

    def _take_apart(self, lane: Lane, rejection: Rejection) -> None:
        singles = []
        for partition, part in sorted(lane.parts.items(), key=lambda item: item[1].layers[-1].rank):
            tracker = self._work.partitions[partition].tracker
            pairs = sorted(pair for number in part.numbers for pair in tracker.take_apart(number))
            singles += [Single(partition, offset, number) for offset, number in pairs]
        lane.parts.clear()
        lane.apart = Apart(singles, lane, rejection)

    def read_again(self, partition: TopicPartition, offset: int, record: Record | None) -> None:
        """A record of an update that was taken apart; None when it has left its topic."""
        lane = self._reading.found(partition, offset, record)
        if lane is not None:
            self._next(lane)

    def _prepare(self, lane: Lane, apart: Apart) -> None:
        """Make a call of the event whose turn it is, or a dead letter of one that needs no trial."""
        record = apart.records[apart.head]
        result = None if record is None or apart.guilty else self._map(record)
        if isinstance(result, ProfileUpdate):
            lane.identity = encode_identity(result.identity)
            lane.left = split(encode_attributes(result.attributes), ROOM)
        else:
            self._bury(lane, apart, apart.rejection)

    def _bury(self, lane: Lane, apart: Apart, rejection: Rejection) -> None:
        single, record = apart.pop()
        partition = self._work.partitions[single.partition]
        history = History(lane.attempts, lane.status, body_lost=record is None)
        rejection = rejection._replace(mapping=partition.tracker.label(single.number))
        if record is None:
            rejection = rejection._replace(detail=f"{rejection.detail}; the record has left its topic")
            record = Record(*single.partition, single.offset, 0, None, None)
        command = self._dead_letters.bury(partition, single.number, record, rejection, history)
        if command is not None:
            self._work.commands.append(command)
        self._afresh(lane, apart)

    @staticmethod
    def _afresh(lane: Lane, apart: Apart) -> None:
        """An event is settled: the next one's history is that of the calls which carried all of them."""
        lane.attempts, lane.status, lane.failing_since = apart.attempts, apart.status, apart.failing_since
        lane.failures, lane.due = 0, 0.0

    # -- what is where -------------------------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """How many identities wait for a call."""
        return len(self.waiting) + len(self._lanes) - len(self._calls)

    def touches(self, partitions: set[TopicPartition]) -> bool:
        """Whether a call that carries anything of these partitions is in flight."""
        return any(not partitions.isdisjoint(lane.partitions()) for lane, _ in self._calls.values())

    def in_flight(self) -> Counter[TopicPartition]:
        """How many calls in flight carry something of each partition."""
        return Counter(partition for lane, _ in self._calls.values() for partition in lane.partitions())

    def oldest(self) -> int | None:
        """The timestamp of the oldest event that waits or is under way, in milliseconds; None when none is."""
        key = self.waiting.first(self._lanes)
        oldest = [lane.oldest for lane in self._lanes.values()]
        return min(oldest if key is None else [*oldest, self.waiting.oldest(key)], default=None)

    def repeats(self, partition: TopicPartition, number: int) -> bool:
        """Whether the call that carries an update of a partition is to be made again, or is being."""
        return any(lane.due and lane.carries(partition, number) for lane in self._lanes.values())

    def drop(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions are no longer ours: forget what waits and what lanes carry of them."""
        self.waiting.drop(partitions)
        lanes = [lane for lane in self._lanes.values() if not lane.partitions().isdisjoint(partitions)]
        for lane in lanes:
            lane.drop(partitions)
        self._reading.withdraw(lanes)
        for lane in lanes:
            if not lane.flying:
                self._next(lane)
