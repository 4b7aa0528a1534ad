"""What waits to be sent: kept per identity and partition, not per record, so that waiting merges instead of piling up.

Most identities have nothing but the values of one event waiting, so these are kept as one `bytes` object each: a third
less memory than an object with its integers, and nothing for the garbage collector to walk through. Events of one
mapping mostly set the same attributes (they have the same *shape*): the newer one then replaces the older one whole,
without a look at its values.

Between partitions the later event time wins, at equal times the event read later: each value's `rank` is one integer of
both. Within a partition the offset decides.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.pairs import Layer, names, without

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.profile import ProfileUpdate
    from consumer.core.record import TopicPartition

_SEQUENCE_BITS = 48
_SEQUENCE = (1 << _SEQUENCE_BITS) - 1
_FIRST = Struct("<Iq")
"""What stays when a newer event comes: update number, and timestamp of the oldest event."""

_NEWEST = Struct("<HqQ")
"""What the newest event replaces: shape, and the rank in two parts; then the suffix, a blank, and the pairs."""

_STAYS = slice(0, _FIRST.size)
_SHAPE = slice(_FIRST.size, _FIRST.size + 2)
_NEWEST_SHAPE = slice(0, 2)
_NO_SHAPE = b"\0\0"

_MOST_SHAPES = (1 << 16) - 1

PACKED_BYTES = 134
"""Memory of one packed `Pending` beside its texts: two object headers, a dictionary entry, a place in the queue."""

OBJECT_BYTES = 520
"""The same of one that can't be packed: objects and integers, too."""

LAYER_BYTES = 184
"""Memory of one more layer beside its text."""


class Newest(NamedTuple):
    """What the newest event brings: the number of its shape, the suffix of its identity, and its values."""

    shape: int
    suffix: bytes
    layer: Layer

    def packed(self) -> bytes:
        """The same in less memory."""
        rank, pairs = self.layer
        return b"%b%b %b" % (_NEWEST.pack(self.shape, rank >> _SEQUENCE_BITS, rank & _SEQUENCE), self.suffix, pairs)

    @classmethod
    def unpacked(cls, packed: bytes, at: int = 0) -> Newest:
        """What was packed, from this place on."""
        shape, occurred_at, sequence = _NEWEST.unpack_from(packed, at)
        suffix, _, pairs = packed[at + _NEWEST.size :].partition(b" ")
        return cls(shape, suffix, Layer((occurred_at << _SEQUENCE_BITS) + sequence, pairs))


class Pending:
    """What one identity has waiting in one partition.

    `number` is that of the update which owns its offsets, `also` those of further mappings. `suffix` is what the newest
    event's identity parameter has behind the lane's key. `oldest` is a timestamp in milliseconds. `top` holds the
    newest event's values, `below` older values that newer events did not set; no name stands in two layers.
    """

    __slots__ = ("also", "below", "number", "oldest", "shape", "suffix", "top")

    def __init__(self, number: int, oldest: int, newest: Newest) -> None:
        self.number = number
        self.also: tuple[int, ...] = ()
        self.oldest = oldest
        self.shape, self.suffix, self.top = newest
        self.below: tuple[Layer, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All values, the oldest first."""
        return (*self.below, self.top)

    def lay(self, newest: Newest, number: int) -> None:
        """Lay the values of a newer event of the same partition, which belongs to this update, over what waits."""
        if number != self.number and number not in self.also:
            self.also = (*self.also, number)
        self.below = without(self.layers, names([newest.layer]))
        self.shape, self.suffix, self.top = newest

    def packed(self) -> Pending | bytes:
        """The same in less memory, if there is nothing unusual about it."""
        if self.also or self.below:
            return self
        return _FIRST.pack(self.number, self.oldest) + Newest(self.shape, self.suffix, self.top).packed()

    @classmethod
    def unpacked(cls, packed: Pending | bytes) -> Pending:
        """What was packed."""
        if isinstance(packed, Pending):
            return packed
        number, oldest = _FIRST.unpack_from(packed)
        return cls(number, oldest, Newest.unpacked(packed, _FIRST.size))


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
        self._shapes: dict[tuple[int, tuple[str, ...]], int] = {}

    def __len__(self) -> int:
        """How many pairs of identity and partition wait."""
        return sum(map(len, self._boxes.values()))

    def newest(self, update: ProfileUpdate, suffix: bytes, pairs: bytes) -> bytes:
        """A packed `Newest` of an event read now, whose attributes are `pairs` when encoded."""
        _, attributes, occurred_at, mapping = update
        names = mapping, tuple(attributes)
        shape = self._shapes.get(names, 0)
        if not shape and len(self._shapes) < _MOST_SHAPES:
            shape = self._shapes[names] = len(self._shapes) + 1
        self._sequence += 1
        return _NEWEST.pack(shape, occurred_at, self._sequence) + suffix + b" " + pairs

    def open(self, partition: TopicPartition) -> None:
        """A partition that events will come from."""
        self._boxes[partition] = {}

    def get(self, partition: TopicPartition, key: bytes) -> Pending | None:
        """What this identity has waiting in this partition."""
        packed = self._boxes[partition].get(key)
        return None if packed is None else Pending.unpacked(packed)

    def replace(self, partition: TopicPartition, key: bytes, newest: bytes) -> int | None:
        """Replace what waits whole, when it is one event's values of the same shape: its update's number, else None."""
        box = self._boxes[partition]
        before = box.get(key)
        shape = newest[_NEWEST_SHAPE]
        if not isinstance(before, bytes) or before[_SHAPE] != shape or shape == _NO_SHAPE:
            return None
        box[key] = after = before[_STAYS] + newest
        self.size += len(after) - len(before)
        number: int = _FIRST.unpack_from(before)[0]
        return number

    def add(self, partition: TopicPartition, key: bytes, first: tuple[int, int], newest: bytes) -> None:
        """The first event of an identity that has nothing waiting: the number of its update, and its timestamp."""
        packed = _FIRST.pack(*first) + newest
        self._boxes[partition][key] = packed
        self._queue.append(key)
        self.created += 1
        self.size += _size(key, packed)

    def lay(self, partition: TopicPartition, key: bytes, newest: bytes, number: int) -> None:
        """Lay the values of an event, which belongs to this update, over what its identity has waiting."""
        box = self._boxes[partition]
        self.size -= _size(key, box[key])
        pending = Pending.unpacked(box[key])
        pending.lay(Newest.unpacked(newest), number)
        box[key] = packed = pending.packed()
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
