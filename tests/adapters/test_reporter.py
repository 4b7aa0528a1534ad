from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from consumer.adapters.health import Heartbeat
from consumer.adapters.kafka_health import Trouble
from consumer.adapters.logs import IdentityHasher
from consumer.adapters.metrics import Metrics
from consumer.adapters.reporter import EVERY, NEWEST, Names, Reporter, Windows
from consumer.adapters.status import PartitionStatus, StatusBoard
from consumer.core.acknowledgement import CommitResult, DeadLetterReport
from consumer.core.clock import Clocks
from consumer.core.command import DeadLetter
from consumer.core.outcome import Completed, Delivered, Transient
from consumer.core.partition import Assignment, Commit
from consumer.core.profile import Rejection
from consumer.core.quota import Unlimited
from consumer.core.state import State
from tests.adapters.snapshots import snapshot
from tests.core.builders import FORBIDDEN, MILLIS, T0, T1, WALL, Script, letters, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict

    from consumer.core.record import TopicPartition

HASHER = IdentityHasher("key")
COMMIT = Commit(T0, 3, "", 1)
NO_RETENTION: Any = SimpleNamespace(turn=lambda *_: None)


class Loaded:
    """Four mappings, as `Mappings` names them."""

    names = ("first", "second", "third", "fourth")
    hashes = ("h1", "h2", "h3", "h4")


class Source:
    """What the reporter asks of Kafka."""

    joined = True
    trouble: Trouble | None = None

    def __init__(self, **ends: int) -> None:
        self._ends = {T0: ends.get("t0"), T1: ends.get("t1")}

    def end_offsets(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        del positions
        return {key: end for key, end in self._ends.items() if end is not None}


class Watched:
    """A reporter over an engine that a test drives."""

    def __init__(self) -> None:
        self.board = StatusBoard(snapshot(State.STARTING, partitions=(), joined=False))
        self.metrics = Metrics(self.board)
        self.heartbeat = Heartbeat(60.0, 0.0)
        windows = Windows(self.metrics, self.board, self.heartbeat)
        self.reporter = Reporter(Loaded, Unlimited(), windows, Names("g", HASHER), NO_RETENTION)  # type: ignore[arg-type]  # stand in
        self.script = Script()
        self.source: Any = Source()

    def turn(self, later: float = EVERY) -> None:
        self.script.boot += later
        self.reporter.turn(self.script.engine, self.source, self.script.now)

    def end(self, *completed: Completed) -> None:
        for call in completed:
            self.script.engine.completed(call, self.script.now)
        self.reporter.calls(completed, self.script.engine, self.script.now)

    def value(self, sample: str) -> float:
        lines = self.metrics.exposition("")[0].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"profile_consumer_{sample} ")), 0.0)

    @property
    def partitions(self) -> tuple[PartitionStatus, ...]:
        return self.board.latest.status.partitions


@pytest.fixture
def watched() -> Watched:
    return Watched()


def events(said: list[EventDict], *names: str) -> list[EventDict]:
    return [entry for entry in said if entry["event"] in names]


def dead_letter(offset: int, mapping: int | None = 1) -> DeadLetter:
    return DeadLetter(record(offset, "bad"), Rejection("map", "identity_missing", "nothing at /id", mapping))


def test_a_snapshot_shows_what_the_engine_holds(watched: Watched) -> None:
    watched.source = Source(t0=9)
    script = watched.script.assign(T0, 2).assign(T1, None)
    script.give(2, "c1:1", "c1:2", "c2:3", timestamp=MILLIS - 50_000)
    script.sends()
    watched.turn()
    zero, one = watched.partitions
    assert (zero.committed, zero.position, zero.end, zero.lag, zero.pending, zero.in_flight) == (2, 5, 9, 7, 3, 2)
    assert (one.committed, one.position, one.end, one.lag, one.pending, one.in_flight) == (None, 0, None, None, 0, 0)
    assert (zero.state, one.state) == (State.PROGRESSING, State.IDLE)
    seen = watched.board.latest
    assert (seen.status.state, seen.joined, seen.pending_events, seen.in_flight_calls) == (
        State.PROGRESSING,
        True,
        3,
        2,
    )
    assert seen.pending_bytes > 0
    assert seen.oldest_pending_seconds == pytest.approx(50 + script.boot)


def test_the_oldest_event_counts_while_it_waits_is_on_the_wire_is_to_be_repeated_or_dies(watched: Watched) -> None:
    script = watched.script.assign()

    def oldest() -> float:
        watched.turn()
        return watched.board.latest.oldest_pending_seconds

    script.give(0, "c1:1")
    assert oldest() > 0
    (sent,) = script.sends()
    assert oldest() > 0
    script.end(sent.number, Transient(500, "status"))
    assert oldest() > 0
    script.boot += 1000
    script.one()
    assert oldest() == 0
    script.give(1, "bad")
    (dying,) = letters(script.commands())
    assert oldest() > 0
    script.report(dying)
    assert oldest() == 0


def test_between_two_snapshots_the_loop_is_seen_to_turn_and_nothing_else_is_done(watched: Watched) -> None:
    watched.turn()
    before = watched.board.latest
    watched.heartbeat.beat(0.0)
    watched.turn(EVERY / 2)
    assert watched.board.latest is before
    assert not watched.heartbeat.live(1e9).ok
    watched.turn(EVERY / 2)
    assert watched.board.latest is not before


@pytest.mark.parametrize(
    ("joined", "trouble", "state"),
    [
        (True, None, State.IDLE),
        (False, None, State.STARTING),
        (True, Trouble(5.0, "no broker answers"), State.KAFKA_UNREACHABLE),
        (False, Trouble(5.0, "no broker answers"), State.KAFKA_UNREACHABLE),
    ],
)
def test_the_service_shows_its_own_states(
    watched: Watched,
    joined: bool,  # noqa: FBT001 - a table
    trouble: Trouble | None,
    state: State,
) -> None:
    watched.source.joined, watched.source.trouble = joined, trouble
    watched.turn()
    seen = watched.board.latest
    assert seen.status.state == state
    assert seen.kafka_failing_since == (5.0 if trouble else None)
    assert seen.kafka_failing_why == (trouble.reason if trouble else "")


def test_refused_credentials_are_told_of_kafka_and_of_target(watched: Watched) -> None:
    watched.source.trouble = Trouble(5.0, "who are you", refused=True)
    watched.turn()
    assert watched.board.latest.credentials_refused
    watched.source.trouble = None
    watched.turn()
    assert not watched.board.latest.credentials_refused
    script = watched.script.assign().give(0, "c1:1")
    (sent,) = script.sends()
    script.end(sent.number, FORBIDDEN)
    watched.turn()
    assert watched.board.latest.credentials_refused
    assert (watched.partitions[0].state, watched.partitions[0].reason) == (State.CREDENTIALS_REFUSED, "token")


def test_the_start_is_told_once_when_the_group_has_taken_us_in(watched: Watched, said: list[EventDict]) -> None:
    watched.source.joined = False
    watched.turn()
    assert not events(said, "started")
    watched.source.joined = True
    for _ in range(3):
        watched.turn(EVERY / 10)
    assert events(said, "started") == [{"event": "started", "log_level": "info", "group_id": "g"}]


def test_a_state_is_told_when_it_changes(watched: Watched, said: list[EventDict]) -> None:
    watched.script.assign().give(0, "c1:1")
    watched.turn()
    watched.turn()
    since = watched.partitions[0].since
    watched.script.one()
    watched.turn()
    [line] = events(said, "state_changed")
    assert (line["topic"], line["partition"], line["before"], line["state"]) == ("t", 0, "progressing", "idle")
    assert watched.partitions[0].since == since + 2


def test_calls_and_what_they_carried_are_counted(watched: Watched) -> None:
    watched.script.assign().give(0, "c1:1", "c1:2", timestamp=MILLIS)
    (sent,) = watched.script.sends()
    watched.script.boot += 2
    watched.end(Completed(sent.number, Delivered(200), 0.25))
    assert (watched.value('calls_total{outcome="delivered"}'), watched.value("call_seconds_sum")) == (1, 0.25)
    assert (watched.value("events_per_call_sum"), watched.value("delay_seconds_sum")) == (2, 102)
    watched.end()
    assert watched.value("events_per_call_count") == 1, "an arrival is told once"
    watched.turn()
    assert watched.board.latest.status.calls == {"delivered": 1}


def test_a_delivery_is_told_at_debug_with_a_hash_for_a_name(
    watched: Watched, said: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.script.assign().give(0, "c1:1", "c1:2")
    (sent,) = watched.script.sends()
    watched.end(Completed(sent.number, Delivered(200), 0.25))
    [line] = events(said, "delivered")
    assert (line["log_level"], line["events"], line["seconds"]) == ("debug", 2, 100.0)
    assert line["identity"] == HASHER(b"mbox3rdPartyId=c1")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    monkeypatch.setattr(watched.reporter, "_hasher", None)  # would fail if it were asked
    watched.script.give(2, "c1:3")
    (sent,) = watched.script.sends()
    watched.end(Completed(sent.number, Delivered(200), 0.25))
    assert len(events(said, "delivered")) == 1


def test_records_are_counted_by_topic_outcome_and_mapping(watched: Watched) -> None:
    watched.script.assign().give(0, "c1:1", "c2!:2", "skip", "none", "bad")
    watched.script.settle()
    watched.turn()
    watched.turn()
    for outcome, count in (("delivered", 2), ("skipped", 1), ("unmatched", 1), ("dead_lettered", 1)):
        assert watched.value(f'records_total{{outcome="{outcome}",topic="t"}}') == count
    shown = watched.board.latest
    assert [mapping.records for mapping in shown.status.mappings] == [
        {"delivered": 1},
        {"delivered": 1},
        {"dead_lettered": 1},
        {"skipped": 1},
    ]
    assert shown.unmapped == {"unmatched": 1}


def test_a_dead_letter_is_told_when_the_broker_has_it(watched: Watched, said: list[EventDict]) -> None:
    watched.reporter.dying(dead_letter(7))
    assert not said
    watched.reporter.dead_letter(DeadLetterReport(T0, 7, 1), watched.script.now)
    watched.reporter.dead_letter(DeadLetterReport(T0, 7, 1), watched.script.now)
    [line] = events(said, "dead_lettered")
    assert line == {
        "event": "dead_lettered",
        "log_level": "warning",
        "topic": "t",
        "partition": 0,
        "offset": 7,
        "stage": "map",
        "reason": "identity_missing",
        "mapping": "second",
        "message": "nothing at /id",
    }
    assert watched.value('dead_letters_total{reason="identity_missing",stage="map"}') == 1
    watched.turn()
    [shown] = watched.board.latest.dead_letters
    assert (shown.offset, shown.mapping, shown.at) == (7, "second", WALL + 100)


def test_the_page_gets_the_newest_dead_letters(watched: Watched) -> None:
    for offset in range(NEWEST + 1):
        watched.reporter.dying(dead_letter(offset, None))
        watched.reporter.dead_letter(DeadLetterReport(T0, offset, 1), watched.script.now)
    watched.turn()
    assert [shown.offset for shown in watched.board.latest.dead_letters] == list(range(NEWEST, 0, -1))


def test_a_dead_letter_that_cannot_be_written_is_told_once_in_a_while(watched: Watched, said: list[EventDict]) -> None:
    failed = DeadLetterReport(T0, 7, 1, "TOPIC_AUTHORIZATION_FAILED")
    watched.reporter.dying(dead_letter(7))
    for _ in range(3):
        watched.reporter.dead_letter(failed, watched.script.now)
    watched.script.boot += 10
    watched.reporter.dead_letter(failed, watched.script.now)
    assert [line["suppressed"] for line in events(said, "dead_letter_blocked")] == [0, 2]
    watched.reporter.dead_letter(DeadLetterReport(T0, 7, 1), watched.script.now)
    assert len(events(said, "dead_lettered")) == 1


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (CommitResult(COMMIT), "ok"),
        (CommitResult(COMMIT, "_TIMED_OUT", retriable=True), "failed"),
        (CommitResult(COMMIT, "UNKNOWN_MEMBER_ID", fenced=True), "fenced"),
    ],
)
def test_commits_are_counted_by_result(
    watched: Watched, said: list[EventDict], result: CommitResult, word: str
) -> None:
    watched.reporter.commit(result, watched.script.now)
    assert watched.value(f'commits_total{{result="{word}"}}') == 1
    assert [line["log_level"] for line in said] == ["debug" if word == "ok" else "warning"]


def test_commits_that_nobody_answered_are_counted(watched: Watched) -> None:
    watched.reporter.unanswered(2)
    assert watched.value('commits_total{result="unknown"}') == 2


def test_partitions_come_and_go_with_a_line_each(watched: Watched, said: list[EventDict]) -> None:
    engine = watched.script.assign(T0).assign(T1).engine
    watched.reporter.assigned([Assignment(T0, 1, 5), Assignment(T1, 1, None)])
    watched.reporter.draining([T0], engine)
    watched.reporter.revoked([T0], engine, 0.1234)
    watched.reporter.lost([T1])
    assert [(line["event"], line.get("partition"), line.get("offset"), line.get("seconds")) for line in said] == [
        ("partition_assigned", 0, 5, None),
        ("partition_assigned", 1, None, None),
        ("draining", None, None, None),
        ("partition_revoked", 0, None, 0.123),
        ("partition_lost", 1, None, None),
    ]
    for kind in ("assigned", "revoked", "lost"):
        assert watched.value(f'rebalances_total{{kind="{kind}"}}') == 1


def test_a_drain_that_ran_out_of_time_says_what_is_left(watched: Watched, said: list[EventDict]) -> None:
    script = watched.script.assign().give(0, "c1:1", "c1:2", "c2:3")
    script.sends()
    watched.reporter.revoked([T0], script.engine, 25.0)
    [line] = events(said, "drain_timed_out")
    assert (line["partition"], line["calls"], line["events"]) == (0, 2, 3)


def test_what_a_partition_showed_is_forgotten_with_it(watched: Watched, said: list[EventDict]) -> None:
    watched.script.assign().give(0, "c1:1")
    watched.turn()
    watched.reporter.dying(dead_letter(7))
    watched.reporter.lost([T0])
    watched.script.engine.forget([T0])
    watched.script.assign()
    watched.reporter.dead_letter(DeadLetterReport(T0, 7, 1), watched.script.now)
    watched.turn()
    assert not events(said, "state_changed", "dead_lettered")
    assert watched.partitions[0].since == watched.script.now.wall


def test_the_end_is_shown_at_once_and_stays(watched: Watched, said: list[EventDict]) -> None:
    watched.script.assign()
    watched.turn()
    watched.reporter.stopping("asked to stop", Clocks(1.0, 99.0))
    assert (watched.board.latest.status.state, watched.board.latest.status.since) == (State.STOPPING, 99.0)
    watched.turn()
    assert watched.board.latest.status.state == State.STOPPING
    watched.reporter.stopped(1.23456)
    assert [
        (line["event"], line.get("reason"), line.get("seconds")) for line in events(said, "stopping", "stopped")
    ] == [
        ("stopping", "asked to stop", None),
        ("stopped", None, 1.235),
    ]
