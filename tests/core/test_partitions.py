"""Partitions come and go: drained before they go, and nothing of them is left behind or taken along."""

from __future__ import annotations

import pytest

from consumer.core.acknowledgement import CommitResult
from tests.core.builders import FAILED, OK, REFUSED, T0, T1, Script, calls, commit_result, letters


def offsets(script: Script) -> dict[int, int]:
    return {commit.partition.partition: commit.offset for commit in script.engine.commits()}


def test_at_a_hand_over_nothing_new_is_sent_for_any_partition_until_it_is_over() -> None:
    script = Script().assign().assign(T1).give(0, "c1:1").give(0, "c2:1", at=T1)
    sends = script.sends()
    script.give(1, "c3:1").give(1, "c4:1", at=T1)
    script.engine.revoking([T0])
    assert script.sends() == []
    assert not script.engine.drained([T0])
    script.end(sends[0].number)
    assert script.engine.drained([T0])
    assert not script.engine.drained([T0, T1])
    assert script.sends() == []
    (commit,) = script.engine.commits(final=[T0])
    assert (commit.offset, commit.partition) == (1, T0)
    script.engine.forget([T0])
    assert [sent.identity for sent in script.sends()] == ["c4"]


def test_a_call_of_another_partition_or_one_that_waits_does_not_hold_up_the_drain() -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "c1:1", at=T1).give(0, "c2:1")
    script.sends()
    script.engine.revoking([T0])
    assert script.engine.drained([T0])


def test_the_final_commit_of_a_drain_that_ran_out_of_time_leaves_what_is_unanswered_to_the_next_owner() -> None:
    script = Script().assign().give(0, "c1:1", "c2:2", "c3:3")
    sends = script.sends()
    script.engine.revoking([T0])
    script.end(sends[2].number)
    (commit,) = script.engine.commits(final=[T0])
    script.engine.forget([T0])
    script.end(sends[0].number)
    script.end(sends[1].number)
    assert script.engine.partitions == {}
    again = Script().assign(committed=commit.offset, metadata=commit.metadata).give(0, "c1:1", "c2:2", "c3:3")
    assert [sent.identity for sent in again.sends()] == ["c1", "c2"]


def test_what_waits_of_a_partition_is_dropped_and_of_others_is_kept() -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "first:1", at=T1)
    (first,) = script.sends()
    script.give(0, "c1:a=1,b=1").give(1, "c2:1").give(1, "c1:b=2,c=2", "c3:3", at=T1)
    script.engine.forget([T0])
    assert script.engine.pending_events == 3
    script.end(first.number)
    assert [script.one(), script.one()] == ["c1:b=2&c=2", "c3:v=3"]
    assert offsets(script) == {1: 3}
    assert script.sends() == []


def test_of_a_lane_that_is_to_be_repeated_exactly_the_partitions_part_is_dropped() -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "first:1")
    (first,) = script.sends()
    script.give(1, "c1:a=1,b=1").give(0, "c1:b=2,c=2", at=T1)
    script.end(first.number)
    assert script.one(FAILED) == "c1:a=1&b=2&c=2"
    script.engine.forget([T0])
    script.boot += 1
    assert script.one() == "c1:b=2&c=2"
    assert offsets(script) == {1: 1}


def test_the_outcome_of_a_call_whose_part_was_forgotten_settles_nothing_for_the_rest() -> None:
    for outcome in (OK, FAILED, REFUSED):
        script = Script(max_in_flight=1).assign().assign(T1).give(0, "first:1")
        (first,) = script.sends()
        script.give(1, "c1:a=1").give(0, "c1:b=2", at=T1)
        script.end(first.number)
        (sent,) = script.sends()
        script.engine.forget([T0])
        assert script.sends() == []
        script.end(sent.number, outcome)
        assert script.one() == "c1:b=2"
        assert offsets(script) == {1: 1}


def test_a_call_in_flight_of_a_forgotten_partition_still_keeps_its_identity_to_itself() -> None:
    script = Script().assign().give(0, "c1:1")
    (sent,) = script.sends()
    script.engine.forget([T0])
    script.assign(generation=2).give(0, "c1:1", "c1:2")
    assert script.sends() == []
    script.end(sent.number)
    assert script.one() == "c1:v=2"
    assert script.commit() == (2, "")


def test_a_partition_that_comes_again_begins_anew() -> None:
    script = Script().assign().give(0, "c1:1", "bad", "c2:2")
    script.commands()
    script.engine.forget([T0])
    script.assign(committed=1, generation=2)
    assert script.engine.pending_events == 0
    assert script.engine.pending_bytes < 100
    script.give(1, "c3:1")
    assert script.commit() == (1, "")


def test_dead_letters_of_a_lost_partition_are_forgotten() -> None:
    script = Script().assign().give(0, "bad")
    (letter,) = letters(script.commands())
    script.report(letter, "failed")
    script.engine.forget([T0])
    script.boot += 10
    assert script.commands() == []
    assert script.engine.drained([T0])


def test_a_partition_that_is_not_ours_is_forgotten_without_a_word() -> None:
    script = Script().assign()
    script.engine.revoking([T0, T1])
    script.engine.forget([T0, T1])
    assert script.engine.commits(final=[T0, T1]) == []
    script.assign().give(0, "c1:1")
    assert script.one() == "c1:v=1"


def test_calls_in_flight_are_counted_for_each_partition_that_they_carry_something_of() -> None:
    script = Script(max_in_flight=1).assign().assign(T1).give(0, "first:1")
    (first,) = script.sends()
    assert script.engine.in_flight() == {T0: 1}
    script.give(1, "c1:a=1").give(0, "c1:b=2", at=T1)
    script.end(first.number)
    script.sends()
    assert script.engine.in_flight() == {T0: 1, T1: 1}


@pytest.mark.parametrize("fenced", [False, True])
def test_a_commit_that_was_not_taken_is_given_again_unless_this_member_was_fenced_off(*, fenced: bool) -> None:
    script = Script().assign().give(0, "skip")
    (commit,) = script.engine.commits()
    script.engine.committed(commit_result(commit, fenced=fenced))
    assert script.engine.partitions[T0].committed == 0
    assert script.engine.commits() == ([] if fenced else [commit])


def test_the_result_of_a_commit_of_an_earlier_assignment_is_let_go() -> None:
    script = Script().assign().give(0, "skip")
    (commit,) = script.engine.commits()
    script.engine.forget([T0])
    script.engine.committed(CommitResult(commit))
    script.assign(committed=0, generation=2)
    script.engine.committed(CommitResult(commit))
    script.engine.committed(commit_result(commit))
    assert script.engine.partitions[T0].committed == 0
    script.give(0, "skip")
    (commit,) = script.engine.commits()
    script.engine.committed(CommitResult(commit))
    assert script.engine.partitions[T0].committed == 1


def test_metadata_that_the_broker_finds_too_large_is_left_out() -> None:
    script = Script().assign().give(0, "c1:1", "skip", "skip")
    script.sends()
    (commit,) = script.engine.commits()
    assert commit.metadata.startswith("pc1 0 hash b")
    script.engine.committed(commit_result(commit, too_large=True))
    (commit,) = script.engine.commits()
    assert (commit.offset, commit.metadata) == (0, "")
    script.give(3, "skip")
    assert script.engine.commits() == []
    assert not calls(script.commands())
