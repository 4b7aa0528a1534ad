"""Records that can't be delivered: written to the dead letters, resolved by the broker's report, and never too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.command import DeadLetter
from consumer.core.dead_letter_limit import DeadLetterShare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.core.partition import Partition
    from consumer.core.profile import Rejection
    from consumer.core.record import Record
    from consumer.core.tally import Tally


class Dying(NamedTuple):
    """A dead letter that the broker has not acknowledged; `retry_at` (boot clock) when it must be produced again."""

    number: int
    command: DeadLetter
    failed: bool = False
    retry_at: float | None = None


class History(NamedTuple):
    """What was tried with a record before it died: calls made, and the HTTP status of the last answer.

    `body_lost` when it has left its topic, so that only its coordinates are known.
    """

    attempts: int
    status: int | None
    body_lost: bool = False


_UNTRIED = History(0, None)
_CURE = "the offset is held. Mend the mapping or raise the limit, then start again"


class DeadLetters:
    """Decides whether a dead letter may be written; once one may not, `stop_reason` says why and nothing more is.

    Args:
        max_consecutive: Dead letters in a row, in the order of a partition's offsets, that are written.
        max_ratio: Share of dead letters among the last thousand records read.
        tally: Counts those that the broker has taken.

    `share` counts records: whoever reads one adds it there.
    """

    def __init__(self, max_consecutive: int, max_ratio: float, tally: Tally) -> None:
        self.stop_reason: str | None = None
        self._max_consecutive = max_consecutive
        self._max_ratio = max_ratio
        self.share = DeadLetterShare(max_ratio)
        self._tally = tally

    def bury(
        self, partition: Partition, number: int, record: Record, rejection: Rejection, history: History | None = None
    ) -> DeadLetter | None:
        """The command that writes a dead letter, whose update stays unresolved until the report; None past a limit.

        `history` is None for a record that was just read and never sent.
        """
        if self.stop_reason is not None:
            return None
        self.stop_reason = self._refusal(partition, record.offset, rejection)
        if self.stop_reason is not None:
            return None
        self.share.died()
        command = DeadLetter(record, rejection, *(history or _UNTRIED), partition.generation)
        partition.tracker.dying(number)
        partition.dying[record.offset] = Dying(number, command)
        return command

    def reported(self, partition: Partition, offset: int, retry_at: float | None) -> None:
        """The broker's word: taken, or to be produced again at `retry_at`."""
        dying = partition.dying.get(offset)
        if dying is None:
            return
        if retry_at is not None:
            partition.dying[offset] = dying._replace(failed=True, retry_at=retry_at)
            return
        del partition.dying[offset]
        partition.tracker.resolve(dying.number)
        self._tally.record(partition.key.topic, "dead_lettered", dying.command.rejection.mapping)

    @staticmethod
    def again(partitions: Iterable[Partition], now: float) -> Iterator[DeadLetter]:
        """Those whose time has come to be produced once more."""
        for partition in partitions:
            for offset, dying in partition.dying.items():
                if dying.retry_at is not None and now >= dying.retry_at:
                    partition.dying[offset] = dying._replace(retry_at=None)
                    yield dying.command

    def _refusal(self, partition: Partition, offset: int, rejection: Rejection) -> str | None:
        place = f"{partition.key.topic} [{partition.key.partition}] at offset {offset}"
        if partition.tracker.run_with(offset) > self._max_consecutive:
            return (
                f"dead_letter.max_consecutive: more than {self._max_consecutive} dead letters in a row in {place} "
                f"(the last: {rejection.reason}); {_CURE}"
            )
        if not self.share.allows():
            return (
                f"dead_letter.max_ratio: more than {self._max_ratio:g} of the last 1000 records would be dead letters "
                f"with {place} ({rejection.reason}); {_CURE}"
            )
        return None
