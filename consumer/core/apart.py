"""A refused update is taken apart: its events are sent one by one, in order, so that only the guilty one dies.

What waited was merged, so the records are read again by their offsets, a few lanes at a time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.command import ReadAgain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.lanes import Lane
    from consumer.core.profile import Rejection
    from consumer.core.record import Record, TopicPartition
    from consumer.core.work import Work

MOST_LANES = 4
"""Lanes whose records are read again at a time."""

MOST_RECORDS = 16
"""Records of one lane that are read again at a time; each may be as large as Kafka takes."""


class Single(NamedTuple):
    """One event of an update that was taken apart."""

    partition: TopicPartition
    offset: int
    number: int


class Apart:
    """The events of one lane that are left to send, in order.

    `rejection` is why they were taken apart; `guilty` when there was but one event: it needs no second trial.
    `attempts`, `status` and `failing_since` are those of the calls that carried all of them.
    """

    __slots__ = ("attempts", "failing_since", "guilty", "records", "rejection", "singles", "status")

    def __init__(self, singles: Iterable[Single], lane: Lane, rejection: Rejection) -> None:
        self.singles = deque(singles)
        self.rejection = rejection
        self.guilty = len(self.singles) == 1
        self.records: dict[Single, Record | None] = {}
        self.attempts = lane.attempts
        self.status = lane.status
        self.failing_since = lane.failing_since

    @property
    def head(self) -> Single:
        """The event whose turn it is."""
        return self.singles[0]

    def pop(self) -> tuple[Single, Record | None]:
        """The event whose turn it was, and its record."""
        single = self.singles.popleft()
        return single, self.records.pop(single, None)

    def drop(self, partitions: Collection[TopicPartition]) -> None:
        """Forget the events of these partitions."""
        self.singles = deque(single for single in self.singles if single.partition not in partitions)


class Reading:
    """Whose records are being read again: some lanes at a time, some records of each."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asked: dict[bytes, set[tuple[TopicPartition, int]]] = {}
        self._wanted: dict[tuple[TopicPartition, int], tuple[Lane, Apart, Single]] = {}
        self._queue: deque[tuple[Lane, Apart]] = deque()

    def want(self, lane: Lane, apart: Apart) -> None:
        """Have the next records of a lane that was taken apart read again."""
        self._queue.append((lane, apart))
        self._ask()

    def found(self, partition: TopicPartition, offset: int, record: Record | None) -> Lane | None:
        """A record was read again (None: it has left its topic); its lane, once that has all it asked for."""
        wanted = self._wanted.pop((partition, offset), None)
        if wanted is None:
            return None
        lane, apart, single = wanted
        apart.records[single] = record
        asked = self._asked[lane.key]
        asked.discard((partition, offset))
        if asked:
            return None
        del self._asked[lane.key]
        self._ask()
        return lane

    def withdraw(self, lanes: Collection[Lane]) -> None:
        """These lanes no longer want what they asked for."""
        for lane in lanes:
            for place in self._asked.pop(lane.key, ()):
                del self._wanted[place]
        self._queue = deque((lane, apart) for lane, apart in self._queue if lane not in lanes)
        self._ask()

    def _ask(self) -> None:
        while self._queue and len(self._asked) < MOST_LANES:
            lane, apart = self._queue.popleft()
            partition = apart.head.partition
            singles = [single for single in apart.singles if single.partition == partition][:MOST_RECORDS]
            offsets = tuple(single.offset for single in singles)
            self._asked[lane.key] = {(partition, offset) for offset in offsets}
            self._wanted.update({(partition, single.offset): (lane, apart, single) for single in singles})
            self._work.commands.append(ReadAgain(partition, offsets, self._work.partitions[partition].generation))
