"""What the broker answers to the engine's commits and dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consumer.core.partition import Commit
    from consumer.core.record import TopicPartition


class CommitResult(NamedTuple):
    """The answer to one partition's commit; `error` is None when the broker took it, else a short English reason.

    `retriable`: the same commit may succeed later. `fenced`: this member no longer speaks for the group; the commit is
    to be forgotten. `metadata_too_large`: without its metadata the broker would take it. At most one of them holds.
    """

    commit: Commit
    error: str | None = None
    retriable: bool = False
    fenced: bool = False
    metadata_too_large: bool = False


class DeadLetterReport(NamedTuple):
    """The answer to one `DeadLetter`; `error` is None once the broker has it, else why not."""

    partition: TopicPartition
    offset: int
    generation: int
    error: str | None = None
