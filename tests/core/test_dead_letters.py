"""Dead letters: resolved by the broker's word alone, and never too many."""

from __future__ import annotations

import pytest

from consumer.core.commit_metadata import read
from consumer.core.dead_letter_limit import WINDOW, DeadLetterShare
from consumer.core.engine import DEAD_LETTER_RETRY, MOST_DYING
from consumer.core.state import State
from tests.core.builders import LIMITS, OK, REFUSED, T0, T1, Script, calls, letters, pauses, readings


def test_only_the_brokers_report_resolves_a_rejected_record() -> None:
    script = Script().assign().give(0, "bad")
    (letter,) = letters(script.commands())
    assert letter.record == script.topic[T0, 0]
    assert (letter.rejection.reason, letter.rejection.mapping, letter.attempts, letter.status) == (
        "identity_missing",
        2,
        0,
        None,
    )
    assert script.commit() == (0, "")
    assert script.engine.tally.records == {}
    assert not script.engine.drained([T0])
    script.report(letter)
    assert script.engine.drained([T0])
    assert script.commit() == (1, "pc1 1 hash ")
    assert script.engine.tally.records == {("t", "dead_lettered", 2): 1}


def test_a_dead_letter_that_could_not_be_written_is_written_again_and_holds_its_offset_and_its_partition_alone() -> (
    None
):
    script = Script().assign().assign(T1).give(0, "bad", "c1:1").give(0, "c2:1", at=T1)
    commands = script.commands()
    (letter,) = letters(commands)
    for _ in range(3):
        script.report(letter, "no such topic")
        commands = script.commands()
        assert letters(commands) == []
        script.boot += DEAD_LETTER_RETRY - 0.01
        assert letters(script.commands()) == []
        script.boot += 0.01
        assert letters(script.commands()) == [letter]
        assert letters(script.commands()) == []
    assert script.engine.state(T0, script.now, behind=False) is State.DEAD_LETTER_BLOCKED
    assert script.engine.state(T1, script.now, behind=False) is State.PROGRESSING
    assert script.engine.partitions[T0].paused
    assert not script.engine.partitions[T1].paused
    assert {commit.partition: commit.offset for commit in script.engine.commits()} == {T0: 0, T1: 0}
    script.report(letter)
    assert [type(command).__name__ for command in script.commands()] == ["Resume"]
    assert [commit.offset for commit in script.engine.commits()] == [1]


def test_for_an_hour_without_the_topic_what_dies_stays_bounded_and_then_each_is_written_once() -> None:
    script = Script(LIMITS._replace(max_consecutive=1000)).assign().assign(T1)
    script.give(0, *["bad"] * 5).give(0, "c1:1", at=T1)
    script.end(calls(commands := script.commands())[0].number)
    trials = 0
    for _ in range(3600):
        for letter in letters(commands):
            script.report(letter, "no such topic")
            trials += 1
        script.boot += DEAD_LETTER_RETRY
        commands = script.commands()
    assert trials == 5 * 3600, "no faster than once a second"
    assert script.engine.pending_events == 5
    assert script.engine.partitions[T0].paused
    assert {commit.partition: commit.offset for commit in script.engine.commits()} == {T0: 0, T1: 1}
    for letter in letters(commands):
        script.report(letter)
    assert letters(script.commands()) == []
    assert script.engine.tally.records["t", "dead_lettered", 2] == 5
    assert [commit.offset for commit in script.engine.commits()] == [5]


def test_a_partition_with_a_dead_letter_that_could_not_be_written_still_delivers_what_it_has() -> None:
    script = Script().assign().give(0, "bad", "c1:1", "c1:2")
    commands = script.commands()
    script.report(letters(commands)[0], "failed")
    script.end(calls(commands)[0].number)
    assert script.commands() != []
    offset, metadata = script.commit() or (9, "")
    assert (offset, read(0, metadata).completed) == (0, 2)


def test_a_report_of_an_earlier_assignment_or_one_that_comes_twice_is_let_go() -> None:
    script = Script().assign(generation=4).give(0, "bad")
    (letter,) = letters(script.commands())
    script.report(letter, generation=3)
    assert script.engine.pending_events == 1
    script.report(letter)
    script.report(letter)
    assert script.engine.tally.records == {("t", "dead_lettered", 2): 1}
    script.engine.forget([T0])
    script.report(letter)


@pytest.mark.parametrize("dying", [MOST_DYING, MOST_DYING + 1])
def test_a_partition_is_paused_while_too_many_dead_letters_wait_for_the_broker(dying: int) -> None:
    script = Script(LIMITS._replace(max_consecutive=1000)).assign().give(0, *["bad"] * dying)
    commands = script.commands()
    assert len(pauses(commands)) == dying - MOST_DYING
    for letter in letters(commands):
        script.report(letter)
    assert len(pauses(script.commands())) == dying - MOST_DYING


# -- in a row ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 100])
def test_so_many_in_a_row_are_written_and_the_next_one_holds_its_offset(most: int) -> None:
    script = Script(LIMITS._replace(max_consecutive=most)).assign().give(0, *["bad"] * most)
    assert len(script.settle()) == most
    assert script.engine.stop_reason is None
    script.give(most, "bad", "bad", "c1:1")
    assert script.settle() == []
    assert script.engine.stop_reason is not None
    assert script.engine.stop_reason.startswith(
        f"dead_letter.max_consecutive: more than {most} dead letters in a row in t [0] at offset {most} "
    )
    (commit,) = script.engine.commits(final=[T0])
    assert (commit.offset, commit.metadata) == (most, f"pc1 {most} hash " if most else "")


def test_the_limit_counts_whether_written_or_not() -> None:
    script = Script(LIMITS._replace(max_consecutive=3)).assign().give(0, *["bad"] * 4)
    assert len(letters(script.commands())) == 3
    assert script.engine.stop_reason is not None


def test_what_target_refuses_past_the_limit_is_not_written_and_holds_its_offset() -> None:
    script = Script(LIMITS._replace(max_consecutive=0)).assign().give(0, "c1:1")
    script.one(REFUSED)
    script.read_again(readings(script.commands())[0])
    assert script.commands() == []
    assert script.engine.stop_reason is not None
    assert script.engine.pending_events == 1


@pytest.mark.parametrize("between", ["skip", "none", "c1:1"])
def test_what_lives_ends_a_run(between: str) -> None:
    script = Script(LIMITS._replace(max_consecutive=3)).assign().give(0, "bad", "bad", between, "bad", "bad", "bad")
    assert len(script.settle()) == 5
    assert script.engine.stop_reason is None
    script.give(6, "bad")
    assert script.settle() == []
    assert script.engine.stop_reason is not None


def test_runs_are_counted_for_each_partition() -> None:
    script = Script(LIMITS._replace(max_consecutive=2)).assign().assign(T1).give(0, "bad", "bad")
    script.give(0, "bad", "bad", at=T1)
    assert len(script.settle()) == 4
    assert script.engine.stop_reason is None


def test_what_target_refuses_counts_in_the_order_of_offsets_not_of_time() -> None:
    script = Script(LIMITS._replace(max_consecutive=3)).assign()
    script.give(0, "bad", "c1:poison", "bad", "c2:poison", "c3:1")
    dead = script.settle(lambda sent: REFUSED if sent.values == "v=poison" else OK)
    assert [letter.record.offset for letter in dead] == [0, 2, 1]
    assert script.engine.stop_reason is not None
    assert "at offset 3" in script.engine.stop_reason
    assert "(the last: refused)" in script.engine.stop_reason
    assert script.engine.commits(final=[T0])[0].offset == 3


def test_once_stopped_nothing_more_is_sent_or_buried_but_what_is_being_written_is_waited_for() -> None:
    script = Script(LIMITS._replace(max_consecutive=1)).assign().assign(T1).give(0, "bad", "bad", "bad", "c1:1")
    script.give(0, "bad", at=T1)
    (letter,) = script.commands()
    assert letters([letter]) == [letter]
    script.report(letter, "failed")  # type: ignore[arg-type]  # a dead letter
    script.boot += DEAD_LETTER_RETRY
    assert letters(script.commands()) == [letter]
    script.report(letter)  # type: ignore[arg-type]  # a dead letter
    assert script.engine.drained([T0, T1])
    assert {commit.partition: commit.offset for commit in script.engine.commits(final=[T0, T1])} == {T0: 1, T1: 0}


def test_a_run_goes_on_after_a_restart_with_the_same_mappings_only() -> None:
    script = Script(LIMITS._replace(max_consecutive=5)).assign().give(0, *["bad"] * 4)
    script.settle()
    offset, metadata = script.commit() or (0, "")
    assert (offset, metadata) == (4, "pc1 4 hash ")
    for mappings, written in (("hash", 1), ("mended", 5)):
        again = Script(LIMITS._replace(max_consecutive=5), mappings=mappings).assign(committed=4, metadata=metadata)
        again.give(4, *["bad"] * 6)
        assert len(again.settle()) == written
        assert again.engine.stop_reason is not None
        assert f"at offset {4 + written} " in again.engine.stop_reason


def test_dead_letters_above_the_committed_offset_are_not_written_again_and_still_count() -> None:
    script = Script(LIMITS._replace(max_consecutive=5)).assign().give(0, "c1:1", "bad", "bad", "bad")
    commands = script.commands()
    for letter in letters(commands):
        script.report(letter)
    offset, metadata = script.commit() or (0, "")
    assert offset == 0
    again = Script(LIMITS._replace(max_consecutive=5)).assign(committed=0, metadata=metadata)
    again.give(0, "c1:1", "bad", "bad", "bad", "bad", "bad")
    assert [letter.record.offset for letter in again.settle()] == [4, 5]
    assert again.engine.pending_events == 0
    again.give(6, "bad")
    assert again.settle() == []
    assert again.engine.stop_reason is not None


# -- the share -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("read", "stops"), [(WINDOW - 2, False), (WINDOW - 1, True), (WINDOW, True)])
def test_the_share_is_looked_at_from_a_thousand_records_on(read: int, *, stops: bool) -> None:
    assert WINDOW == 1000
    script = Script(LIMITS._replace(max_ratio=0.0)).assign().give(0, *["skip"] * read).give(read, "bad")
    assert len(script.settle()) == (0 if stops else 1)
    assert (script.engine.stop_reason is not None) is stops


@pytest.mark.parametrize(("limit", "allowed"), [(0.0, 0), (0.001, 1), (0.01, 10), (0.5, 500)])
def test_so_many_of_the_last_thousand_are_written_and_the_next_holds_its_offset(limit: float, allowed: int) -> None:
    limits = LIMITS._replace(max_ratio=limit, max_consecutive=WINDOW)
    script = Script(limits).assign().give(0, *["skip"] * WINDOW)
    written = 0
    while script.engine.stop_reason is None:
        script.give(WINDOW + written, "bad")
        written += len(script.settle())
    assert written == allowed
    assert script.engine.stop_reason.startswith(f"dead_letter.max_ratio: more than {limit:g} of the last 1000 records ")
    assert script.engine.pending_events == 1


def test_a_share_of_all_never_stops() -> None:
    share = DeadLetterShare(1.0)
    for _ in range(3 * WINDOW):
        share.records += 1
        assert share.allows()
        share.died()
        share.died()


def test_old_dead_letters_no_longer_count() -> None:
    share = DeadLetterShare(0.001)
    share.records = WINDOW
    assert share.allows()
    share.died()
    assert not share.allows()
    share.records += WINDOW - 1
    assert not share.allows()
    share.records += 1
    assert share.allows()


def test_each_dead_letter_counts_for_a_thousand_records() -> None:
    share = DeadLetterShare(0.002)
    for share.records in (WINDOW, WINDOW + 500):
        assert share.allows()
        share.died()
    assert not share.allows()
    share.records = 2 * WINDOW
    assert share.allows()
    share.died()
    assert not share.allows()


def test_what_target_refuses_late_counts_in_the_share_and_all_partitions_together() -> None:
    script = Script(LIMITS._replace(max_ratio=0.002), max_in_flight=3).assign().assign(T1)
    script.give(0, "c1:1", "c2:1").give(0, "c3:1", at=T1)
    sends = script.sends()
    script.give(2, *["skip"] * (2 * WINDOW))
    for sent in sends:
        script.end(sent.number, REFUSED)
    assert len(script.settle()) == 2
    assert script.engine.stop_reason is not None
    assert script.engine.pending_events == 1
