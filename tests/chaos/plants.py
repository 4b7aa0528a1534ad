"""Bugs to be planted into a member before it starts, each one that was seen in a program of this kind.

A run that does not find them proves nothing. They exist in the test tree only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from consumer.adapters.profile_api import ProfileApi
from consumer.core import commit_metadata
from consumer.core.dead_letters import DeadLetters
from consumer.core.delivery import Delivery
from consumer.core.engine import Engine
from consumer.core.intake import Intake
from consumer.core.outcome import Delivered, Transient
from consumer.core.partition import Commit, Partition
from consumer.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NONE: Final = "none"


def commit_before_resolve() -> None:
    """Commits what was read, not what is done."""
    real = Partition.commit

    def commit(self: Partition, *, final: bool) -> Commit | None:
        made = real(self, final=final)
        return made and made._replace(offset=self.tracker.next_offset, metadata="")

    Partition.commit = commit  # type: ignore[method-assign]


def commit_one_too_many() -> None:
    """Off by one: commits the offset of the first event that is not resolved as if it were."""
    real = Partition.commit

    def commit(self: Partition, *, final: bool) -> Commit | None:
        made = real(self, final=final)
        if made is None or made.offset >= self.tracker.next_offset:
            return made
        return made._replace(offset=made.offset + 1, metadata="")

    Partition.commit = commit  # type: ignore[method-assign]


def forget_failed_dead_letter() -> None:
    """Takes a dead letter that could not be written for written."""
    real = DeadLetters.reported

    def reported(self: DeadLetters, partition: Partition, offset: int, retry_at: float | None) -> None:
        del retry_at
        real(self, partition, offset, None)

    DeadLetters.reported = reported  # type: ignore[method-assign]


def no_drain() -> None:
    """Lets partitions go while calls of theirs are on the wire."""
    Runner._drain = lambda *_: None  # type: ignore[method-assign]


def commit_after_lost() -> None:
    """Commits what it knew of partitions that were lost, once it is in the group again."""
    kept: list[Commit] = []
    lost, assigned = Runner.lost, Runner.assigned

    def keep(self: Runner, partitions: Any) -> None:
        known = {key: self._engine.partitions[key] for key in partitions}
        kept.extend(Commit(key, part.tracker.committable, "", part.generation) for key, part in known.items())
        lost(self, partitions)

    def give(self: Runner, assignments: Any) -> None:
        assigned(self, assignments)
        for each in assignments:
            late = [commit for commit in kept if commit.partition == each.partition]
            self._source.commit(commit._replace(generation=each.generation) for commit in late)
            kept[:] = [commit for commit in kept if commit not in late]

    Runner.lost, Runner.assigned = keep, give  # type: ignore[method-assign]


def trust_after_standstill() -> None:
    """Makes calls after a freeze before it knows whether it has been replaced."""
    Engine.doubt = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005  # its name is part of its type


def merge_into_flight() -> None:
    """Counts an event to the update that is on the wire for its customer, which does not hold its values."""
    deliveries: list[Delivery] = []
    made, real = Delivery.__init__, Intake._update

    def make(self: Delivery, *args: Any) -> None:
        made(self, *args)
        deliveries.append(self)

    def merge(self: Intake, partition: Partition, record: Any, update: Any, now: Any) -> Any:
        lane = deliveries[-1]._lanes.get(update.identity.key())
        part = lane.parts.get(partition.key) if lane and lane.flying else None
        if part is None:
            return real(self, partition, record, update, now)
        return partition.tracker.give(part.numbers[0])

    Delivery.__init__ = make  # type: ignore[method-assign, assignment]
    Intake._update = merge  # type: ignore[method-assign]


def skip_on_timeout() -> None:
    """Goes on as if a call that timed out had been accepted."""
    real = ProfileApi.call

    async def call(self: ProfileApi, send: Any) -> Any:
        outcome = await real(self, send)
        return Delivered(200) if outcome == Transient(None, "timeout") else outcome

    ProfileApi.call = call  # type: ignore[method-assign]


def resolve_all_on_refusal() -> None:
    """Writes one dead letter for a merged update that is refused, and takes its other events for done."""
    real = Delivery._take_apart

    def take_apart(self: Delivery, lane: Any, rejection: Any) -> None:
        real(self, lane, rejection)
        while len(lane.apart.singles) > 1:
            single, _ = lane.apart.pop()
            self._resolve(single.partition, single.number)
        lane.apart.guilty = True

    Delivery._take_apart = take_apart  # type: ignore[method-assign]


def retry_overtakes() -> None:
    """The HTTP client makes a failed call once more by itself, a little later."""
    real = ProfileApi.call
    again: set[asyncio.Task[Any]] = set()

    async def once_more(self: ProfileApi, send: Any) -> None:
        await asyncio.sleep(0.5)
        await real(self, send)

    async def call(self: ProfileApi, send: Any) -> Any:
        outcome = await real(self, send)
        if isinstance(outcome, Transient):
            again.add(asyncio.get_running_loop().create_task(once_more(self, send)))
        return outcome

    ProfileApi.call = call  # type: ignore[method-assign]


def metadata_misread() -> None:
    """Reads the bits of the metadata one offset too high."""
    real = commit_metadata.read

    def read(base: int, text: str) -> commit_metadata.Committed:
        found = real(base, text)
        return found._replace(base=base + 1)

    commit_metadata.read = read


def metadata_cut_from_the_lowest() -> None:
    """Leaves out of metadata that is too long what stands first, and begins the rest at the committed offset."""
    real = commit_metadata.write

    def write(
        base: int, runs: Iterable[tuple[int, bytes]], run: int, mappings: str, limit: int = commit_metadata.LIMIT
    ) -> commit_metadata.Written:
        flags = bytearray()
        for first, block in runs:
            flags.extend(bytes(first - base - len(flags)))
            flags.extend(block)
        written = real(base, [(base, bytes(flags))], run, mappings, limit)
        while not written.complete and flags:
            del flags[: max(1, len(flags) // 10)]
            written = real(base, [(base, bytes(flags))], run, mappings, limit)
        return written._replace(complete=True)

    commit_metadata.write = write


def skip_completed_after_resend() -> None:
    """Skips what the metadata names as completed, though an earlier event of its customer was sent again."""

    def delivered_before(self: Partition, offset: int, key: bytes) -> bool:
        del key
        return offset in self._recovered

    Partition.delivered_before = delivered_before  # type: ignore[method-assign]


PLANTS: Final[dict[str, Callable[[], None]]] = {
    plant.__name__: plant
    for plant in (
        commit_before_resolve,
        forget_failed_dead_letter,
        no_drain,
        commit_after_lost,
        trust_after_standstill,
        merge_into_flight,
        skip_on_timeout,
        resolve_all_on_refusal,
        commit_one_too_many,
        retry_overtakes,
        metadata_misread,
        metadata_cut_from_the_lowest,
        skip_completed_after_resend,
    )
}
