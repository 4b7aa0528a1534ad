"""Every decision about a record, from the moment it was read until its offset may be committed.

Events come in as method calls (`assigned`, `received`, `schema_answered`, `completed`, `read_again`, `dead_lettered`,
`committed`, `revoking`, `forget`, `doubt`, `confirmed`), commands go out through `commands`, commits through `commits`.
No I/O, no clock, no lock: one thread owns it.

A record is resolved when it is skipped, unmatched, delivered, or dead-lettered with the broker's acknowledgement, and
by nothing else. Whatever is in doubt stays pending, holds its offset, and is read again by whoever owns the partition
next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.command import Command, Pause, Resume
from consumer.core.dead_letters import DeadLetters
from consumer.core.delivery import Delivery
from consumer.core.intake import Intake
from consumer.core.partition import Assignment, Commit, Partition
from consumer.core.schemas_wanted import SchemasWanted
from consumer.core.state import State, first
from consumer.core.work import Limits, Work

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from consumer.core.acknowledgement import CommitResult, DeadLetterReport
    from consumer.core.clock import Clocks
    from consumer.core.gate import Gate
    from consumer.core.outcome import Completed
    from consumer.core.profile import Result, SchemaWanted
    from consumer.core.record import Record, TopicPartition
    from consumer.core.schemas_wanted import SchemaAnswer

RESUME_AT = 0.8
"""Share of a limit below which paused partitions are fetched again."""

MOST_DYING = 100
"""Dead letters of a partition that may wait for the broker's report before it is paused."""

MOST_COMPLETED_ABOVE = 500_000
"""Resolved events above an offset that waits for a retry before its partition is parked: two megabytes of memory."""

DEAD_LETTER_RETRY = 1.0
"""Seconds before a dead letter that could not be written is produced again."""


class Engine:
    """The state of all assigned partitions, and what is to be done next.

    Args:
        map_record: A pure function from a record to what is to be done with it.
        mappings_hash: Identifies the mappings: a run of dead letters is counted on across a restart under the same
        ones. limits: See `Limits`. gate: Admits calls. chance: Uniform random numbers in [0, 1), for the jitter of
        retries.
    """

    def __init__(
        self,
        map_record: Callable[[Record], Result | SchemaWanted],
        mappings_hash: str,
        limits: Limits,
        gate: Gate,
        chance: Callable[[], float],
    ) -> None:
        self._work = Work(limits)
        self._hash = mappings_hash
        self.gate = gate
        self._dead_letters = DeadLetters(limits.max_consecutive, limits.max_ratio, self._work.tally)
        self._delivery = Delivery(self._work, gate, self._dead_letters, map_record, chance)
        self._schemas = SchemasWanted(chance)
        self._intake = Intake(self._work, self._delivery.waiting, self._dead_letters, self._schemas, map_record)
        self._draining: set[TopicPartition] = set()
        self._full = False
        self.doubted = False
        self.partitions = self._work.partitions
        self.tally = self._work.tally

    # -- events --------------------------------------------------------------------------------------------------------

    def assigned(self, assignments: Iterable[Assignment]) -> None:
        """Partitions are ours; nothing of them has been read yet."""
        for assignment in assignments:
            self.partitions[assignment.partition] = Partition(assignment, self._hash)
            self._delivery.waiting.open(assignment.partition)

    def received(self, records: Iterable[Record], now: Clocks) -> None:
        """Records were read, in the order of each partition's offsets; those of partitions not ours are let go."""
        partitions, schemas, take = self.partitions, self._schemas, self._intake.take
        for record in records:
            partition = partitions.get(record[:2])  # type: ignore[call-overload]  # equal to its TopicPartition
            if partition is not None and not (schemas.held and schemas.keep(partition.key, record)):
                take(partition, record, now)

    def schema_answered(self, answer: SchemaAnswer, now: Clocks) -> None:
        """A schema is known to the mappings from now on, or the registry could not tell it."""
        for key, records in self._schemas.answered(answer, now):
            self._intake.decide(self.partitions[key], records.popleft(), now)
            self.received(records, now)

    def completed(self, completed: Completed, now: Clocks) -> None:
        """A call ended."""
        self._delivery.completed(completed, now)

    def read_again(self, partition: TopicPartition, offset: int, record: Record | None) -> None:
        """A record that `ReadAgain` asked for; None when it has left its topic."""
        self._delivery.read_again(partition, offset, record)

    def dead_lettered(self, report: DeadLetterReport, now: Clocks) -> None:
        """The broker's word on a dead letter; one that could not be written is produced again."""
        partition = self.partitions.get(report.partition)
        if partition is not None and partition.generation == report.generation:
            retry_at = None if report.error is None else now.boot + DEAD_LETTER_RETRY
            self._dead_letters.reported(partition, report.offset, retry_at)

    def committed(self, result: CommitResult) -> None:
        """The broker's word on a commit; that of an earlier generation, or of one fenced off, is let go."""
        partition = self.partitions.get(result.commit.partition)
        if partition is None or partition.generation != result.commit.generation or result.fenced:
            return
        if result.error is None:
            partition.committed = result.commit.offset
        else:
            partition.not_committed(metadata_too_large=result.metadata_too_large)

    def revoking(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions will be taken from us: nothing new is sent until they are forgotten."""
        self._draining.update(partitions)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions are no longer ours; a call in flight ends without them."""
        forgotten = set(partitions)
        self._draining -= forgotten
        forgotten &= self.partitions.keys()
        self._delivery.drop(forgotten)
        self._schemas.drop(forgotten)
        for key in forgotten:
            del self.partitions[key]

    def doubt(self) -> None:
        """The process stood still, and the partitions may be another member's by now: no call until `confirmed`."""
        self.doubted = True

    def confirmed(self) -> None:
        """Kafka says that we are still a member of the group: what was not lost is ours."""
        self.doubted = False

    # -- commands ------------------------------------------------------------------------------------------------------

    @property
    def stop_reason(self) -> str | None:
        """Why the service must stop by itself, its offsets held."""
        return self._dead_letters.stop_reason

    def commands(self, now: Clocks) -> list[Command]:
        """What is to be done now, in order."""
        self._work.commands += self._dead_letters.again(self.partitions.values(), now.boot)
        self.gate.backlog(self._delivery.backlog, self._delivery.waiting.created)
        if not self._draining and not self.doubted and self.stop_reason is None:
            self._delivery.schedule(now)
        self._work.commands += self._schemas.commands(now)
        self._pause_and_resume()
        commands, self._work.commands = self._work.commands, []
        return commands

    def commits(self, final: Iterable[TopicPartition] | None = None) -> list[Commit]:
        """What to commit, of all partitions; or for the last time, of those given."""
        chosen = self.partitions.keys() if final is None else self.partitions.keys() & final
        commits = (self.partitions[key].commit(final=final is not None) for key in chosen)
        return [commit for commit in commits if commit is not None]

    def drained(self, partitions: Iterable[TopicPartition]) -> bool:
        """Whether nothing of these partitions is on the wire, to Target or to the dead letters."""
        chosen = self.partitions.keys() & partitions
        return not self._delivery.touches(chosen) and not any(self.partitions[key].dying for key in chosen)

    def wait(self, now: Clocks, most: float) -> float:
        """Seconds until something may be due without an event, at most `most`."""
        return most if self.doubted else min(most, self._delivery.wait(now))

    def _pause_and_resume(self) -> None:
        limits = self._work.limits
        share = RESUME_AT if self._full else 1.0
        self._full = (
            self.pending_bytes > limits.max_pending_bytes * share
            or self.pending_events > limits.max_pending_events * share
        )
        for key, partition in self.partitions.items():
            pause = self._full or partition.blocked or len(partition.dying) > MOST_DYING or self.parked(key)
            pause = pause or self._schemas.holds(key)
            if pause != partition.paused:
                partition.paused = pause
                self._work.commands.append(Pause(key) if pause else Resume(key))

    # -- what is the case ----------------------------------------------------------------------------------------------

    @property
    def pending_events(self) -> int:
        """Events read and not resolved."""
        return sum(partition.tracker.unresolved for partition in self.partitions.values())

    @property
    def pending_bytes(self) -> int:
        """Memory that waiting takes, in bytes."""
        return self._delivery.waiting.size + sum(partition.tracker.size for partition in self.partitions.values())

    def in_flight(self) -> Counter[TopicPartition]:
        """Calls under way, by partition."""
        return self._delivery.in_flight()

    def oldest(self) -> int | None:
        """The timestamp of the oldest event that is not resolved, in milliseconds; None when all are."""
        dying = [each.command.record.timestamp for part in self.partitions.values() for each in part.dying.values()]
        sending = self._delivery.oldest()
        return min(dying if sending is None else [*dying, sending], default=None)

    def parked(self, key: TopicPartition) -> bool:
        """Whether a partition's first unresolved event waits for a retry and no more can be remembered above it."""
        partition = self.partitions[key]
        head = partition.tracker.head
        full = self._full or partition.metadata_full or partition.tracker.completed_above > MOST_COMPLETED_ABOVE
        return full and head is not None and self._delivery.repeats(key, head)

    def reason(self, key: TopicPartition, state: State) -> str | None:
        """In words, what a partition in this state waits for; None where the state says it all."""
        if state is State.PARKED:
            offset = self.partitions[key].tracker.committable
            return f"waits for the event at offset {offset}, which is to be sent again"
        if state is State.CREDENTIALS_REFUSED:
            return self.gate.credentials.reason
        if state is State.SCHEMA_REGISTRY_UNAVAILABLE:
            return self._schemas.reason(key)
        if state is State.PROGRESSING and self.doubted:
            return "the process stood still: no call leaves until Kafka has said that this is still its partition"
        return None

    def state(self, key: TopicPartition, now: Clocks, *, behind: bool) -> State:
        """The one state that a partition shows; `behind` when Kafka holds more than was read."""
        partition = self.partitions[key]
        holding = [State.PROGRESSING] if behind or partition.tracker.unresolved else []
        if partition.blocked:
            holding.append(State.DEAD_LETTER_BLOCKED)
        if partition.tracker.unresolved:
            holding += self.gate.states(now)
        if self.parked(key):
            holding.append(State.PARKED)
        if self._schemas.reason(key) is not None:
            holding.append(State.SCHEMA_REGISTRY_UNAVAILABLE)
        return first(holding)
