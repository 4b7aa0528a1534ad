"""The configuration of every Kafka client of this program: ours first, then `kafka.properties`, then what must be.

Property names and their C/P column are those of librdkafka's page "CONFIGURATION". A key that serves consumers only is
not given to producers and the other way round: librdkafka would warn about each of them at every start.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Config = dict[str, str | int | float | bool]

CONSUMER_ONLY = frozenset(
    {
        "auto.commit.interval.ms",
        "auto.offset.reset",
        "check.crcs",
        "coordinator.query.interval.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.partition.eof",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.protocol.type",
        "group.remote.assignor",
        "heartbeat.interval.ms",
        "isolation.level",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "partition.assignment.strategy",
        "queued.max.messages.kbytes",
        "queued.min.messages",
        "session.timeout.ms",
    }
)

PRODUCER_ONLY = frozenset(
    {
        "acks",
        "batch.num.messages",
        "batch.size",
        "compression.codec",
        "compression.level",
        "compression.type",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "linger.ms",
        "message.send.max.retries",
        "message.timeout.ms",
        "partitioner",
        "queue.buffering.backpressure.threshold",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "queue.buffering.max.ms",
        "queuing.strategy",
        "request.timeout.ms",
        "retries",
        "sticky.partitioning.linger.ms",
        "transaction.timeout.ms",
        "transactional.id",
    }
)

_ALIASES = {"request.required.acks": "acks"}
"""Other names of keys that we fix: of two names librdkafka would take the last."""

_EVERYWHERE: Mapping[str, str | int] = MappingProxyType(
    {
        "client.id": "profile-consumer",
        "reconnect.backoff.max.ms": 3000,  # a broker that is back is found within seconds, not after the library's 10
        "log_level": 4,  # warnings and worse; the rest tells how librdkafka works, not what is wrong
        "socket.keepalive.enable": "true",
        "socket.nagle.disable": "true",
        "topic.metadata.refresh.interval.ms": 10_000,  # a topic that is created later is found within this time
    }
)


class Connection(NamedTuple):
    """How Kafka is reached: `kafka.bootstrap_servers` and `kafka.properties`."""

    bootstrap_servers: str
    properties: Mapping[str, str] = MappingProxyType({})


def consumer_config(connection: Connection, defaults: Mapping[str, object], fixed: Mapping[str, object]) -> Config:
    """For a consumer: `kafka.properties` outrank `defaults`, `fixed` outranks them."""
    return _config(connection, PRODUCER_ONLY, defaults, fixed)


def producer_config(connection: Connection, defaults: Mapping[str, object], fixed: Mapping[str, object]) -> Config:
    """For a producer: `kafka.properties` outrank `defaults`, `fixed` outranks them."""
    return _config(connection, CONSUMER_ONLY, defaults, fixed)


def admin_config(connection: Connection) -> Config:
    """For an `AdminClient`, which takes neither the consumers' nor the producers' own keys."""
    return _config(connection, CONSUMER_ONLY | PRODUCER_ONLY, {}, {})


def _config(
    connection: Connection, foreign: frozenset[str], defaults: Mapping[str, object], fixed: Mapping[str, object]
) -> Config:
    named = {_ALIASES.get(key, key): value for key, value in connection.properties.items()}
    chosen = {key: value for key, value in named.items() if key not in foreign}
    own = {"bootstrap.servers": connection.bootstrap_servers}
    return {**_EVERYWHERE, **defaults, **chosen, **fixed, **own}  # type: ignore[dict-item]
