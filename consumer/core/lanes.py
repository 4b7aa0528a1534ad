"""What waits to be sent: kept per identity and partition, not per record, so that waiting merges instead of piling up.

`Waiting` holds one `Pending` for each identity of a partition: the merged attributes, already encoded, and the number
of the update that owns its offsets. When an identity's turn comes, everything that waits for it in all partitions moves
into a `Lane`, which exists only while a call for the identity is under way or to be repeated; so at most one call per
identity is in flight, and what arrives meanwhile waits and merges.

Between partitions the later event time wins, at equal times the event read later: each value's `rank` is one integer of
both. Within a partition the offset decides.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.core.apart import Apart
    from consumer.core.record import TopicPartition

_SEQUENCE_BITS = 48

PENDING_BYTES = 300
"""Memory of one `Pending` beside its texts: objects, integers, dictionary entry, place in the queue (tested)."""


class Layer(NamedTuple):
    """Encoded `name=value` pairs, joined by `&`, that share one rank."""

    rank: int
    pairs: bytes


class Pending:
    """What one identity has waiting in one partition; `below` holds older values that newer events did not set."""

    __slots__ = ("also", "below", "identity", "number", "oldest", "pairs", "rank")

    def __init__(self, number: int, identity: bytes, oldest: int, layer: Layer) -> None:
        self.number = number
        self.also: tuple[int, ...] = ()
        self.identity = identity
        self.oldest = oldest
        self.rank, self.pairs = layer
        self.below: tuple[Layer, ...] = ()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All values, the oldest first; no name stands in two layers."""
        return (*self.below, Layer(self.rank, self.pairs))

    @property
    def size(self) -> int:
        """Bytes of memory that the texts take."""
        return len(self.pairs) + len(self.identity) + sum(len(layer.pairs) + 150 for layer in self.below)

    def put(self, layer: Layer) -> None:
        """Lay newer values of the same partition over what waits."""
        names = set(_names(layer.pairs))
        if any(name not in names for name in _names(self.pairs)) or self.below:
            self.below = without(self.layers, names)
        self.rank, self.pairs = layer


class Waiting:
    """All that waits for its turn, and in which order the turns come: the identity that waits longest first."""

    def __init__(self) -> None:
        self.boxes: dict[TopicPartition, dict[bytes, Pending]] = {}
        self.size = 0
        self._queue: deque[bytes] = deque()
        self._sequence = 0

    def __len__(self) -> int:
        """How many pairs of identity and partition wait."""
        return sum(map(len, self.boxes.values()))

    def rank(self, occurred_at: int) -> int:
        """The rank of an event read now; `occurred_at` in integer milliseconds."""
        self._sequence += 1
        return (occurred_at << _SEQUENCE_BITS) + self._sequence

    def get(self, partition: TopicPartition, key: bytes) -> Pending | None:
        """What this identity has waiting in this partition."""
        return self.boxes[partition].get(key)

    def add(self, partition: TopicPartition, key: bytes, pending: Pending) -> None:
        """The first event of an identity in a partition: it takes its place at the end of the queue."""
        self.boxes[partition][key] = pending
        self.size += PENDING_BYTES + pending.size
        self._queue.append(key)

    def put(self, pending: Pending, identity: bytes, layer: Layer) -> None:
        """Merge a newer event into what waits; the place in the queue stays."""
        before = pending.size
        pending.identity = identity
        pending.put(layer)
        self.size += pending.size - before

    def first(self, taken: Mapping[bytes, Lane]) -> bytes | None:
        """The identity whose turn is next, None when nothing waits; the turn of those under way passes (`taken`)."""
        queue = self._queue
        while queue:
            key = queue[0]
            if key not in taken and any(key in box for box in self.boxes.values()):
                return key
            queue.popleft()
        return None

    def oldest(self, key: bytes) -> int:
        """The timestamp of the oldest event that waits for an identity, in milliseconds."""
        return min(box[key].oldest for box in self.boxes.values() if key in box)

    def requeue(self, key: bytes) -> None:
        """An identity is no longer under way; what arrived meanwhile takes its place at the end of the queue."""
        if any(key in box for box in self.boxes.values()):
            self._queue.append(key)

    def take(self, key: bytes) -> dict[TopicPartition, Pending]:
        """Everything that waits for an identity, removed from the queue."""
        taken = {partition: box.pop(key) for partition, box in self.boxes.items() if key in box}
        self.size -= sum(PENDING_BYTES + pending.size for pending in taken.values())
        return taken

    def drop(self, partition: TopicPartition) -> None:
        """Forget what waits in a partition, and nothing else."""
        box = self.boxes.pop(partition)
        self.size -= sum(PENDING_BYTES + pending.size for pending in box.values())


class Part:
    """What a lane carries of one partition: the numbers of its updates and their merged values."""

    __slots__ = ("layers", "numbers", "oldest")

    def __init__(self, pending: Pending) -> None:
        self.numbers = [pending.number, *pending.also]
        self.oldest = pending.oldest
        self.layers = pending.layers

    def absorb(self, pending: Pending) -> None:
        """Lay newer values of the same partition over those of a call that is to be repeated."""
        self.numbers += (pending.number, *pending.also)
        names = {name for layer in pending.layers for name in _names(layer.pairs)}
        self.layers = (*without(self.layers, names), *pending.layers)


class Lane:
    """An identity with a call under way, or one to be repeated.

    `left` holds the attributes of the calls that are still to be made for what it carries. `due` (boot clock) is when
    the next may leave, `turn` tells its place among the ready from earlier ones. `disturbed`: something of what the
    call in flight carries was forgotten, so that its outcome settles nothing.
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
        self.turn = 0
        self.flying = False
        self.disturbed = False

    def carry(self, taken: dict[TopicPartition, Pending]) -> None:
        """Take in what waits for the identity, over what the lane already carries."""
        newest = -1
        for partition, pending in taken.items():
            if pending.rank > newest:
                newest, self.identity = pending.rank, pending.identity
            if partition in self.parts:
                self.parts[partition].absorb(pending)
            else:
                self.parts[partition] = Part(pending)

    def drop(self, partition: TopicPartition) -> None:
        """Forget what the lane carries of a partition."""
        self.parts.pop(partition, None)
        self.left.clear()
        self.disturbed = self.flying
        if self.apart is not None:
            self.apart.drop(partition)

    def delivered(self) -> None:
        """What it carried is delivered: the next call starts afresh."""
        self.attempts = self.failures = 0
        self.failing_since, self.status, self.due = None, None, 0.0

    @property
    def empty(self) -> bool:
        """Whether the lane carries nothing any more."""
        return not self.parts and not (self.apart and self.apart.singles)

    def partitions(self) -> set[TopicPartition]:
        """Those it carries something of."""
        return self.parts.keys() | {single.partition for single in self.apart.singles} if self.apart else {*self.parts}

    def newest(self) -> int:
        """The time of the newest event, in milliseconds since the epoch."""
        return max(layer.rank for part in self.parts.values() for layer in part.layers) >> _SEQUENCE_BITS

    def attributes(self) -> bytes:
        """The pairs of all parts merged, the value of the highest rank for each name."""
        layers = [layer for part in self.parts.values() for layer in part.layers]
        if len(layers) == 1:
            return layers[0].pairs
        values = {name: pair for layer in sorted(layers) for name, pair in _named(layer.pairs)}
        return b"&".join(values.values())


def without(layers: Iterable[Layer], names: set[bytes]) -> tuple[Layer, ...]:
    """The layers without the pairs of these names; a layer that nothing is left of is gone."""
    kept = []
    for rank, pairs in layers:
        rest = b"&".join(pair for name, pair in _named(pairs) if name not in names)
        if rest:
            kept.append(Layer(rank, rest))
    return tuple(kept)


def split(pairs: bytes, room: int) -> deque[bytes]:
    """Pairs in groups of at most `room` bytes, counted with `profile.` before each name, in order.

    A pair that is longer than `room` stands alone in a group that is too long.
    """
    groups: deque[bytes] = deque()
    group: list[bytes] = []
    used = 0
    for pair in pairs.split(b"&"):
        cost = len(PREFIX) + len(pair) + 1
        if group and used + cost > room:
            groups.append(b"&".join(group))
            group, used = [], 0
        group.append(pair)
        used += cost
    groups.append(b"&".join(group))
    return groups


PREFIX = b"profile."


def prefixed(pairs: bytes) -> bytes:
    """The pairs as Target wants them, `profile.` before each name (profile-single-api); they wait without it."""
    return PREFIX + pairs.replace(b"&", b"&" + PREFIX)


def _named(pairs: bytes) -> Iterable[tuple[bytes, bytes]]:
    return ((pair.partition(b"=")[0], pair) for pair in pairs.split(b"&"))


def _names(pairs: bytes) -> Iterable[bytes]:
    return (pair.partition(b"=")[0] for pair in pairs.split(b"&"))
