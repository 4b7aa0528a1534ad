"""What the parts of the engine have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.core.tally import Tally

if TYPE_CHECKING:
    from consumer.core.command import Command
    from consumer.core.partition import Partition
    from consumer.core.record import TopicPartition


class Limits(NamedTuple):
    """The settings that bound the engine; sizes in bytes, durations in seconds; `give_up_after` 0 is never."""

    max_pending_bytes: int
    max_pending_events: int
    linger: float
    retry_base: float
    retry_max: float
    give_up_after: float
    max_consecutive: int
    max_ratio: float


class Work:
    """The partitions assigned now, what is to be done outside, and what was counted."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.partitions: dict[TopicPartition, Partition] = {}
        self.commands: list[Command] = []
        self.tally = Tally()
