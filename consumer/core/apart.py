"""A refused update is taken apart: its events are sent one by one, in order, so that only the guilty one dies.

What waited was merged, so the records are read again by their offsets, a few lanes at a time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.command import ReadAgain

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    `guilty` when there is but one: it needs no second trial. `attempts`, `status` and `failing_since` are those of the
    calls that carried all of them.
    """

    __slots__ = ("attempts", "failing_since", "guilty", "records", "singles", "status")

    def __init__(self, singles: Iterable[Single], lane: Lane, rejection: Rejection) -> None:
        self.singles = deque(singles)
        self.guilty = rejection if len(self.singles) == 1 else None
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

    def drop(self, partition: TopicPartition) -> None:
        """Forget the events of a partition."""
        self.singles = deque(single for single in self.singles if single.partition != partition)


class Reading:
    """Whose records are being read again: some lanes at a time, some records of each."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asked: dict[bytes, set[tuple[TopicPartition, int]]] = {}
        self._lanes: dict[tuple[TopicPartition, int], tuple[Lane, Single]] = {}
        self._queue: deque[Lane] = deque()

    def want(self, lane: Lane) -> None:
        """Have the next records of a lane that was taken apart read again."""
        self._queue.append(lane)
        self._ask()

    def found(self, partition: TopicPartition, offset: int, record: Record | None) -> Lane | None:
        """A record was read again (None: it has left its topic); its lane, once that has all it asked for."""
        lane, single = self._lanes.pop((partition, offset), (None, None))
        if lane is None or single is None or lane.apart is None:
            return None
        lane.apart.records[single] = record
        asked = self._asked[lane.key]
        asked.discard((partition, offset))
        if asked:
            return None
        del self._asked[lane.key]
        self._ask()
        return lane

    def withdraw(self, lane: Lane) -> None:
        """A lane no longer wants what it asked for."""
        for place in self._asked.pop(lane.key, ()):
            del self._lanes[place]
        if lane in self._queue:
            self._queue.remove(lane)
        self._ask()

    def _ask(self) -> None:
        while self._queue and len(self._asked) < MOST_LANES:
            lane = self._queue.popleft()
            if lane.apart is None:
                continue
            partition = lane.apart.head.partition
            singles = [single for single in lane.apart.singles if single.partition == partition][:MOST_RECORDS]
            offsets = tuple(single.offset for single in singles)
            self._asked[lane.key] = {(partition, offset) for offset in offsets}
            self._lanes.update({(partition, single.offset): (lane, single) for single in singles})
            self._work.commands.append(ReadAgain(partition, offsets, self._work.partitions[partition].generation))
