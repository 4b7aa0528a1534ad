"""Which offsets of a partition are resolved, and how far it may be committed.

An offset is not tracked by itself: it belongs to an *update*, known by its number, and an update resolves all its
offsets at once. Per event that costs four bytes (`_owner`), per update seven. A number is used again once the head has
passed its last offset, so that the columns do not grow with time.

Nothing is assumed of which offsets exist. Tracked offsets are kept as runs of consecutive ones, so that the gaps that
compaction and transactions leave need no code of their own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PENDING, _DYING, _RESOLVED, _DEAD = 0, 1, 2, 3
"""States of an update. Odd: a dead letter, which counts in a run. From `_RESOLVED` on: resolved."""

_TRIM = 4096
"""Passed events are dropped in blocks, when they also are more than half of what is kept: amortised constant."""

UNDECIDED = 0
"""Number of the update that owns an offset just tracked: nothing resolves it."""

DONE = 1
"""Number of the update that owns offsets with nothing to deliver: always resolved."""


class OffsetTracker:
    """The offsets of one partition from `start` on; `run` dead letters stand directly below `start`.

    `unresolved` counts events, `settled` those of updates that were resolved, `completed_above` those resolved above
    the committable offset.
    """

    def __init__(self, start: int, run: int = 0) -> None:
        self.next_offset = start
        self.run = run
        self.completed_above = 0
        self.unresolved = 0
        self.settled = 0
        self._owner = array("I")
        self._head = 0
        self._dropped = 0
        self._run_index = array("Q")
        self._run_offset = array("Q")
        self._state = bytearray((_PENDING, _RESOLVED))
        self._events = array("I", (0, 0))
        self._label = array("H", (0, 0))
        self._free = array("I")

    def __len__(self) -> int:
        """How many events are tracked from the committable offset on."""
        return len(self._owner) - self._head

    @property
    def size(self) -> int:
        """Bytes that the tracked events take: four an event, sixteen a run, seven an update, four a free number."""
        return 4 * (len(self._owner) + len(self._free)) + 16 * len(self._run_index) + 7 * len(self._state)

    @property
    def committable(self) -> int:
        """The offset below which everything is resolved."""
        return self._offset(self._head) if self._head < len(self._owner) else self.next_offset

    @property
    def head(self) -> int | None:
        """The number of the update that owns the committable offset; None when everything is resolved."""
        return self._owner[self._head] if self._head < len(self._owner) else None

    def track(self, offset: int) -> bool:
        """Take an offset in, before anything can fail; False when it was taken in before."""
        if offset < self.next_offset:
            return False
        if offset != self.next_offset or not self._run_index:
            self._run_index.append(self._dropped + len(self._owner))
            self._run_offset.append(offset)
        self._owner.append(UNDECIDED)
        self.unresolved += 1
        self.next_offset = offset + 1
        return True

    def open(self, label: int) -> int:
        """A new update without events; `label` (the index of a mapping) comes back when it is resolved."""
        if self._free:
            number = self._free.pop()
            self._state[number] = _PENDING
            self._label[number] = label
        else:
            number = len(self._state)
            self._state.append(_PENDING)
            self._events.append(0)
            self._label.append(label)
        return number

    def give(self, number: int) -> None:
        """The offset tracked last belongs to this update (`DONE`: it needs nothing more)."""
        self._owner[-1] = number
        self._events[number] += 1
        if number == DONE:
            self.unresolved -= 1
            self.completed_above += 1
            self._advance()

    def dying(self, number: int) -> None:
        """A dead letter is being written for this update."""
        self._state[number] = _DYING

    def resolve(self, number: int) -> tuple[int, int]:
        """Nothing more is to be done for an update: how many events it has, and its label."""
        self._state[number] |= _RESOLVED
        events = self._events[number]
        label = self._label[number]
        self.unresolved -= events
        self.settled += events
        self.completed_above += events
        self._advance()
        return events, label

    def label(self, number: int) -> int:
        """The label of an unresolved update."""
        return self._label[number]

    def take_apart(self, number: int) -> list[tuple[int, int]]:
        """Give each event of an unresolved update a number of its own: pairs of offset and number, ascending.

        Reads the whole window, so it is for what is rare.
        """
        label = self._label[number]
        indexes = list(self._indexes(number))
        pairs = []
        for index in indexes:
            own = number if index == indexes[0] else self.open(label)
            self._owner[index] = own
            self._events[own] = 1
            pairs.append((self._offset(index), own))
        return pairs

    def run_with(self, offset: int) -> int:
        """How many dead letters would stand in a row, this unresolved offset among them; gaps do not end a run."""
        here = self._index(offset)
        below = here
        while below > self._head and self._dead(below - 1):
            below -= 1
        above = here + 1
        while above < len(self._owner) and self._dead(above):
            above += 1
        return above - below + (self.run if below == self._head else 0)

    def completed(self) -> Iterator[tuple[int, bytes]]:
        """Runs above the committable offset: the first offset, then a byte per offset, 1 where it is resolved.

        Ends with the last resolved offset, so that a long window costs no more than what is completed in it.
        """
        left = self.completed_above
        index = self._head
        state = self._state
        while left:
            run = bisect_right(self._run_index, self._dropped + index) - 1
            end = self._run_index[run + 1] - self._dropped if run + 1 < len(self._run_index) else len(self._owner)
            first = self._offset(index)
            while left and index < end:
                block = bytes(map(state.__getitem__, self._owner[index : min(end, index + _TRIM)]))
                flags = block.translate(_IS_RESOLVED)
                left -= flags.count(1)
                yield first, flags
                first += len(flags)
                index += len(flags)

    def _advance(self) -> None:
        owner, state, events = self._owner, self._state, self._events
        head, end = self._head, len(owner)
        while head < end:
            number = owner[head]
            if state[number] < _RESOLVED:
                break
            self.run = self.run + 1 if state[number] == _DEAD else 0
            events[number] -= 1
            if not events[number] and number != DONE:
                self._free.append(number)
            head += 1
        if head == self._head:
            return
        self.completed_above -= head - self._head
        self._head = head
        if (head > _TRIM and 2 * head > end) or head == end:
            self._trim()

    def _trim(self) -> None:
        del self._owner[: self._head]
        self._dropped += self._head
        self._head = 0
        if self._owner:
            passed = bisect_right(self._run_index, self._dropped) - 1
            del self._run_index[:passed], self._run_offset[:passed]
        else:
            del self._run_index[:], self._run_offset[:]

    def _dead(self, index: int) -> bool:
        return bool(self._state[self._owner[index]] & 1)

    def _offset(self, index: int) -> int:
        absolute = self._dropped + index
        run = bisect_right(self._run_index, absolute) - 1
        return self._run_offset[run] + absolute - self._run_index[run]

    def _index(self, offset: int) -> int:
        run = bisect_right(self._run_offset, offset) - 1
        return self._run_index[run] + offset - self._run_offset[run] - self._dropped

    def _indexes(self, number: int) -> Iterator[int]:
        index = self._head
        for _ in range(self._events[number]):
            index = self._owner.index(number, index)
            yield index
            index += 1


_IS_RESOLVED = bytes.maketrans(bytes((_PENDING, _DYING, _RESOLVED, _DEAD)), b"\0\0\1\1")
