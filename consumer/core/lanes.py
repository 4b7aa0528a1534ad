"""Identities with a call under way, or one to be repeated.

When an identity's turn comes, everything that waits for it in all partitions moves into a `Lane`; so at most one call
per identity is in flight, and what arrives meanwhile waits and merges.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from consumer.core.pairs import merged, names, without
from consumer.core.waiting import time_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.apart import Apart
    from consumer.core.record import TopicPartition
    from consumer.core.waiting import Pending


NEVER = 1 << 62
"""A timestamp later than any, in milliseconds."""


class Part:
    """What a lane carries of one partition: the numbers of its updates and their merged values."""

    __slots__ = ("layers", "numbers")

    def __init__(self, pending: Pending) -> None:
        self.numbers = [pending.number, *pending.also]
        self.layers = pending.layers

    def absorb(self, pending: Pending) -> None:
        """Lay newer values of the same partition over those of a call that is to be repeated."""
        self.numbers += (pending.number, *pending.also)
        self.layers = (*without(self.layers, names(pending.layers)), *pending.layers)


class Lane:
    """An identity with a call under way, or one to be repeated.

    `left` holds the attributes of the calls that are still to be made for what it carries. `due` (boot clock) is when
    a call may be repeated, 0 when none is to be. `turn` tells its place among the ready from earlier ones, 0 when it is
    not among them. `oldest` is the timestamp of the oldest event it took in, in milliseconds. `disturbed`: something of
    what the call in flight carries was forgotten, so that its outcome settles nothing.
    """

    __slots__ = (
        "apart",
        "attempts",
        "disturbed",
        "due",
        "failing_since",
        "failures",
        "flying",
        "identity",
        "key",
        "left",
        "oldest",
        "parts",
        "status",
        "turn",
    )

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.identity = key
        self.parts: dict[TopicPartition, Part] = {}
        self.apart: Apart | None = None
        self.left: deque[bytes] = deque()
        self.attempts = 0
        self.failures = 0
        self.status: int | None = None
        self.failing_since: float | None = None
        self.due = 0.0
        self.oldest = NEVER
        self.turn = 0
        self.flying = False
        self.disturbed = False

    def carry(self, taken: dict[TopicPartition, Pending]) -> None:
        """Take in what waits for the identity, over what the lane already carries."""
        for partition, pending in taken.items():
            if partition in self.parts:
                self.parts[partition].absorb(pending)
            else:
                self.parts[partition] = Part(pending)
            self.oldest = min(self.oldest, pending.oldest)
        if taken:
            self.identity = self.key + max(taken.values(), key=lambda pending: pending.top.rank).suffix

    def drop(self, partitions: Collection[TopicPartition]) -> None:
        """Forget what the lane carries of these partitions; a call of an event that is kept goes on."""
        if self.apart is not None:
            head = self.apart.head
            self.apart.drop(partitions)
            if head.partition not in partitions:
                return
        for partition in partitions:
            self.parts.pop(partition, None)
        self.left.clear()
        self.disturbed = self.flying

    @property
    def empty(self) -> bool:
        """Whether the lane carries nothing any more."""
        return not self.parts and not (self.apart and self.apart.singles)

    def partitions(self) -> set[TopicPartition]:
        """Those it carries something of."""
        return {single.partition for single in self.apart.singles} if self.apart else {*self.parts}

    def carries(self, partition: TopicPartition, number: int) -> bool:
        """Whether it carries this update of a partition."""
        if self.apart is not None:
            return any((single.partition, single.number) == (partition, number) for single in self.apart.singles)
        return partition in self.parts and number in self.parts[partition].numbers

    def newest(self) -> int:
        """The time of the newest event, in milliseconds since the epoch."""
        return time_of(max(layer.rank for part in self.parts.values() for layer in part.layers))

    def attributes(self) -> bytes:
        """The pairs of all parts merged, the value of the highest rank for each name."""
        return merged(layer for part in self.parts.values() for layer in part.layers)
