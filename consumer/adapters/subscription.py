"""What the group's consumer reads, as whom, with how much memory, and who is told of partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from consumer.adapters.kafka_config import consumer_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.adapters.kafka_config import Connection
    from consumer.core.partition import Assignment, Commit
    from consumer.core.record import TopicPartition

_DEFAULTS = {
    # 4 MiB waiting in the library and 1 MiB a fetch read as fast as its own 64 and 50 MiB do, with an eighth of the
    # memory; but only when it looks again at once for room in its queue, not after its own 1,000 ms. A larger record
    # still comes: the broker gives at least one.
    "queued.max.messages.kbytes": 4096,
    "queued.min.messages": 10_000,
    "fetch.max.bytes": 1024 * 1024,
    "max.partition.fetch.bytes": 512 * 1024,
    "fetch.queue.backoff.ms": 10,
    "check.crcs": True,
}


class Listener(Protocol):
    """Who owns the state of partitions; called on the Kafka thread from inside `poll`, never from inside `close`."""

    def assigned(self, assignments: Sequence[Assignment]) -> None:
        """Partitions are ours and what was committed is known; their records are given by `poll` from now on.

        `KafkaSource.pause` may be called from here.
        """

    def revoking(self, partitions: Sequence[TopicPartition]) -> Sequence[Commit]:
        """Partitions go to another member: drain them, forget them, return what is to be committed.

        Blocks the rebalance while it runs. It must not call `poll`.
        """

    def lost(self, partitions: Sequence[TopicPartition]) -> None:
        """Partitions belong to somebody else already: forget them."""


class Subscription(NamedTuple):
    """What to read, as whom and from where: settings `kafka.*`; a time in `start_from` is in ms since the epoch."""

    group_id: str
    topics: tuple[str, ...]
    group_protocol: str = "classic"
    start_from: str | int = "earliest"
    on_out_of_range: str = "stop"


def group_config(connection: Connection, subscription: Subscription) -> dict[str, object]:
    """The configuration of the group's consumer."""
    classic = subscription.group_protocol == "classic"
    defaults = {**_DEFAULTS, **({"partition.assignment.strategy": "cooperative-sticky"} if classic else {})}
    fixed = {
        "group.id": subscription.group_id,
        "group.protocol": subscription.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,  # only so is it known that nothing but markers stands behind the last record
    }
    return dict(consumer_config(connection, defaults, fixed))
