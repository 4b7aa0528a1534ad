"""Searches for a history that ends stale, lost or sent again: none in the engine, one with each planted bug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from consumer.core import commit_metadata
from consumer.core.commit_metadata import Written
from consumer.core.dead_letters import DeadLetters
from consumer.core.delivery import ROOM, Delivery
from consumer.core.intake import Intake
from consumer.core.lanes import Lane, Part
from consumer.core.offsets import OffsetTracker
from consumer.core.outcome import Transient
from consumer.core.pairs import split
from consumer.core.partition import Partition
from consumer.core.waiting import Newest, Pending, Waiting
from tests.core.order_world import World, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from consumer.core.partition import Commit
    from consumer.core.record import TopicPartition

SEEDS = 700
"""Histories of each kind that must hold; each planted bug is found among as many."""


@pytest.mark.parametrize("partitions", [1, 2])
def test_no_history_ends_stale_lost_or_sent_again(partitions: int) -> None:
    for seed in range(SEEDS):
        print(f"seed {seed}")  # noqa: T201  # to repeat a failure: World(seed, partitions=…).run()
        World(seed, partitions=partitions).run()


def commits_before_it_is_resolved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OffsetTracker, "committable", property(lambda tracker: tracker.next_offset))


def forgets_a_dead_letter_that_was_not_written(patch: pytest.MonkeyPatch) -> None:
    reported = DeadLetters.reported
    patch.setattr(DeadLetters, "reported", lambda self, partition, offset, _: reported(self, partition, offset, None))


def lets_go_of_a_dead_letter_that_was_not_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeadLetters, "again", lambda *_: [])


def merges_into_an_update_in_flight(patch: pytest.MonkeyPatch) -> None:
    lanes: dict[bytes, Any] = {}
    init, merge = Delivery.__init__, Intake._merge

    def remember(self: Delivery, *args: Any) -> None:
        init(self, *args)
        nonlocal lanes
        lanes = self._lanes

    def planted(self: Intake, partition: Partition, key: bytes, newest: bytes, mapping: int, oldest: int) -> int:
        lane = lanes.get(key)
        if lane is None or not lane.flying or partition.key not in lane.parts:
            return merge(self, partition, key, newest, mapping, oldest)
        lane.parts[partition.key].layers += (Newest.unpacked(newest).layer,)
        number: int = lane.parts[partition.key].numbers[0]
        return number

    patch.setattr(Delivery, "__init__", remember)
    patch.setattr(Intake, "_merge", planted)


def skips_what_timed_out(patch: pytest.MonkeyPatch) -> None:
    again = Delivery._again

    def planted(self: Delivery, lane: Any, outcome: Any, now: Any) -> None:
        if isinstance(outcome, Transient) and outcome.status is None:
            self._delivered(lane)
        else:
            again(self, lane, outcome, now)

    patch.setattr(Delivery, "_again", planted)


def resolves_all_of_a_merged_update_on_one_refusal(patch: pytest.MonkeyPatch) -> None:
    take_apart = Delivery._take_apart

    def planted(self: Delivery, lane: Any, rejection: Any) -> None:
        for partition, part in lane.parts.items():
            for number in part.numbers[1:] if len(part.numbers) > 1 else ():
                self._resolve(partition, number)
            pairs = self._work.partitions[partition].tracker.take_apart(part.numbers[0])
            part.numbers = [pairs[0][1]]
            for _, number in pairs[1:]:
                self._resolve(partition, number)
        take_apart(self, lane, rejection)

    patch.setattr(Delivery, "_take_apart", planted)


def commits_one_too_many(patch: pytest.MonkeyPatch) -> None:
    commit = Partition.commit

    def planted(self: Partition, *, final: bool) -> Commit | None:
        made = commit(self, final=final)
        return made and made._replace(offset=made.offset + (self.tracker.unresolved > 0))

    patch.setattr(Partition, "commit", planted)


def lets_newer_values_overtake_a_retry(patch: pytest.MonkeyPatch) -> None:
    follow = Delivery._next

    def planted(self: Delivery, lane: Lane) -> None:
        follow(self, lane)
        if lane.due and lane.apart is None and self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
            lane.left = split(lane.attributes(), ROOM)
            lane.key = b"retry of " + lane.key
            self._lanes[lane.key] = lane
            self.waiting.requeue(lane.key.removeprefix(b"retry of "))

    patch.setattr(Delivery, "_next", planted)


def misreads_metadata(patch: pytest.MonkeyPatch) -> None:
    read = commit_metadata.read
    patch.setattr(commit_metadata, "read", lambda base, text: read(base, text)._replace(base=base + 1))


def cuts_metadata_from_the_lowest_offset(patch: pytest.MonkeyPatch) -> None:
    def planted(
        base: int, runs: Iterable[tuple[int, bytes]], run: int, mappings: str, limit: int = commit_metadata.LIMIT
    ) -> Written:
        flags = bytearray()
        for first, block in runs:
            flags.extend(bytes(first - base - len(flags)) + block)
        cut = 0
        while not (written := write(base, [(base, bytes(flags))], run, mappings, limit)).complete and cut < len(flags):
            flags[cut] = 0
            cut += 1
            if flags.count(1) == 1:
                return Written(f"pc1 0 {mappings} {commit_metadata._bitmap(flags)}", complete=False)
        return written

    write = commit_metadata.write
    patch.setattr(commit_metadata, "write", planted)


def skips_a_completed_event_after_an_earlier_one_was_sent_again(patch: pytest.MonkeyPatch) -> None:
    def planted(self: Partition, offset: int, key: bytes) -> bool:  # noqa: ARG001  # the very bug
        return offset in self._recovered

    patch.setattr(Partition, "delivered_before", planted)


def copies_what_was_completed_into_the_next_commit(patch: pytest.MonkeyPatch) -> None:
    commit = Partition.commit

    def planted(self: Partition, *, final: bool) -> Commit | None:
        self._recovered_end, end = 0, self._recovered_end
        made = commit(self, final=final)
        self._recovered_end = end
        if made is None or made.offset >= end:
            return made
        now = commit_metadata.read(made.offset, made.metadata)
        both = bytes(offset in now or offset in self._recovered for offset in range(made.offset, max(now.end, end)))
        return made._replace(metadata=commit_metadata.write(made.offset, [(made.offset, both)], 0, "m").text)

    patch.setattr(Partition, "commit", planted)


def settles_another_event_when_the_one_in_flight_was_forgotten(patch: pytest.MonkeyPatch) -> None:
    drop = Lane.drop

    def planted(self: Lane, partitions: Collection[TopicPartition]) -> None:
        left = self.left.copy()
        drop(self, partitions)
        if self.flying and self.apart and self.apart.singles:
            self.left, self.disturbed = left, False

    patch.setattr(Lane, "drop", planted)


def keeps_the_older_of_two_values(patch: pytest.MonkeyPatch) -> None:
    replace = Waiting.replace

    def planted(self: Waiting, partition: TopicPartition, key: bytes, newest: bytes) -> int | None:
        before = self._boxes[partition].get(key)
        number = replace(self, partition, key, newest)
        if number is not None and before is not None:
            self._boxes[partition][key] = before
        return number

    patch.setattr(Waiting, "replace", planted)


def repeats_a_call_without_what_is_newer(patch: pytest.MonkeyPatch) -> None:
    def planted(self: Part, pending: Pending) -> None:
        self.numbers += (pending.number, *pending.also)

    patch.setattr(Part, "absorb", planted)


def sends_a_lane_that_waits_for_its_records(patch: pytest.MonkeyPatch) -> None:
    follow = Delivery._next

    def planted(self: Delivery, lane: Lane) -> None:
        turn = lane.turn
        follow(self, lane)
        if self._lanes.get(lane.key) is lane:
            lane.turn = lane.turn or turn

    patch.setattr(Delivery, "_next", planted)


PLANTED = [
    commits_before_it_is_resolved,
    forgets_a_dead_letter_that_was_not_written,
    lets_go_of_a_dead_letter_that_was_not_written,
    merges_into_an_update_in_flight,
    skips_what_timed_out,
    resolves_all_of_a_merged_update_on_one_refusal,
    commits_one_too_many,
    lets_newer_values_overtake_a_retry,
    misreads_metadata,
    cuts_metadata_from_the_lowest_offset,
    skips_a_completed_event_after_an_earlier_one_was_sent_again,
    copies_what_was_completed_into_the_next_commit,
    settles_another_event_when_the_one_in_flight_was_forgotten,
    keeps_the_older_of_two_values,
    repeats_a_call_without_what_is_newer,
    sends_a_lane_that_waits_for_its_records,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(SEEDS):
        for partitions in (1, 2):
            try:
                World(seed, partitions=partitions).run()
            except Wrong as wrong:
                print(f"seed {seed}, {partitions} partitions: {wrong}")  # noqa: T201
                return
    pytest.fail(f"not found in {SEEDS} histories")
