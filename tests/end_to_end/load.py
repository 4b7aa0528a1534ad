"""Events for end-to-end tests, what Target should hold of them in the end, and the questions asked at the end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import orjson
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # without __all__
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from consumer.simulator.judge import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kafka import Kafka

SEED = random.randrange(10**6)  # noqa: S311 - no secret
PARTITIONS = 3
MAPPING = """\
version: 1
topics: [{topic}]
where: {{event.type: visit}}
identity: {{mbox3rdPartyId: event.customer}}
attributes:
  visit: {{from: event.number}}
"""


def mappings(folder: Path, topic: str) -> Path:
    """A folder with one small mapping for a topic of the test's own."""
    schemas = folder / "schemas"
    schemas.mkdir(exist_ok=True)
    (schemas / "visit.mapping.yaml").write_text(MAPPING.format(topic=topic))
    return schemas


class Visits:
    """Numbered visits of customers, each in the partition of its customer."""

    def __init__(self, kafka: Kafka, topic: str, partitions: int) -> None:
        self.events: list[Event] = []
        self._topic = topic
        self._partitions = partitions
        ordered = {"enable.idempotence": True}  # else a retry may change the order of events
        large, quick = {"message.max.bytes": 11_000_000}, {"reconnect.backoff.max.ms": 500, "log_level": 0}
        self._producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 5, **ordered, **large, **quick})

    def produce(self, seed: random.Random, count: int, customers: int) -> None:
        """So many more; returns once Kafka has them."""
        for _ in range(count):
            customer, number = seed.randrange(customers), len(self.events)
            self.events.append(Event(f"mbox3rdPartyId=c{customer}", {"visit": str(number)}))
            value = {"type": "visit", "customer": f"c{customer}", "number": number}
            self.put(orjson.dumps(value), customer % self._partitions)
        self._producer.flush()

    def put(self, value: bytes | None, partition: int = 0, **options: Any) -> None:
        """Anything else; `flush` sends it."""
        self._producer.produce(self._topic, value, partition=partition, **options)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until Kafka has all of it."""
        self._producer.flush()


def resolved(records: int) -> Callable[[dict[str, Any]], bool]:
    """All of so many records are committed, by one member."""
    return lambda status: sum(each["committed"] or 0 for each in status["partitions"]) == records


def committed(kafka: Kafka, group: str, topic: str, partitions: int) -> list[int]:
    """The committed offsets of a group, by partition."""
    return [offset for offset, _ in kafka.committed(group, topic, partitions)]


def refuse_all(kafka: Kafka, topic: str, *, refused: bool = True) -> None:
    """Make a topic take no record, however small; or take them again."""
    size = "1" if refused else "1000000"
    entry = ConfigEntry("max.message.bytes", size, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    kafka.admin.incremental_alter_configs([resource])[resource].result(30)


def dead_letters(kafka: Kafka, topic: str, count: int) -> list[tuple[bytes | None, dict[str, str]]]:
    """So many values of the dead-letter topic, each with its headers."""
    config = {"bootstrap.servers": kafka.bootstrap, "group.id": f"look-{topic}", "auto.offset.reset": "earliest"}
    consumer = Consumer(config)
    consumer.subscribe([topic])
    letters: list[tuple[bytes | None, dict[str, str]]] = []
    for _ in range(600):
        if len(letters) >= count:
            break
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            pairs: Any = message.headers() or []
            headers = {key: (value or b"").decode(errors="replace") for key, value in pairs}
            letters.append((message.value(), headers))
    consumer.close()
    return letters
