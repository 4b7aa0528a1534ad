"""An engine with a mapper that a test can read: `c1:5` sets v=5 for c1, `c1:a=1,b=2` sets two attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.acknowledgement import CommitResult, DeadLetterReport
from consumer.core.breaker import Breaker
from consumer.core.clock import Clocks
from consumer.core.command import DeadLetter, Pause, ReadAgain, Resume, Send
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.outcome import Completed, Delivered, Misconfigured, Refused, Throttled, Transient
from consumer.core.partition import Assignment, Commit
from consumer.core.profile import Identity, ProfileUpdate, Rejection, Result, Skipped, Unmatched
from consumer.core.quota import Unlimited
from consumer.core.record import Record, TopicPartition
from consumer.core.throttle import Throttle
from consumer.core.work import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consumer.core.command import Command
    from consumer.core.outcome import Outcome
    from consumer.core.quota import Quota

T0 = TopicPartition("t", 0)
T1 = TopicPartition("t", 1)
WALL = 1_000_000.0
MILLIS = 1_000_000_000

LIMITS = Limits(
    max_pending_bytes=64 << 20,
    max_pending_events=1_000_000,
    linger=0.0,
    retry_base=1.0,
    retry_max=300.0,
    give_up_after=0.0,
    max_consecutive=100,
    max_ratio=1.0,
)

OK = Delivered(200)
REFUSED = Refused(400, "status")
FAILED = Transient(500, "status")
TIMEOUT = Transient(None, "timeout")
THROTTLED = Throttled(429, 7.0)
FORBIDDEN = Misconfigured(403, "token")


def map_record(record: Record) -> Result:
    if record.value == b"skip":
        return Skipped(3)
    if record.value == b"none":
        return Unmatched()
    if record.value is None or record.value.startswith(b"bad"):
        return Rejection("map", "identity_missing", "nothing at /id", 2)
    name, _, values = record.value.decode().partition(":")
    mapping = 1 if name.endswith("!") else 0
    name = name.removesuffix("!")
    pairs = [value.rpartition("=") for value in values.split(",")]
    attributes = {key or "v": value for key, _, value in pairs}
    kind = "mboxPC" if name.startswith("pc") else "mbox3rdPartyId"
    return ProfileUpdate(Identity(kind, name), attributes, record.timestamp, mapping)  # type: ignore[arg-type]  # two literals


def record(offset: int, value: str | None, at: TopicPartition = T0, timestamp: int = MILLIS) -> Record:
    return Record(at.topic, at.partition, offset, timestamp, b"key", None if value is None else value.encode())


class Sent(NamedTuple):
    """A call in flight, as a test compares it."""

    number: int
    identity: str
    values: str


class Script:
    """Drives an engine: events in, commands out; `topic` keeps what was given, so that it can be read again."""

    def __init__(
        self,
        limits: Limits = LIMITS,
        *,
        max_in_flight: int = 64,
        quota: Quota | None = None,
        chance: Callable[[], float] = lambda: 0.5,
        mappings: str = "hash",
    ) -> None:
        self.boot = 100.0
        self.engine = Engine(
            map_record, mappings, limits, Gate(max_in_flight, quota or Unlimited(), Throttle(300), Breaker()), chance
        )
        self.topic: dict[tuple[TopicPartition, int], Record] = {}

    @property
    def now(self) -> Clocks:
        return Clocks(self.boot, WALL + self.boot)

    def assign(
        self, at: TopicPartition = T0, committed: int | None = 0, metadata: str = "", generation: int = 1
    ) -> Script:
        self.engine.assigned([Assignment(at, generation, committed, metadata)])
        return self

    def give(self, offset: int, *values: str | None, at: TopicPartition = T0, timestamp: int = MILLIS) -> Script:
        """Records with consecutive offsets."""
        records = [record(offset + index, value, at, timestamp) for index, value in enumerate(values)]
        self.topic.update({(at, one.offset): one for one in records})
        self.engine.received(records, self.now)
        return self

    def commands(self) -> list[Command]:
        return self.engine.commands(self.now)

    def sends(self) -> list[Sent]:
        """The calls that leave now; anything else is a failure of the test."""
        commands = self.commands()
        assert all(isinstance(command, Send) for command in commands), commands
        return calls(commands)

    def end(self, number: int, outcome: Outcome = OK) -> None:
        self.engine.completed(Completed(number, outcome, 0.1), self.now)

    def one(self, outcome: Outcome = OK) -> str:
        """The only call that leaves now, answered; what it said."""
        (sent,) = self.sends()
        self.end(sent.number, outcome)
        return f"{sent.identity}:{sent.values}"

    def read_again(self, command: ReadAgain, *, lost: Iterable[int] = ()) -> None:
        for offset in command.offsets:
            found = None if offset in lost else self.topic[command.partition, offset]
            self.engine.read_again(command.partition, offset, found)

    def report(self, command: DeadLetter, error: str | None = None, generation: int | None = None) -> None:
        at = TopicPartition(command.record.topic, command.record.partition)
        given = command.generation if generation is None else generation
        self.engine.dead_lettered(DeadLetterReport(at, command.record.offset, given, error), self.now)

    def commit(self) -> tuple[int, str] | None:
        """The offset and metadata that are committed now, by the one partition that changed; None when none did."""
        commits = self.engine.commits()
        if not commits:
            return None
        (commit,) = commits
        self.engine.committed(CommitResult(commit))
        return commit.offset, commit.metadata

    def settle(self, judge: Callable[[Sent], Outcome] = lambda _: OK, rounds: int = 1000) -> list[DeadLetter]:
        """Answer everything until nothing more happens; the dead letters that were written."""
        letters = []
        for _ in range(rounds):
            commands = self.commands()
            for command in commands:
                if isinstance(command, ReadAgain):
                    self.read_again(command)
                elif isinstance(command, DeadLetter):
                    letters.append(command)
                    self.report(command)
            for sent in calls(commands):
                self.end(sent.number, judge(sent))
            if not commands:
                return letters
        raise AssertionError("never comes to rest")


def calls(commands: Iterable[Command]) -> list[Sent]:
    return [
        Sent(
            command.number,
            command.identity.decode().partition("=")[2],
            command.attributes.decode().replace("profile.", ""),
        )
        for command in commands
        if isinstance(command, Send)
    ]


def letters(commands: Iterable[Command]) -> list[DeadLetter]:
    return [command for command in commands if isinstance(command, DeadLetter)]


def readings(commands: Iterable[Command]) -> list[ReadAgain]:
    return [command for command in commands if isinstance(command, ReadAgain)]


def pauses(commands: Iterable[Command]) -> list[Command]:
    return [command for command in commands if isinstance(command, Pause | Resume)]


def commit_result(
    commit: Commit, error: str = "failed", *, fenced: bool = False, too_large: bool = False
) -> CommitResult:
    return CommitResult(
        commit, error, retriable=not fenced and not too_large, fenced=fenced, metadata_too_large=too_large
    )
