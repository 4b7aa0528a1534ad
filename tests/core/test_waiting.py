"""What waits, against dictionaries of dictionaries."""

from __future__ import annotations

import random

import pytest

from consumer.core import waiting
from consumer.core.lanes import Lane
from consumer.core.pairs import Layer, merged, names, prefixed, without
from consumer.core.profile import Identity, ProfileUpdate, encode_attributes
from consumer.core.record import TopicPartition
from consumer.core.waiting import Newest, Pending, Waiting, time_of

T0, T1, T2 = (TopicPartition("t", number) for number in range(3))


def layers(*texts: str) -> list[Layer]:
    return [Layer(rank, text.encode()) for rank, text in enumerate(texts)]


def test_merging_takes_the_value_of_the_highest_rank_and_keeps_the_order_of_names() -> None:
    assert merged(layers("a=1&b=1", "b=2&c=2", "a=3")) == b"a=3&b=2&c=2"
    assert merged(reversed(layers("a=1&b=1", "b=2&c=2", "a=3"))) == b"a=3&b=2&c=2"
    assert merged(layers("b=1&a=1")) == b"b=1&a=1"


def test_a_value_with_an_equals_sign_or_none_is_still_a_pair() -> None:
    assert names(layers("a=1=2&b=")) == {b"a", b"b"}
    assert without(layers("a=1=2&b=", "b=3"), {b"b"}) == (Layer(0, b"a=1=2"),)
    assert prefixed(b"a=1&b=2") == b"profile.a=1&profile.b=2"


@pytest.mark.parametrize("occurred_at", [-(10**12), -1, 0, 1, 253_402_300_799_999])
def test_what_is_packed_is_unpacked(occurred_at: int) -> None:
    newest = Newest.unpacked(Waiting().newest(update({"a": "1"}, occurred_at), b".28_0", b"a=1"))
    assert newest.packed() == Newest.unpacked(newest.packed()).packed()
    assert (newest.suffix, newest.layer.pairs, time_of(newest.layer.rank)) == (b".28_0", b"a=1", occurred_at)
    pending = Pending(2**32 - 1, -5, newest)
    unpacked = Pending.unpacked(pending.packed())
    assert (unpacked.number, unpacked.oldest, unpacked.shape) == (2**32 - 1, -5, newest.shape)
    assert unpacked.layers == (newest.layer,)
    assert Pending.unpacked(unpacked) is unpacked


def update(attributes: dict[str, str], occurred_at: int = 0, mapping: int = 0) -> ProfileUpdate:
    return ProfileUpdate(Identity("mbox3rdPartyId", "c"), attributes, occurred_at, mapping)


def put(box: Waiting, at: TopicPartition, key: bytes, number: int, new: ProfileUpdate, suffix: bytes = b"") -> int:
    """As `Intake` does it; the number that owns the event."""
    newest = box.newest(new, suffix, encode_attributes(new.attributes))
    owner = box.replace(at, key, newest)
    if owner is not None:
        return owner
    pending = box.get(at, key)
    if pending is None:
        box.add(at, key, (number, number), newest)
        return number
    box.lay(at, key, newest, pending.number)
    return pending.number


def opened(*partitions: TopicPartition) -> Waiting:
    box = Waiting()
    for partition in partitions:
        box.open(partition)
    return box


def test_only_events_of_the_same_mapping_that_set_the_same_attributes_are_replaced_whole() -> None:
    box = opened(T0)
    put(box, T0, b"k", 7, update({"a": "1", "b": "1"}))
    for other in (update({"a": "2"}), update({"b": "2", "a": "2"}), update({"a": "2", "b": "2"}, mapping=1)):
        assert box.replace(T0, b"k", box.newest(other, b"", encode_attributes(other.attributes))) is None
    same = update({"a": "3", "b": "3"}, 9)
    assert box.replace(T0, b"k", box.newest(same, b".1", b"a=3&b=3")) == 7
    pending = box.take(b"k")[T0]
    assert (pending.suffix, pending.top.pairs, time_of(pending.top.rank), pending.oldest) == (b".1", b"a=3&b=3", 9, 7)


def test_shapes_beyond_what_can_be_numbered_are_compared_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_MOST_SHAPES", 1)
    box = opened(T0)
    put(box, T0, b"k", 7, update({"a": "1"}))
    put(box, T0, b"l", 8, update({"b": "1"}))
    same = update({"b": "2"})
    assert box.replace(T0, b"l", box.newest(same, b"", b"b=2")) is None
    put(box, T0, b"l", 9, update({"c": "2"}))
    assert merged(box.take(b"l")[T0].layers) == b"b=1&c=2"
    assert put(box, T0, b"k", 9, update({"a": "2"})) == 7


def test_the_numbers_of_shapes_end_where_two_bytes_do() -> None:
    box = Waiting()
    box._shapes.update({(0, (str(number),)): number for number in range(1, 1 << 16)})
    box._shapes.popitem()
    shapes = [Newest.unpacked(box.newest(update({name: "1"}), b"", b"")).shape for name in "abca"]
    assert shapes == [(1 << 16) - 1, 0, 0, (1 << 16) - 1]


def test_what_newer_events_have_replaced_takes_no_memory_whatever_their_shape() -> None:
    box = opened(T0)
    put(box, T0, b"k", 7, update({"a": "1", "b": "1"}))
    size = box.size
    put(box, T0, b"k", 7, update({"c": "1"}))
    put(box, T0, b"k", 7, update({"b": "2", "c": "2", "a": "2"}))
    put(box, T0, b"k", 7, update({"b": "3", "a": "3", "c": "3"}))
    assert box.size == size + len("&c=3")


@pytest.mark.parametrize("seed", range(40))
def test_waiting_agrees_with_a_naive_one(seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    chance = random.Random(seed)  # noqa: S311  # a test
    box, naive = opened(T0, T1, T2), {part: dict[bytes, dict[bytes, tuple[int, bytes]]]() for part in (T0, T1, T2)}
    owners: dict[tuple[TopicPartition, bytes], int] = {}
    taken: set[bytes] = set()
    sequence = 0
    for step in range(1, 400):
        at, key = chance.choice(list(naive)), b"k%d" % chance.randrange(6)
        action = chance.random()
        if action < 0.7:
            sequence += 1
            new = update({name: str(step) for name in chance.sample("abcd", chance.randint(1, 4))}, chance.randrange(3))
            owner = put(box, at, key, step, new)
            assert owner == owners.setdefault((at, key), step)
            rank = (new.occurred_at << 48) + sequence
            own = naive[at].setdefault(key, {})
            own.update({name.encode(): (rank, value.encode()) for name, value in new.attributes.items()})
        elif action < 0.85:
            first = box.first(taken)
            waits = {key for keys in naive.values() for key in keys} - taken
            assert (first is None) == (not waits)
            if first is not None:
                assert first in waits
                assert box.oldest(first) == min(owners[part, first] for part in naive if first in naive[part])
                lane = Lane(first)
                lane.carry(box.take(first))
                want: dict[bytes, tuple[int, bytes]] = {}
                for part, keys in naive.items():
                    owners.pop((part, first), None)
                    for name, value in keys.pop(first, {}).items():
                        want[name] = max(value, want.get(name, (-1, b"")))
                assert dict(pair.split(b"=") for pair in lane.attributes().split(b"&")) == {
                    name: value for name, (_, value) in want.items()
                }
                taken.add(first)
        elif action < 0.97 and taken:
            done = taken.pop()
            box.requeue(done)
        elif action >= 0.97:
            box.drop([at])
            box.open(at)
            naive[at] = {}
            owners = {place: owner for place, owner in owners.items() if place[0] != at}
        assert len(box) == sum(map(len, naive.values()))
        assert (box.size == 0) == (len(box) == 0)
    box.drop([T0, T1, T2])
    assert (box.size, len(box), box.first(())) == (0, 0, None)


@pytest.mark.parametrize("layered", [False, True])
@pytest.mark.parametrize("longer", ["first", "second", "suffix", "key"])
def test_every_byte_that_waits_is_counted(longer: str, *, layered: bool) -> None:
    def size(place: str | None) -> int:
        box = opened(T0)
        more = {place: "x" * 10}
        key, suffix = f"k{more.get('key', '')}".encode(), more.get("suffix", "").encode()
        put(box, T0, key, 1, update({"a": "1" + more.get("first", "")}), suffix)
        put(box, T0, key, 1, update({"b" if layered else "a": "2" + more.get("second", "")}), suffix)
        return box.size

    gone = longer == "first" and not layered  # it was replaced
    assert size(longer) == size(None) + (0 if gone else 10)


def test_turns_are_in_the_order_of_waiting_also_after_a_partition_has_gone() -> None:
    box = opened(T0, T1)
    for key, at in ((b"a", T0), (b"b", T1), (b"c", T0), (b"a", T1), (b"d", T1)):
        put(box, at, key, 1, update({"v": "1"}))
    box.drop([T0])
    order = []
    while (first := box.first(())) is not None:
        order.append(first)
        box.take(first)
    assert order == [b"a", b"b", b"d"]


def test_what_comes_again_after_its_partition_has_gone_takes_its_turn_at_the_end() -> None:
    box = opened(T0, T1)
    put(box, T0, b"a", 1, update({"v": "1"}))
    put(box, T1, b"b", 1, update({"v": "1"}))
    box.drop([T0])
    box.open(T0)
    put(box, T0, b"a", 2, update({"v": "1"}))
    assert box.first(()) == b"b"


def test_a_lane_takes_newer_values_over_those_it_carries_partition_by_partition() -> None:
    box = opened(T0, T1)
    lane = Lane(b"k")
    put(box, T0, b"k", 1, update({"a": "1", "b": "1"}, 5), b".1")
    lane.carry(box.take(b"k"))
    put(box, T0, b"k", 2, update({"a": "2"}, 4), b".2")
    put(box, T1, b"k", 3, update({"b": "3"}, 4), b".3")
    lane.carry(box.take(b"k"))
    assert set(lane.attributes().split(b"&")) == {b"a=2", b"b=1"}
    assert lane.parts[T0].numbers == [1, 2]
    assert lane.parts[T1].numbers == [3]
    assert lane.identity == b"k.3"
    assert lane.newest() == 5
    lane.carry({})
    assert lane.identity == b"k.3"
