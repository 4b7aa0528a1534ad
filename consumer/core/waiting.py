"""What waits to be sent: kept per identity and partition, not per record, so that waiting merges instead of piling up.

Most identities have nothing but the values of one event waiting, so these are kept as one `bytes` object each: a third
less memory than an object with its integers, and nothing for the garbage collector to walk through.

Between partitions the later event time wins, at equal times the event read later: each value's `rank` is one integer of
both. Within a partition the offset decides.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING

from consumer.core.pairs import Layer, names, without

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.record import TopicPartition

_SEQUENCE_BITS = 48
_SEQUENCE = (1 << _SEQUENCE_BITS) - 1
_HEAD = Struct("<IqqQ")
"""Update number, timestamp of the oldest event, and the rank in two parts; then the suffix, a blank, and the pairs."""

PACKED_BYTES = 132
"""Memory of one packed `Pending` beside its texts: two object headers, a dictionary entry, a place in the queue."""

OBJECT_BYTES = 520
"""The same of one that can't be packed: objects and integers, too."""

LAYER_BYTES = 184
"""Memory of one more layer beside its text."""


class Pending:
    """What one identity has waiting in one partition.

    `number` is that of the update which owns its offsets, `also` those of further mappings. `suffix` is what the newest
    event's identity parameter has behind the lane's key. `oldest` is a timestamp in milliseconds. `below` holds older
    values that newer events did not set; no name stands in two layers.
    """

    __slots__ = ("also", "below", "number", "oldest", "suffix", "top")

    def __init__(self, number: int, suffix: bytes, oldest: int, top: Layer) -> None:
        self.number = number
        self.also: tuple[int, ...] = ()
        self.suffix = suffix
        self.oldest = oldest
        self.top = top
        self.below: tuple[Layer, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All values, the oldest first."""
        return (*self.below, self.top)

    def put(self, suffix: bytes, layer: Layer) -> None:
        """Lay the values of a newer event of the same partition over what waits."""
        self.below = without(self.layers, names([layer]))
        self.suffix, self.top = suffix, layer

    def packed(self) -> Pending | bytes:
        """The same in less memory, if there is nothing unusual about it."""
        if self.also or self.below:
            return self
        rank, pairs = self.top
        head = _HEAD.pack(self.number, self.oldest, rank >> _SEQUENCE_BITS, rank & _SEQUENCE)
        return b"%b%b %b" % (head, self.suffix, pairs)

    @classmethod
    def unpacked(cls, packed: Pending | bytes) -> Pending:
        """What was packed."""
        if isinstance(packed, Pending):
            return packed
        number, oldest, occurred_at, sequence = _HEAD.unpack_from(packed)
        suffix, _, pairs = packed[_HEAD.size :].partition(b" ")
        return cls(number, suffix, oldest, Layer((occurred_at << _SEQUENCE_BITS) + sequence, pairs))


class Waiting:
    """All that waits for its turn, and in which order the turns come: the identity that waits longest first.

    `size` is the memory it takes, in bytes; `created` counts what began to wait since the start.
    """

    def __init__(self) -> None:
        self.size = 0
        self.created = 0
        self._boxes: dict[TopicPartition, dict[bytes, Pending | bytes]] = {}
        self._queue: deque[bytes] = deque()
        self._sequence = 0

    def __len__(self) -> int:
        """How many pairs of identity and partition wait."""
        return sum(map(len, self._boxes.values()))

    def rank(self, occurred_at: int) -> int:
        """The rank of an event read now; `occurred_at` in integer milliseconds."""
        self._sequence += 1
        return (occurred_at << _SEQUENCE_BITS) + self._sequence

    def open(self, partition: TopicPartition) -> None:
        """A partition that events will come from."""
        self._boxes[partition] = {}

    def get(self, partition: TopicPartition, key: bytes) -> Pending | None:
        """What this identity has waiting in this partition; changes count once they are `put`."""
        packed = self._boxes[partition].get(key)
        return None if packed is None else Pending.unpacked(packed)

    def put(self, partition: TopicPartition, key: bytes, pending: Pending) -> None:
        """What this identity has waiting now; a new one takes its place at the end of the queue."""
        box = self._boxes[partition]
        packed = pending.packed()
        before = box.get(key)
        if before is None:
            self._queue.append(key)
            self.created += 1
        else:
            self.size -= _size(key, before)
        box[key] = packed
        self.size += _size(key, packed)

    def first(self, taken: Collection[bytes]) -> bytes | None:
        """The identity whose turn is next, None when nothing waits; the turn of those under way passes (`taken`)."""
        queue = self._queue
        while queue:
            key = queue[0]
            if key not in taken and self._has(key):
                return key
            queue.popleft()
        return None

    def oldest(self, key: bytes) -> int:
        """The timestamp of the oldest event that waits for an identity, in milliseconds."""
        return min(Pending.unpacked(box[key]).oldest for box in self._boxes.values() if key in box)

    def requeue(self, key: bytes) -> None:
        """An identity is no longer under way; what arrived meanwhile takes its place at the end of the queue."""
        if self._has(key):
            self._queue.append(key)

    def take(self, key: bytes) -> dict[TopicPartition, Pending]:
        """Everything that waits for an identity, removed."""
        taken = {partition: box.pop(key) for partition, box in self._boxes.items() if key in box}
        self.size -= sum(_size(key, packed) for packed in taken.values())
        return {partition: Pending.unpacked(packed) for partition, packed in taken.items()}

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget what waits in these partitions, and nothing else."""
        for partition in partitions:
            self.size -= sum(_size(key, packed) for key, packed in self._boxes.pop(partition).items())
        left = set().union(*self._boxes.values())
        self._queue = deque(dict.fromkeys(key for key in self._queue if key in left))

    def _has(self, key: bytes) -> bool:
        return any(key in box for box in self._boxes.values())


def time_of(rank: int) -> int:
    """The event time that is in a rank, in milliseconds since the epoch."""
    return rank >> _SEQUENCE_BITS


def _size(key: bytes, packed: Pending | bytes) -> int:
    if isinstance(packed, bytes):
        return PACKED_BYTES + len(key) + len(packed)
    texts = sum(LAYER_BYTES + len(layer.pairs) for layer in packed.below)
    return OBJECT_BYTES + len(key) + len(packed.suffix) + len(packed.top.pairs) + texts
