"""Events for the benchmarks, the same for everyone: about 260 bytes, each in the partition of its identity."""

from __future__ import annotations

import random
import time
from itertools import accumulate
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Sequence

IDENTITIES = 20_000
ZIPF = 1.1
HOT_SHARE = 0.9
MOST_QUEUED = 50_000
KINDS = ("uniform", "zipf", "hot")


def identities(kind: str, count: int, chance: random.Random, different: int = IDENTITIES) -> Sequence[int]:
    """`count` identities: all alike, by Zipf's law (s = 1.1), or nine of ten events of one and the same."""
    if kind == "uniform":
        return [chance.randrange(different) for _ in range(count)]
    if kind == "hot":
        return [0 if chance.random() < HOT_SHARE else chance.randrange(different) for _ in range(count)]
    weights = list(accumulate((rank + 1) ** -ZIPF for rank in range(different)))
    return chance.choices(range(different), cum_weights=weights, k=count)


def event(identity: int, number: int, size: int = 0) -> bytes:
    """One event as JSON; `size` pads it to at least so many bytes."""
    value = {
        "type": "store.visited",
        "occurred_at": "2026-03-01T09:30:00Z",
        "customer": {"id": f"c-{identity}", "segment": "standard"},
        "store": {"id": f"s-{identity % 97}", "city": "Utrecht", "country": "NL"},
        "number": number,
        "at": f"{time.monotonic():.6f}",
        "amount": 12.5 + number % 100,
    }
    text = orjson.dumps(value)
    return text if len(text) >= size else orjson.dumps({**value, "note": "x" * (size - len(text) - 10)})


MAPPING = """\
version: 1
topics: [{topic}]
where: {{event.type: store.visited}}
identity: {{mbox3rdPartyId: event.customer.id}}
attributes:
  number: {{from: event.number}}
  at: {{from: event.at}}
  lastStore: {{from: event.store.id, transform: [upper]}}
  lastCity: {{from: event.store.city}}
  lastVisitOn: {{from: event.occurred_at, transform: [{{date: "%Y-%m-%d"}}]}}
"""
"""The same five attributes that the peers send."""


def produce(bootstrap: str, topic: str, partitions: int, wanted: Sequence[int], size: int = 0) -> None:
    """Write one event for each identity wanted, numbered from 0, and wait until the broker has them all."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "enable.idempotence": True})
    for number, identity in enumerate(wanted):
        producer.produce(
            topic, event(identity, number, size), f"c-{identity}".encode(), partition=identity % partitions
        )
        while len(producer) > MOST_QUEUED:
            producer.poll(0.1)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all events")


def feed(bootstrap: str, topic: str, partitions: int, wanted: Sequence[int], rate: float) -> None:
    """Write one event for each identity wanted, so many a second, as time passes."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1})
    began = time.monotonic()
    for number, identity in enumerate(wanted):
        while (early := began + number / rate - time.monotonic()) > 0:
            producer.poll(early)
        producer.produce(topic, event(identity, number), f"c-{identity}".encode(), partition=identity % partitions)
    producer.flush(30)


def chance(seed: int) -> random.Random:
    """The same events in every run."""
    return random.Random(seed)  # noqa: S311  # no secret
