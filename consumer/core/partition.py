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
        self.committed = assignment.committed
        self.dying: dict[int, Dying] = {}
        self.paused = False
        self.metadata_limit = commit_metadata.LIMIT
        self.metadata_full = False
        self._hash = mappings_hash
        self._start = assignment.committed or 0
        self._recovered = commit_metadata.read(self._start, assignment.metadata)
        self._recovered_end = self._recovered.end
        self.recovering = self._start < self._recovered_end
        self._sent_again: set[bytes] = set()
        self._seen: tuple[int, int] | None = None
        self._handed: tuple[int, str] | None = None
        # A run of dead letters goes on only under the mappings that made it.
        run = self._recovered.run if self._recovered.hash == mappings_hash else 0
        self.tracker = OffsetTracker(self._start, run)

    @property
    def blocked(self) -> bool:
        """Whether a dead letter could not be written."""
        return any(dying.failed for dying in self.dying.values())

    def completed_before(self, offset: int) -> bool:
        """Whether the last commit, before this assignment, names this offset as completed."""
        return offset in self._recovered

    def delivered_before(self, offset: int, key: bytes) -> bool:
        """Whether an event was completed before this assignment, and order does not ask to send it again.

        It does when an earlier event of the same identity is sent after the start: that one's older value would stay
        for ever (found by exhaustive search of crashes).
        """
        if offset >= self._recovered_end:
            self.recovering = False
            self._sent_again.clear()
            return False
        if offset in self._recovered and key not in self._sent_again:
            return True
        self._sent_again.add(key)
        return False

    def commit(self, *, final: bool) -> Commit | None:
        """What to commit now; None when nothing changed since the last time.

        Before anything was read there is nothing to say. Until all that the last commit names as completed has been
        read again, a commit would forget the rest, and have it sent again: only a final one is given, and only if it
        saves more from being sent again.
        """
        tracker = self.tracker
        if tracker.next_offset == self._start:
            return None
        if tracker.next_offset < self._recovered_end:
            forgotten = self._recovered.completed_from(tracker.next_offset)
            if not final or tracker.settled < forgotten:
                return None
        offset = tracker.committable
        seen = (offset, tracker.completed_above)  # the same count above the same offset: the same ones
        if seen == self._seen:
            return None
        self._seen = seen
        text = ""
        self.metadata_full = False
        if self.metadata_limit and (tracker.completed_above or tracker.run):
            written = commit_metadata.write(offset, tracker.completed(), tracker.run, self._hash, self.metadata_limit)
            text, self.metadata_full = written.text, not written.complete
        if (offset, text) == self._handed:
            return None
        self._handed = (offset, text)
        return Commit(self.key, offset, text, self.generation)

    def not_committed(self, *, metadata_too_large: bool) -> None:
        """The broker did not take the last commit; it is given again, without metadata if that was too large."""
        self._seen = self._handed = None
        if metadata_too_large:
            self.metadata_limit = 0
