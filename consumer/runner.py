"""The loop: Kafka in, decisions by the engine, calls and dead letters out, offsets committed.

One thread turns it, and owns Kafka and all state. Kafka calls back from inside `poll` when partitions come and go; then
the same thread drains what is on the wire before it lets them go.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.core.clock import Clocks
from consumer.core.command import Command, DeadLetter, FetchSchema, Pause, ReadAgain, Resume, Send
from consumer.core.deadline import Deadline
from consumer.core.standstill import Standstill
from consumer.errors import ProfileConsumerError, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from consumer.adapters.kafka import KafkaSource, Listener
    from consumer.adapters.reporter import Reporter
    from consumer.core.acknowledgement import DeadLetterReport
    from consumer.core.engine import Engine
    from consumer.core.outcome import Completed
    from consumer.core.partition import Assignment, Commit
    from consumer.core.record import Record, TopicPartition
    from consumer.core.schemas_wanted import SchemaAnswer

MOST_RECORDS = 500
"""Records that one turn takes in, so that outcomes never wait long for their turn."""

IDLE = 0.1
"""Seconds that a turn waits for records when nothing is in flight."""

ASKING = 0.01
"""The same while the quota ledger is opened, in several questions."""

BUSY = 0.005
"""Seconds that a turn waits for an outcome when no records came: how late a new record may be seen."""


class Calls(Protocol):
    """Makes calls in the background."""

    def submit(self, sends: Sequence[Send], at: float) -> None:
        """Start these calls, which were decided `at` that time of CLOCK_BOOTTIME."""

    def completed(self, timeout: float) -> list[Completed]:
        """Outcomes, waiting at most `timeout` seconds for the first."""

    def close(self, seconds: float) -> None:
        """Give up what is in flight after `seconds`."""


class DeadLetterWriter(Protocol):
    """Writes dead letters in the background."""

    def write(self, dead_letter: DeadLetter) -> None:
        """Start to write one."""

    def reports(self) -> list[DeadLetterReport]:
        """What the broker said since the last call; never waits."""

    def close(self, seconds: float) -> None:
        """Give up what is not written after `seconds`."""


class Reader(Protocol):
    """Reads records again in the background."""

    def request(self, wanted: ReadAgain) -> None:
        """Start to read."""

    def poll(self) -> list[tuple[TopicPartition, int, Record | None]]:
        """What was found since the last call, None for a record that has left its topic; never waits."""

    def close(self) -> None:
        """Stop reading."""


class Schemas(Protocol):
    """Asks for schemas in the background."""

    def request(self, wanted: FetchSchema) -> None:
        """Start to ask."""

    def poll(self) -> list[SchemaAnswer]:
        """What was answered since the last call; never waits."""

    def close(self, seconds: float) -> None:
        """Give up what is not answered after `seconds`."""


class LedgerLink(Protocol):
    """Connects the quota with the ledger that all replicas share."""

    stands: bool
    """Whether the ledger is there as it must be."""

    @property
    def asking(self) -> bool:
        """Whether an answer is awaited: the loop should turn quickly."""

    @property
    def settled(self) -> bool:
        """Whether all that was to be written is acknowledged."""

    def turn(self, now: Clocks) -> None:
        """Read and write; never waits."""

    def release(self, now: Clocks) -> None:
        """Give back the calls that were taken and not made: nothing is to be sent for now."""

    def raise_if_stopped(self) -> None:
        """Raise why the service must stop."""

    def close(self, seconds: float) -> None:
        """Give up what is not written after `seconds`."""


class Outside(NamedTuple):
    """What the loop works with."""

    calls: Calls
    dead_letters: DeadLetterWriter
    reader: Reader
    schemas: Schemas
    ledger: LedgerLink
    reporter: Reporter


class Timing(NamedTuple):
    """Seconds between commits, and for a drain."""

    commit_interval: float
    drain_timeout: float


class Runner:
    """Turns the loop until it is told to stop, or must stop by itself.

    Args:
        engine: Decides.
        connect: Joins the group on behalf of a listener, which is this runner.
        outside: Carries out.
        timing: See `Timing`.
    """

    def __init__(
        self, engine: Engine, connect: Callable[[Listener], KafkaSource], outside: Outside, timing: Timing
    ) -> None:
        self._engine = engine
        self._calls, self._dead_letters, self._reader, self._schemas, self._ledger, self._reporter = outside
        self._timing = timing
        self._next_commit = 0.0
        self._standstill = Standstill()
        self._source = connect(self)

    def run(self, stopping: Event) -> None:
        """Turn until `stopping` is set.

        Raises:
            Stopped: It must not go on; what was answered is committed, the rest is held.
            LedgerInvalid: The topic of the quota ledger is not as it must be.
        """
        reason = "asked to stop"
        try:
            while not stopping.is_set() and self._engine.stop_reason is None:
                self._turn()
        except ProfileConsumerError as stopped:
            reason = str(stopped)
            raise
        except BaseException as fault:
            reason = f"a fault in the program: {type(fault).__name__}"
            raise
        finally:
            self._stop(self._engine.stop_reason or reason)
        if self._engine.stop_reason is not None:
            raise Stopped(self._engine.stop_reason)

    # -- the loop ------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        in_flight = self._engine.gate.in_flight
        longest = ASKING if self._ledger.asking else IDLE
        most = 1 if self._engine.doubted else MOST_RECORDS  # a slow machine must get its answer before the next doubt
        records = self._source.poll(0.0 if in_flight else self._engine.wait(_clocks(), longest), most)
        self._engine.received(records, _clocks())
        if self._source.certain:
            self._engine.confirmed()
        self._settle(BUSY if in_flight and not records else 0.0)
        self._ledger.raise_if_stopped()
        now = self._act()
        if now.boot >= self._next_commit:
            self._next_commit = now.boot + self._timing.commit_interval
            self._source.commit(self._engine.commits())
        self._reporter.turn(self._engine, self._source, now)

    def _settle(self, timeout: float) -> None:
        """Tell the engine how calls, dead letters, re-reads and commits ended, and the quota what its ledger says."""
        completed = self._calls.completed(timeout)
        now = _clocks()
        for call in completed:
            self._engine.completed(call, now)
        self._reporter.calls(completed, self._engine, now)
        for report in self._dead_letters.reports():
            self._engine.dead_lettered(report, now)
            self._reporter.dead_letter(report, now)
        for partition, offset, record in self._reader.poll():
            self._engine.read_again(partition, offset, record)
        for answer in self._schemas.poll():
            self._engine.schema_answered(answer, now)
        self._committed()
        self._ledger.turn(now)

    def _committed(self) -> set[Commit]:
        """Take in the broker's word on commits; those it spoke of."""
        now = _clocks()
        results = self._source.committed()
        for result in results:
            self._engine.committed(result)
            self._reporter.commit(result, now)
        return {result.commit for result in results}

    def _act(self) -> Clocks:
        """Do what the engine decides at this moment, which is returned; after a standstill Kafka is asked first."""
        now = _clocks()
        if seconds := self._standstill.turned(now):
            self._engine.doubt()
            self._source.confirm()
            self._reporter.stood_still(seconds, now)
        self._carry_out(self._engine.commands(now), now)
        return now

    def _carry_out(self, commands: list[Command], now: Clocks) -> None:
        sends = []
        for command in commands:
            match command:
                case Send():
                    sends.append(command)
                case DeadLetter():
                    self._dead_letters.write(command)
                    self._reporter.dying(command)
                case ReadAgain():
                    self._reader.request(command)
                case FetchSchema():
                    self._schemas.request(command)
                case Pause(partition):
                    self._source.pause([partition])
                case Resume(partition):
                    self._source.resume([partition])
        if sends:
            self._calls.submit(sends, now.boot)

    # -- partitions come and go (called from inside `poll`) ------------------------------------------------------------

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Partitions are ours."""
        self._engine.assigned(assignments)
        self._reporter.assigned(assignments)

    def revoking(self, partitions: Sequence[TopicPartition]) -> Sequence[Commit]:
        """Partitions go to another member: drain them, so that it repeats nothing that was answered; then forget them.

        What Kafka is handed when this returns is sent before the group goes on; its result is not waited for.
        """
        begun = _clocks()
        self._reporter.draining(partitions, self._engine)
        self._drain(partitions, Deadline.after(begun.boot, self._timing.drain_timeout))
        self._ledger.release(_clocks())
        commits = self._engine.commits(final=partitions)
        self._reporter.revoked(partitions, self._engine, _clocks().boot - begun.boot)
        self._engine.forget(partitions)
        return commits

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions belong to another member already: a commit now could undo its."""
        self._engine.forget(partitions)
        self._reporter.lost(partitions)

    def _drain(self, partitions: Sequence[TopicPartition], deadline: Deadline) -> None:
        self._engine.revoking(partitions)
        while not self._engine.drained(partitions) and not deadline.passed(_clocks().boot):
            self._settle(BUSY)
            self._reporter.turn(self._engine, self._source, self._act())

    # -- the end -------------------------------------------------------------------------------------------------------

    def _stop(self, reason: str) -> None:
        """Drain, commit, wait for the broker's word and leave, all within one deadline."""
        begun = _clocks()
        deadline = Deadline.after(begun.boot, self._timing.drain_timeout)
        self._reporter.stopping(reason, begun)
        partitions = list(self._engine.partitions)
        with suppress(Stopped):  # a part that has ended by itself is why we stop; it answers no more
            self._drain(partitions, deadline)
        self._ledger.release(_clocks())
        commits = self._engine.commits(final=partitions)
        self._source.pause(partitions)
        self._source.commit(commits)
        unanswered = set(commits)  # earlier commits of the same partitions may be answered first
        while (unanswered or not self._ledger.settled) and not deadline.passed(_clocks().boot):
            self._source.poll(BUSY, 1)
            unanswered -= self._committed()
            self._ledger.turn(_clocks())
        self._reporter.unanswered(len(unanswered))
        self._source.close(deadline.left(_clocks().boot))
        self._calls.close(deadline.left(_clocks().boot))
        self._dead_letters.close(deadline.left(_clocks().boot))
        self._ledger.close(deadline.left(_clocks().boot))
        self._reader.close()
        self._schemas.close(deadline.left(_clocks().boot))
        self._reporter.stopped(_clocks().boot - begun.boot)


def _clocks() -> Clocks:
    return Clocks(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())
