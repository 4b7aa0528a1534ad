"""What is committed, and what a commit's metadata spares the next owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.core import commit_metadata
from consumer.core.commit_metadata import read
from consumer.core.partition import Assignment, Commit, Partition
from tests.core.builders import OK, REFUSED, T0, Script, Sent

if TYPE_CHECKING:
    from consumer.core.outcome import Outcome

EVENTS = ("c1:1", "c2:1", "c1:2", "c2:2", "c3:1")


def completed(*offsets: int, base: int = 0, run: int = 0, mappings: str = "hash") -> str:
    flags = bytes(offset in offsets for offset in range(base, max(offsets) + 1))
    return commit_metadata.write(base, [(base, flags)], run, mappings).text


def sent(script: Script) -> list[str]:
    """What is said to Target until nothing waits any more."""
    said = []

    def judge(sent: Sent) -> Outcome:
        said.append(f"{sent.identity}:{sent.values}")
        return OK

    script.settle(judge)
    return said


def test_nothing_is_committed_before_anything_was_read_and_nothing_twice() -> None:
    script = Script().assign(committed=5)
    assert script.commit() is None
    assert script.engine.commits(final=[T0]) == []
    script.give(5, "skip")
    assert script.commit() == (6, "")
    assert script.engine.commits(final=[T0]) == []
    script.give(6, "c1:1")
    assert script.commit() is None
    script.give(7, "skip")
    assert read(6, (script.commit() or (0, ""))[1]).completed == 1
    assert script.commit() is None


def test_a_partition_without_a_commit_commits_its_first_offset() -> None:
    script = Script().assign(committed=None).give(40, "c1:1")
    assert script.commit() == (40, "")


@pytest.mark.parametrize("base", [2**31 - 3, 2**32 - 3, 2**53])
def test_offsets_of_any_size_are_committed_remembered_and_read_again(base: int) -> None:
    script = Script().assign(committed=base).give(base, *EVENTS)
    c1, c2, c3 = script.sends()
    script.end(c2.number, REFUSED)
    script.end(c3.number)
    offset, metadata = script.commit() or (0, "")
    assert (offset, [each for each in range(base, base + 6) if each in read(base, metadata)]) == (base, [base + 4])
    again = Script().assign(committed=base, metadata=metadata).give(base, *EVENTS)
    assert sent(again) == ["c1:v=2", "c2:v=2"]
    assert again.commit() == (base + 5, "")
    script.end(c1.number)
    script.settle()
    assert script.commit() == (base + 5, "")


def test_what_is_completed_above_the_offset_is_not_sent_again() -> None:
    script = Script().assign(metadata=completed(1, 4)).give(0, *EVENTS)
    assert sent(script) == ["c1:v=2", "c2:v=2"]
    assert script.commit() == (5, "")
    assert script.engine.tally.records == {("t", "delivered", 0): 3}


@pytest.mark.parametrize(
    ("metadata", "again"),
    [
        ((2,), ["c1:v=2", "c2:v=2", "c3:v=1"]),  # 2 follows 0 of the same identity, which is sent
        ((2, 3), ["c1:v=2", "c2:v=2", "c3:v=1"]),  # 3 follows 1
        ((1, 3), ["c1:v=2", "c3:v=1"]),  # nothing of c2 is sent
        ((3,), ["c1:v=2", "c2:v=2", "c3:v=1"]),
        ((4,), ["c1:v=2", "c2:v=2"]),
        ((0, 1, 2, 3, 4), []),
    ],
)
def test_a_completed_event_is_sent_again_after_an_earlier_one_of_its_identity(
    metadata: tuple[int, ...], again: list[str]
) -> None:
    script = Script().assign(metadata=completed(*metadata)).give(0, *EVENTS)
    assert sent(script) == again
    assert script.commit() == (5, "")


def test_it_is_sent_again_although_the_earlier_one_was_delivered_meanwhile() -> None:
    script = Script().assign(metadata=completed(2)).give(0, "c1:1", "c2:1")
    assert sent(script) == ["c1:v=1", "c2:v=1"]
    assert script.engine.pending_events == 0
    script.give(2, "c1:2")
    assert sent(script) == ["c1:v=2"]


def test_a_completed_event_of_mended_mappings_is_not_sent_and_an_earlier_one_does_not_matter_while_it_is_rejected() -> (
    None
):
    script = Script().assign(metadata=completed(1)).give(0, "bad", "c1:1")
    assert len(script.settle()) == 1
    assert script.engine.tally.records == {("t", "dead_lettered", 2): 1}


def test_once_all_that_was_completed_is_read_no_identity_is_remembered() -> None:
    script = Script().assign(metadata=completed(1)).give(0, "c1:1")
    partition = script.engine.partitions[T0]
    assert partition.recovering
    assert partition._sent_again == {b"mbox3rdPartyId=c1"}
    script.give(1, "c1:2")
    assert partition.recovering
    script.give(2, "c1:3")
    assert not partition.recovering
    assert partition._sent_again == set()
    assert sent(script) == ["c1:v=3"]


@pytest.mark.parametrize(
    "metadata", ["", "of somebody else", "pc1 0 hash bgarbage\x7f", completed(4).replace("pc1", "pc2")]
)
def test_with_foreign_metadata_everything_is_sent(metadata: str) -> None:
    script = Script().assign(metadata=metadata).give(0, *EVENTS)
    assert sent(script) == ["c1:v=2", "c2:v=2", "c3:v=1"]


def test_no_commit_forgets_what_was_completed_before_it_was_read_again() -> None:
    script = Script().assign(metadata=completed(1, 2, 3, 4)).give(0, "c9:1", "c1:1")
    script.one()
    assert script.engine.commits() == []
    script.give(2, "c2:1", "c3:1")
    assert script.engine.commits() == []
    script.give(4, "c4:1")
    assert script.commit() == (5, "")


@pytest.mark.parametrize(("answered", "committed"), [(0, []), (1, []), (2, [2]), (3, [3])])
def test_a_final_commit_before_that_is_made_only_if_it_spares_more_than_it_forgets(
    answered: int, committed: list[int]
) -> None:
    script = Script().assign(metadata=completed(8, 9)).give(0, *(f"c{number}:1" for number in range(6)))
    sends = script.sends()
    script.engine.revoking([T0])
    for call in sends[:answered]:
        script.end(call.number)
    assert [commit.offset for commit in script.engine.commits(final=[T0])] == committed


def test_metadata_that_holds_not_all_is_told_and_cut_from_the_highest_offset_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit_metadata, "LIMIT", len("pc1 0 hash ") + 3)
    script = Script().assign().give(0, "c1:1", *["skip"] * 20)
    script.sends()
    offset, metadata = script.commit() or (9, "")
    assert script.engine.partitions[T0].metadata_full
    assert 0 < read(offset, metadata).completed < 20
    assert read(offset, metadata).completed == read(offset, metadata).end - 1
    script.end(1)
    assert script.commit() == (21, "")
    assert not script.engine.partitions[T0].metadata_full


def test_metadata_is_written_only_when_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = commit_metadata.write
    monkeypatch.setattr(commit_metadata, "write", lambda *given: written.append(given[0]) or write(*given))  # type: ignore[func-returns-value]  # always None
    script = Script().assign().give(0, "c1:1", "skip")
    for _ in range(3):
        script.commit()
    assert written == [0]
    script.give(2, "skip")
    script.commit()
    assert written == [0, 0]


def test_a_refused_commit_is_given_again_with_what_is_the_case_then() -> None:
    partition = Partition(Assignment(T0, 3, 0), "hash")
    for offset in (0, 1):
        partition.tracker.track(offset)
        partition.tracker.give(1)
        assert partition.commit(final=False) == Commit(T0, offset + 1, "", 3)
        if offset == 0:
            partition.not_committed(metadata_too_large=False)
            assert partition.commit(final=False) == Commit(T0, 1, "", 3)
            assert partition.metadata_limit == commit_metadata.LIMIT
    partition.not_committed(metadata_too_large=True)
    assert partition.metadata_limit == 0
    assert partition.commit(final=False) == Commit(T0, 2, "", 3)


def test_a_run_of_refused_events_travels_with_the_commit() -> None:
    script = Script().assign().give(0, "c1:poison", "c2:poison", "c3:1")
    script.settle(lambda sent: REFUSED if "poison" in sent.values else OK)
    assert script.commit() == (3, "")
    script = Script().assign().give(0, "c3:1", "c1:poison", "c2:poison")
    script.settle(lambda sent: REFUSED if "poison" in sent.values else OK)
    assert script.commit() == (3, "pc1 2 hash ")
