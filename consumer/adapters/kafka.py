"""SHAPE ONLY (E is filling it in): the group's consumer, used by one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from consumer.adapters.kafka_config import Connection   # Connection(bootstrap_servers: str, properties: Mapping[str, str])
    from consumer.core.partition import Assignment, Commit
    from consumer.core.record import Record, TopicPartition
    from consumer.core.acknowledgement import CommitResult


class Listener(Protocol):
    """Who owns the state of partitions; called on the Kafka thread, inside `poll` (never inside `close`)."""

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Partitions are ours and their committed offsets are known; their records follow in a later `poll`.

        `source.pause` may be called from here.
        """

    def revoking(self, partitions: Sequence[TopicPartition]) -> Sequence[Commit]:
        """Partitions are about to go to another member: drain them, forget them, return what is to be committed.

        Blocks the rebalance while it runs; must not call `poll`. Commits are handed to Kafka when it returns, their results count as unknown.
        """

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions went to somebody else already: forget them, commit nothing."""


class Subscription(NamedTuple):
    """What to read, as whom, and from where."""

    group_id: str
    topics: tuple[str, ...]
    group_protocol: str = "classic"            # or "consumer"
    start_from: str | int = "earliest"         # "earliest", "latest" or milliseconds since the epoch
    on_out_of_range: str = "stop"              # "stop", "earliest", "latest"


class Trouble(NamedTuple):
    """Why Kafka does not serve us: a sentence saying what to check; `since` is monotonic seconds."""

    since: float
    reason: str
    refused: bool = False  # our credentials or rights, not reachability


class KafkaSource:
    def __init__(self, connection: Connection, subscription: Subscription, listener: Listener) -> None: ...

    def poll(self, timeout: float, max_records: int) -> list[Record]:
        """Wait at most `timeout` s for a first record, take what else is there. Records of one partition in offset order.
        Raises Stopped (fatal error, out of range with `stop`, corrupt log)."""

    def pause(self, partitions: Iterable[TopicPartition]) -> None: ...
    def resume(self, partitions: Iterable[TopicPartition]) -> None: ...
    def commit(self, commits: Sequence[Commit]) -> None:
        """Hand over, never wait."""

    def committed(self) -> list[CommitResult]:
        """Results that came in since the last call (they come in during `poll`)."""

    def end_offsets(self) -> dict[TopicPartition, int]:
        """Newest known end (high watermark) of each assigned partition, from the client's cache."""

    @property
    def trouble(self) -> Trouble | None: ...
    @property
    def joined(self) -> bool:
        """The group gave partitions, or said that there are none to give."""

    @property
    def locating(self) -> frozenset[TopicPartition]:
        """Partitions given to us whose committed offset is not known yet (nothing is read from them)."""

    @property
    def missing_topics(self) -> frozenset[str]: ...

    def close(self, seconds: float) -> bool:
        """Leave the group; False when the brokers did not let go within `seconds` (the rest then ends with the process)."""
