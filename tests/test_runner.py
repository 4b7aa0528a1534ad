from __future__ import annotations

import threading
from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from consumer.adapters.health import Heartbeat
from consumer.adapters.logs import IdentityHasher
from consumer.adapters.metrics import Metrics
from consumer.adapters.quota_ledger import NoLedger
from consumer.adapters.reporter import Names, Reporter, Windows
from consumer.adapters.status import StatusBoard
from consumer.core.acknowledgement import CommitResult, DeadLetterReport
from consumer.core.clock import Clocks
from consumer.core.outcome import Completed, Delivered, Refused
from consumer.core.partition import Assignment
from consumer.core.quota import Unlimited
from consumer.core.record import TopicPartition
from consumer.errors import Stopped
from consumer.runner import Outside, Runner, Timing
from tests.adapters.snapshots import snapshot
from tests.core.builders import LIMITS, T0, T1, Script, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from structlog.typing import EventDict

    from consumer.adapters.kafka import Listener
    from consumer.core.command import DeadLetter, ReadAgain, Send
    from consumer.core.outcome import Outcome
    from consumer.core.partition import Commit
    from consumer.core.record import Record


NEVER = 1e9
NO_RETENTION: Any = SimpleNamespace(turn=lambda *_: None)


class Loaded:
    """Four mappings, as `Mappings` names them."""

    names = ("first", "second", "third", "fourth")
    hashes = ("h1", "h2", "h3", "h4")


class World:
    """Kafka, Target, dead letters and records read again, all in memory; `journal` says what was done to them.

    `polls` holds what happens at each poll: records that come, or a call that Kafka makes back. When nothing is left to
    happen, `stopping` is set.
    """

    joined, trouble = True, None

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.polls: deque[Iterable[Record] | Callable[[], None]] = deque()
        self.stopping = threading.Event()
        self.answer: Callable[[Send], Outcome | None] = lambda _: Delivered(200)
        self.commits_are_answered = True
        self.letters_are_written = True
        self.topic: dict[tuple[TopicPartition, int], Record] = {}
        self.listener: Listener
        self.kafka: Any
        self.asked_for: list[int] = []
        self.decided_at: list[float] = []
        self._outcomes: list[Completed] = []
        self._reports: list[DeadLetterReport] = []
        self._commits: list[CommitResult] = []
        self._found: list[tuple[TopicPartition, int, Record | None]] = []

    # -- Kafka ---------------------------------------------------------------------------------------------------------

    def poll(self, timeout: float, most: int) -> list[Record]:
        del timeout
        self.asked_for.append(most)
        happens = self.polls.popleft() if self.polls else self.stopping.set
        if callable(happens):
            happens()
            return []
        records = list(happens)
        self.topic.update(((TopicPartition(one.topic, one.partition), one.offset), one) for one in records)
        return records

    def confirm(self) -> None:
        self.journal.append("confirm")
        self.kafka.certain = False

    def commit(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            self.journal.append(f"commit {commit.partition.topic}{commit.partition.partition} {commit.offset}")
            if self.commits_are_answered:
                self._commits.append(CommitResult(commit))

    def committed(self) -> list[CommitResult]:
        results, self._commits = self._commits, []
        return results

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self.journal.append(f"pause {len(list(partitions))}")

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self.journal.append(f"resume {len(list(partitions))}")

    def end_offsets(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        del positions
        return {}

    # -- Target, dead letters, the second reader -----------------------------------------------------------------------

    def submit(self, sends: Sequence[Send], at: float) -> None:
        self.decided_at.append(at)
        for send in sends:
            self.journal.append(f"call {send.identity.decode().partition('=')[2]}")
            outcome = self.answer(send)
            if outcome is not None:
                self._outcomes.append(Completed(send.number, outcome, 0.01))

    def completed(self, timeout: float) -> list[Completed]:
        del timeout
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def write(self, letter: DeadLetter) -> None:
        self.journal.append(f"dead letter {letter.record.offset}")
        if self.letters_are_written:
            place = TopicPartition(letter.record.topic, letter.record.partition)
            self._reports.append(DeadLetterReport(place, letter.record.offset, letter.generation))

    def reports(self) -> list[DeadLetterReport]:
        reports, self._reports = self._reports, []
        return reports

    def request(self, wanted: ReadAgain) -> None:
        self.journal.append(f"read again {list(wanted.offsets)}")
        self._found += [(wanted.partition, offset, self.topic[wanted.partition, offset]) for offset in wanted.offsets]

    def found(self) -> list[tuple[TopicPartition, int, Record | None]]:
        found, self._found = self._found, []
        return found


class Part:
    """One side of the world: what the loop calls `poll` and `close` of each."""

    def __init__(self, world: World, name: str, **methods: Any) -> None:
        self._world, self._name = world, name
        self.__dict__.update(methods)

    def close(self, seconds: float | None = None) -> None:
        self._world.journal.append(f"close {self._name}")
        assert seconds is None or seconds >= 0


class Rig:
    """A runner in such a world, and the metrics of its reporter."""

    def __init__(self, *, drain_timeout: float = 30.0, commit_interval: float = NEVER, **limits: Any) -> None:
        self.world = World()
        self.script = Script(LIMITS._replace(**limits))
        board = StatusBoard(snapshot(partitions=()))
        self.metrics = Metrics(board)
        windows = Windows(self.metrics, board, Heartbeat(60.0, 0.0))
        reporter = Reporter(Loaded, Unlimited(), windows, Names("g", IdentityHasher(None)), NO_RETENTION)  # type: ignore[arg-type]  # stands in
        world = self.world
        calls: Any = Part(world, "calls", submit=world.submit, completed=world.completed)
        letters: Any = Part(world, "dead letters", write=world.write, reports=world.reports)
        reader: Any = Part(world, "reader", request=world.request, poll=world.found)
        schemas: Any = Part(world, "schemas", poll=list)
        timing = Timing(commit_interval, drain_timeout)
        self.runner = Runner(
            self.script.engine, self._connect, Outside(calls, letters, reader, schemas, NoLedger(), reporter), timing
        )

    def _connect(self, listener: Listener) -> Any:
        self.world.listener = listener
        methods = ("poll", "commit", "committed", "confirm", "pause", "resume", "end_offsets", "joined", "trouble")
        parts = {name: getattr(self.world, name) for name in methods}
        self.world.kafka = Part(self.world, "kafka", certain=True, **parts)
        return self.world.kafka

    def run(self, *polls: Iterable[Record] | Callable[[], None]) -> list[str]:
        """Turn until all of it has happened; the journal."""
        self.world.polls.extend(polls)
        self.runner.run(self.world.stopping)
        return self.world.journal

    def assign(self, *partitions: TopicPartition) -> Callable[[], None]:
        return lambda: self.world.listener.assigned([Assignment(each, 1, 0) for each in partitions])

    def revoke(self, *partitions: TopicPartition) -> Callable[[], None]:
        return lambda: self.world.commit(self.world.listener.revoking(partitions))

    def count(self, sample: str) -> float:
        lines = self.metrics.exposition("")[0].decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"profile_consumer_{sample} "))


CLOSED = ["close kafka", "close calls", "close dead letters", "close reader", "close schemas"]


def test_a_record_is_called_for_committed_and_left_behind_in_order() -> None:
    rig = Rig()
    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "c2:2")])
    assert journal == ["call c1", "call c2", "pause 1", "commit t0 2", *CLOSED]
    assert rig.count('commits_total{result="ok"}') == 1


def test_what_is_on_the_wire_at_a_stop_is_waited_for_and_committed() -> None:
    rig = Rig()
    late: list[Send] = []
    rig.world.answer = late.append  # it is answered later
    settle = rig.world.completed

    def completed(timeout: float) -> list[Completed]:
        if rig.world.stopping.is_set() and late:
            rig.world._outcomes.append(Completed(late.pop().number, Delivered(200), 1.0))
        return settle(timeout)

    rig.runner._calls.completed = completed  # type: ignore[method-assign]  # answers once it is asked to stop
    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "c2:2")])
    assert journal == ["call c1", "call c2", "pause 1", "commit t0 2", *CLOSED]


def test_a_stop_takes_no_longer_than_its_deadline_whatever_does_not_answer() -> None:
    rig = Rig(drain_timeout=0.05)
    rig.world.commits_are_answered = False
    rig.world.answer = lambda send: None if send.identity.endswith(b"c2") else Delivered(200)
    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "c2:2"), record(2, "c3:3")])
    assert journal[-7:] == ["pause 1", "commit t0 1", *CLOSED], "what is not answered is not committed"
    assert rig.count('commits_total{result="unknown"}') == 1


def test_a_partition_that_is_asked_back_is_drained_and_its_commit_handed_over() -> None:
    rig = Rig()
    journal = rig.run(rig.assign(T0, T1), [record(0, "c1:1"), record(0, "c2:2", T1)], rig.revoke(T0))
    assert journal == ["call c1", "call c2", "commit t0 1", "pause 1", "commit t1 1", *CLOSED]


def test_a_drain_sends_nothing_new() -> None:
    rig = Rig(drain_timeout=0.05)
    rig.world.answer = lambda _: None

    def read_and_lose() -> None:
        rig.script.engine.received([record(1, "c2:2")], rig.script.now)
        rig.world.listener.revoking([T0])

    journal = rig.run(rig.assign(T0), [record(0, "c1:1")], read_and_lose)
    assert journal == ["call c1", "pause 0", *CLOSED]


def test_a_lost_partition_is_not_committed() -> None:
    rig = Rig()
    rig.world.commits_are_answered = False
    journal = rig.run(rig.assign(T0), [record(0, "c1:1")], lambda: rig.world.listener.lost([T0]), [record(1, "c2:2")])
    assert journal == ["call c1", "pause 0", *CLOSED]


def test_too_many_dead_letters_stop_it_with_the_offset_held() -> None:
    rig = Rig(max_consecutive=2)
    with pytest.raises(Stopped, match=r"dead_letter.max_consecutive: more than 2 dead letters in a row in t \[0\]"):
        rig.run(rig.assign(T0), [record(0, "c1:1")], [record(offset, "bad") for offset in range(1, 5)], [], [])
    letters = [line for line in rig.world.journal if line.startswith("dead letter")]
    assert letters == ["dead letter 1", "dead letter 2"]
    assert [line for line in rig.world.journal if line.startswith("commit")][-1] == "commit t0 3"
    assert rig.world.journal[-5:] == CLOSED


def test_a_dead_letter_that_nobody_acknowledged_holds_its_offset() -> None:
    rig = Rig(drain_timeout=0.05)
    rig.world.letters_are_written = False
    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "bad"), record(2, "c2:2")])
    assert "commit t0 1" in journal
    assert "commit t0 3" not in journal


def test_only_the_guilty_record_of_a_refused_update_dies() -> None:
    rig = Rig()
    rig.world.answer = lambda send: Refused(400, "status") if b"v=2" in send.attributes else Delivered(200)
    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "c1:2")], *[[]] * 5)
    apart = ["call c1", "read again [0, 1]", "call c1", "call c1", "dead letter 1"]
    assert journal == [*apart, "pause 1", "commit t0 2", *CLOSED]


def test_offsets_are_committed_while_it_runs() -> None:
    rig = Rig(commit_interval=0.0)
    journal = rig.run(rig.assign(T0), [record(0, "c1:1")], [], [], [record(1, "c2:2")], [], [])
    assert [line for line in journal if line.startswith("commit")] == ["commit t0 0", "commit t0 1", "commit t0 2"]
    assert journal[-7:] == ["commit t0 2", "pause 1", *CLOSED], "nothing is left to commit at the end"


def test_kafka_that_cannot_go_on_ends_it_in_order() -> None:
    rig = Rig()

    def broken() -> None:
        raise Stopped("offset 7 is not in the topic")

    with pytest.raises(Stopped, match="offset 7"):
        rig.run(rig.assign(T0), [record(0, "c1:1")], broken)
    assert rig.world.journal[-6:] == ["commit t0 1", *CLOSED]


def test_a_part_that_has_ended_by_itself_does_not_keep_the_others_from_their_end() -> None:
    rig = Rig()

    def ended(_: float) -> list[Completed]:
        raise Stopped("the thread that calls Target has ended")

    def end() -> None:
        rig.runner._calls.completed = ended  # type: ignore[method-assign, assignment]  # from now on

    with pytest.raises(Stopped, match="the thread that calls Target has ended"):
        rig.run(rig.assign(T0), [record(0, "c1:1")], [record(1, "c2:2")], end)
    assert rig.world.journal[-7:] == ["pause 1", "commit t0 1", *CLOSED]


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (Stopped("offset 7 is gone"), "offset 7 is gone"),
        (ZeroDivisionError("c-1"), "a fault in the program: ZeroDivisionError"),
    ],
)
def test_the_end_is_told_with_its_reason(said: list[EventDict], raised: Exception, reason: str) -> None:
    rig = Rig()

    def fault() -> None:
        raise raised

    with pytest.raises(type(raised)):
        rig.run(fault)
    assert [line["reason"] for line in said if line["event"] == "stopping"] == [reason]


def test_past_the_limit_partitions_pause_and_go_on_once_there_is_room() -> None:
    rig = Rig(max_pending_events=1)
    held: list[Send] = []
    rig.world.answer = held.append  # it is answered later

    def answer() -> None:
        rig.world.answer = lambda _: Delivered(200)
        rig.world._outcomes += [Completed(send.number, Delivered(200), 1.0) for send in held]

    journal = rig.run(rig.assign(T0), [record(0, "c1:1"), record(1, "c2:2")], [], answer, [])
    assert [line for line in journal if line.startswith(("pause", "resume"))][:2] == ["pause 1", "resume 1"]


# -- the process stood still -------------------------------------------------------------------------------------------


class Frozen:
    """A clock that goes on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boot = 1000.0
        monkeypatch.setattr("consumer.runner._clocks", lambda: Clocks(self.boot, 5000.0 + self.boot))

    def freeze(self) -> None:
        self.boot += 8.0


def test_after_a_standstill_no_call_leaves_until_kafka_has_said_that_we_are_still_a_member(
    monkeypatch: pytest.MonkeyPatch, said: list[EventDict]
) -> None:
    rig, clock = Rig(), Frozen(monkeypatch)

    def say() -> None:
        rig.world.kafka.certain = True

    journal = rig.run(
        rig.assign(T0), [record(0, "c1:1")], clock.freeze, [record(1, "c2:2")], [], say, [record(2, "c3:3")]
    )
    assert journal == ["call c1", "confirm", "call c2", "call c3", "pause 1", "commit t0 3", *CLOSED]
    assert rig.world.asked_for[:8] == [500, 500, 500, 1, 1, 1, 500, 500]
    assert [line["seconds"] for line in said if line["event"] == "stood_still"] == [8.0]
    assert rig.world.decided_at == [1000.0, 1008.0, 1008.0]


def test_a_second_standstill_asks_anew_though_the_first_was_answered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, clock = Rig(), Frozen(monkeypatch)

    def say_and_freeze() -> None:
        rig.world.kafka.certain = True
        clock.freeze()

    journal = rig.run(rig.assign(T0), clock.freeze, [record(0, "c1:1")], say_and_freeze, [])
    assert [line for line in journal if line.startswith(("call ", "confirm"))] == ["confirm", "confirm"]


def test_a_standstill_in_a_drain_is_noticed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, clock = Rig(), Frozen(monkeypatch)
    late: list[Send] = []
    rig.world.answer = lambda send: late.append(send) if send.identity.endswith(b"c1") else Delivered(200)
    settle = rig.world.completed

    def completed(timeout: float) -> list[Completed]:
        if timeout and late:
            clock.freeze()
            rig.world._outcomes.append(Completed(late.pop().number, Delivered(200), 8.0))
        return settle(timeout)

    def revoke() -> None:
        rig.runner._calls.completed = completed  # type: ignore[method-assign]  # answers in the drain
        rig.revoke(T0)()

    journal = rig.run(rig.assign(T0, T1), [record(0, "c1:1")], revoke, [record(0, "c2:2", T1)], [])
    assert journal[:3] == ["call c1", "confirm", "commit t0 1"]
    assert "call c2" not in journal
