"""An embedded Kafka broker: librdkafka's mock cluster, which lives inside a producer of this process.

It knows groups with both rebalance protocols, commits with metadata, idempotent producers, and auto-created topics.
It differs from a real broker in these ways:

- every topic has `PARTITIONS` partitions (no setting changes that); topics appear when a producer first asks for them
- a partition keeps about 5 MB and then forgets its oldest records
- it has no controller: creating or describing topics and configurations times out; it describes no groups
- `offsets_for_times` answers -1 for every time
- commit metadata may be of any length
- a delivery report shows 1234 as its timestamp, while the record keeps the producer's own
- nothing outlives the process; the first member of a group waits 3 s for others, a second one 5 to 10 s for its share
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import Producer

from consumer.errors import KafkaFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import KafkaError, Message

PARTITIONS: Final = 4
_PATIENCE: Final = 30.0  # seconds for what takes milliseconds; the machine may be busy


class EmbeddedBroker:
    """A Kafka broker in this process, between `with` and its end.

    with EmbeddedBroker() as broker:
        broker.create("customer.loans")
        broker.produce("customer.loans", [(b"c-1", b"{}")])
        Consumer({"bootstrap.servers": broker.bootstrap, ...})
    """

    def __init__(self) -> None:
        self.bootstrap = ""

    def __enter__(self) -> Self:
        unbounded = {"queue.buffering.max.messages": 0}  # else `produce` below could meet a full queue
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0, **unbounded})
        brokers = self._cluster.list_topics(timeout=_PATIENCE).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def __exit__(self, *_: object) -> None:
        del self._cluster  # the mock cluster ends with the client that holds it

    def create(self, *topics: str) -> None:
        """Make topics, each of `PARTITIONS` partitions; one that exists stays as it is."""
        for topic in topics:
            self._cluster.list_topics(topic, timeout=_PATIENCE)

    def produce(self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> int:
        """Write records of key and value and wait until they are stored; how many. Raises `KafkaFailed`."""
        failures: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        count = 0
        for key, value in records:
            self._cluster.produce(topic, value, key, on_delivery=note)
            self._cluster.poll(0)
            count += 1
        unsent = self._cluster.flush(_PATIENCE)
        if unsent or failures:
            raise KafkaFailed(f"the embedded broker did not store {unsent + len(failures)} of {count} records")
        return count
