"""One assigned partition: what is tracked, what it waits for, and what of it may be committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core import commit_metadata
from consumer.core.offsets import OffsetTracker

if TYPE_CHECKING:
    from consumer.core.dead_letters import Dying
    from consumer.core.record import TopicPartition


class Assignment(NamedTuple):
    """A partition that is ours now, with what its group committed; `generation` tells one assignment from the next.

    `committed` is None when nothing was.
    """

    partition: TopicPartition
    generation: int
    committed: int | None
    metadata: str = ""


class Commit(NamedTuple):
    """An offset to commit: everything below it is resolved."""

    partition: TopicPartition
    offset: int
    metadata: str
    generation: int


class Partition:
    """The work of one assigned partition."""

    def __init__(self, assignment: Assignment, mappings_hash: str) -> None:
        self.key = assignment.partition
        self.generation = assignment.generation
        self.recovered = commit_metadata.Committed(0)
        self.committed = assignment.committed
        self.sent_again: set[bytes] = set()
        self.dying: dict[int, Dying] = {}
        self.paused = False
        self.metadata_limit = commit_metadata.LIMIT
        self.metadata_full = False
        self._hash = mappings_hash
        self._handed: tuple[int, str] | None = None
        if assignment.committed is not None:
            self.recovered = commit_metadata.read(assignment.committed, assignment.metadata)
            self._handed = (assignment.committed, assignment.metadata)
        # A run of dead letters goes on only under the mappings that made it.
        run = self.recovered.run if self.recovered.hash == mappings_hash else 0
        self.tracker = OffsetTracker(assignment.committed or 0, run)

    @property
    def blocked(self) -> bool:
        """Whether a dead letter could not be written."""
        return any(dying.failed for dying in self.dying.values())

    def commit(self, *, final: bool) -> Commit | None:
        """What to commit now; None when nothing changed since the last time.

        Until all that the last commit names as completed has been read again, only a final commit is given: an earlier
        one would forget them, and a crash would send them again.
        """
        tracker = self.tracker
        if tracker.next_offset == 0 or (not final and tracker.next_offset < self.recovered.end):
            return None
        offset = tracker.committable
        text = ""
        self.metadata_full = False
        if self.metadata_limit and (tracker.completed_above or tracker.run):
            written = commit_metadata.write(offset, tracker.completed(), tracker.run, self._hash, self.metadata_limit)
            text, self.metadata_full = written.text, not written.complete
        if (offset, text) == self._handed:
            return None
        self._handed = (offset, text)
        return Commit(self.key, offset, text, self.generation)

    def committed_as(self, commit: Commit) -> None:
        """The broker took a commit."""
        self.committed = commit.offset

    def not_committed(self, *, metadata_too_large: bool) -> None:
        """The broker did not take the last commit; it is given again, without metadata if that was too large."""
        self._handed = None
        if metadata_too_large:
            self.metadata_limit = 0
