from __future__ import annotations

import random

import pytest

from consumer.core import offsets
from consumer.core.offsets import DONE, OffsetTracker


class Naive:
    """The same by dictionaries and loops."""

    def __init__(self, start: int) -> None:
        self.start = self.next = start
        self.owner: dict[int, int] = {}
        self.resolved: dict[int, str] = {}

    @property
    def committable(self) -> int:
        return min((o for o in self.owner if o not in self.resolved), default=self.next)

    def run(self) -> int:
        run = 0
        for offset in sorted(o for o in self.owner if o < self.committable):
            run = run + 1 if self.resolved[offset] == "dead" else 0
        return run

    def above(self) -> set[int]:
        return {offset for offset in self.resolved if offset > self.committable}


def completed(tracker: OffsetTracker) -> set[int]:
    return {first + i for first, flags in tracker.completed() for i, flag in enumerate(flags) if flag}


def give(tracker: OffsetTracker, offset: int, number: int | None = None) -> int:
    assert tracker.track(offset)
    own = tracker.open(0) if number is None else number
    tracker.give(own)
    return own


def test_an_offset_is_committable_only_when_everything_below_is_resolved() -> None:
    tracker = OffsetTracker(10)
    numbers = [give(tracker, offset) for offset in (10, 11, 12)]
    tracker.resolve(numbers[1])
    assert (tracker.committable, completed(tracker), tracker.unresolved, len(tracker)) == (10, {11}, 2, 3)
    tracker.resolve(numbers[0])
    assert (tracker.committable, completed(tracker), tracker.unresolved, len(tracker)) == (12, set(), 1, 1)
    tracker.resolve(numbers[2])
    assert (tracker.committable, tracker.unresolved, len(tracker), tracker.completed_above) == (13, 0, 0, 0)


def test_an_update_resolves_all_its_offsets_and_tells_how_many_and_its_label() -> None:
    tracker = OffsetTracker(0)
    number = tracker.open(7)
    for offset in (0, 1, 2):
        give(tracker, offset, number)
    assert tracker.label(number) == 7
    assert tracker.resolve(number) == (3, 7)
    assert tracker.committable == 3


def test_an_offset_seen_before_is_not_tracked_again() -> None:
    tracker = OffsetTracker(5)
    assert not tracker.track(4)
    give(tracker, 5)
    assert not tracker.track(5)
    assert len(tracker) == 1


def test_an_offset_tracked_and_not_yet_decided_holds_the_commit() -> None:
    tracker = OffsetTracker(0)
    tracker.track(0)
    assert (tracker.committable, tracker.unresolved) == (0, 1)


def test_a_number_is_used_again_once_its_events_are_passed() -> None:
    tracker = OffsetTracker(0)
    first = give(tracker, 0)
    tracker.resolve(first)
    again = tracker.open(9)
    assert (again, tracker.label(again)) == (first, 9)
    size = tracker.size
    for offset in range(1, 1000):
        tracker.resolve(give(tracker, offset))
    assert tracker.size <= size + 7 + 4  # one number more, which is free


def test_size_counts_events_runs_and_updates() -> None:
    tracker = OffsetTracker(0)
    empty = tracker.size
    number = give(tracker, 0)
    assert tracker.size - empty == 4 + 16 + 7
    give(tracker, 1, number)
    assert tracker.size - empty == 8 + 16 + 7
    give(tracker, 5, number)
    assert tracker.size - empty == 12 + 32 + 7


def test_an_update_taken_apart_gives_each_event_a_number_of_its_own() -> None:
    tracker = OffsetTracker(0)
    number = tracker.open(4)
    for offset in (3, 7, 8):
        give(tracker, offset, number)
    pairs = tracker.take_apart(number)
    assert [offset for offset, _ in pairs] == [3, 7, 8]
    assert len({own for _, own in pairs}) == 3
    assert tracker.resolve(pairs[1][1]) == (1, 4)
    assert (tracker.committable, completed(tracker)) == (3, {7})
    tracker.resolve(pairs[0][1])
    assert tracker.committable == 8


def test_the_numbers_of_what_was_taken_apart_are_used_again() -> None:
    tracker = OffsetTracker(0)
    sizes = set()
    for offset in range(0, 100, 2):
        number = tracker.open(0)
        give(tracker, offset, number)
        give(tracker, offset + 1, number)
        for _, own in tracker.take_apart(number):
            tracker.resolve(own)
        sizes.add(tracker.size)
    assert len(sizes) == 1


def test_a_run_of_dead_letters_goes_over_gaps_and_ends_at_what_lives() -> None:
    tracker = OffsetTracker(0, run=2)
    numbers = {offset: give(tracker, offset) for offset in (0, 1, 5, 6, 7)}
    assert tracker.run_with(0) == 3
    tracker.dying(numbers[0])
    tracker.dying(numbers[1])
    assert tracker.run_with(5) == 5
    tracker.dying(numbers[6])
    assert tracker.run_with(5) == 6
    assert tracker.run_with(7) == 2
    tracker.resolve(numbers[0])
    tracker.resolve(numbers[1])
    assert (tracker.run, tracker.run_with(5)) == (4, 6)
    tracker.resolve(numbers[5])
    assert tracker.run == 0


def test_a_window_longer_than_a_block_is_given_and_dropped_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "_TRIM", 4)
    tracker = OffsetTracker(0)
    numbers = [give(tracker, offset * 2 if offset > 5 else offset) for offset in range(20)]
    for number in numbers[1:]:
        tracker.resolve(number)
    assert completed(tracker) == {*range(1, 6), *range(12, 40, 2)}
    assert max(len(flags) for _, flags in tracker.completed()) <= 4
    tracker = OffsetTracker(0)
    numbers = [give(tracker, offset) for offset in range(10)]
    for number in numbers[:5]:
        tracker.resolve(number)
    before = tracker.size
    tracker.resolve(numbers[5])
    assert before - tracker.size == 6 * 4 - 4  # six events less, one free number more
    assert (tracker.committable, len(tracker)) == (6, 4)


@pytest.mark.parametrize("seed", range(30))
def test_the_tracker_agrees_with_a_naive_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    monkeypatch.setattr(offsets, "_TRIM", 8)
    chance = random.Random(seed)  # noqa: S311  # a test
    start = chance.choice((0, 1, 1 << 40))
    tracker, naive = OffsetTracker(start), Naive(start)
    live: list[int] = []
    for _ in range(400):
        action = chance.random()
        if action < 0.55:
            offset = naive.next + (chance.randrange(1, 5) if chance.random() < 0.2 else 0)
            number = DONE if action < 0.1 else chance.choice(live) if live and action < 0.3 else tracker.open(0)
            give(tracker, offset, number)
            naive.owner[offset], naive.next = number, offset + 1
            if number == DONE:
                naive.resolved[offset] = "done"
            elif number not in live:
                live.append(number)
        elif live and action < 0.65:
            number = live.pop(chance.randrange(len(live)))
            pairs = tracker.take_apart(number)
            assert [o for o, _ in pairs] == [
                o for o, n in naive.owner.items() if n == number and o not in naive.resolved
            ]
            for offset, own in pairs:
                naive.owner[offset] = own
                live.append(own)
        elif live:
            number = live.pop(chance.randrange(len(live)))
            events = [o for o, n in naive.owner.items() if n == number and o not in naive.resolved]
            dead = chance.random() < 0.6
            if dead:
                tracker.dying(number)
            assert tracker.resolve(number)[0] == len(events)
            naive.resolved.update(dict.fromkeys(events, "dead" if dead else "done"))
        assert tracker.committable == naive.committable
        assert tracker.run == naive.run()
        assert completed(tracker) == naive.above()
        assert tracker.completed_above == len(naive.above())
        assert tracker.unresolved == len(naive.owner) - len(naive.resolved)
