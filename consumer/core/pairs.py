"""Encoded attributes, `name=value` pairs joined by `&`, as they wait, are merged, and are sent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = b"profile."


class Layer(NamedTuple):
    """Pairs that share one rank: between partitions, the value of the highest rank wins."""

    rank: int
    pairs: bytes


def merged(layers: Iterable[Layer]) -> bytes:
    """The pairs of all layers, the value of the highest rank for each name."""
    ordered = sorted(layers)
    if len(ordered) == 1:
        return ordered[0].pairs
    return b"&".join({_name(pair): pair for layer in ordered for pair in layer.pairs.split(b"&")}.values())


def names(layers: Iterable[Layer]) -> set[bytes]:
    """The names that stand in these layers."""
    return {_name(pair) for layer in layers for pair in layer.pairs.split(b"&")}


def without(layers: Iterable[Layer], excluded: set[bytes]) -> tuple[Layer, ...]:
    """The layers without the pairs of these names; a layer that nothing is left of is gone."""
    kept = []
    for rank, pairs in layers:
        rest = b"&".join([pair for pair in pairs.split(b"&") if _name(pair) not in excluded])
        if rest:
            kept.append(Layer(rank, rest))
    return tuple(kept)


def split(pairs: bytes, room: int) -> deque[bytes]:
    """Pairs in groups of at most `room` bytes, counted with `profile.` before each name, in order.

    A pair that is longer than `room` stands alone in a group that is too long.
    """
    if len(pairs) + size(b"") * (pairs.count(b"&") + 1) <= room:
        return deque((pairs,))
    groups: deque[bytes] = deque()
    group: list[bytes] = []
    used = 0
    for pair in pairs.split(b"&"):
        cost = size(pair)
        if group and used + cost > room:
            groups.append(b"&".join(group))
            group, used = [], 0
        group.append(pair)
        used += cost
    groups.append(b"&".join(group))
    return groups


def size(pair: bytes) -> int:
    """Bytes that one pair takes in a call, with `profile.` before it and what separates it from the next."""
    return len(PREFIX) + len(pair) + 1


def prefixed(pairs: bytes) -> bytes:
    """The pairs as Target wants them, `profile.` before each name (profile-single-api); they wait without it."""
    return PREFIX + pairs.replace(b"&", b"&" + PREFIX)


def _name(pair: bytes) -> bytes:
    return pair.partition(b"=")[0]
