"""Memory stays bounded while Target hangs and the backlog grows.

`MEMORY_FULL_BACKLOG=1` runs the proof with 1,000,000 events and the default limit; the default is a quarter of both.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from confluent_kafka import Producer

from tests.end_to_end.load import mappings
from tests.end_to_end.service import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.simulator.target import Target
    from tests.end_to_end.service import Service
    from tests.kafka import Kafka

MIB = 1 << 20
FULL = os.environ.get("MEMORY_FULL_BACKLOG") == "1"
EVENTS = 1_000_000 if FULL else 250_000
CUSTOMERS = EVENTS * 2 // 5
LIMIT = (64 if FULL else 16) * MIB
"""The default limit, or a quarter of it; these events pass either."""

MOST = (150 if FULL else 150 - 48) * MIB
"""What is promised for the default limit; with a quarter of it, 48 MiB less."""


def resident(process: int) -> int:
    """Bytes of memory that a process holds, with its share of the files of libraries."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_a_hanging_target_and_a_long_backlog_pause_the_topic_and_not_the_membership(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(4)
    roomy = {"queue.buffering.max.messages": EVENTS}  # however long the broker takes
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 20, **roomy})
    for number in range(EVENTS):
        event = {
            "type": "visit",
            "customer": f"customer-{number * 7919 % CUSTOMERS}",
            "number": number,
            "pad": "x" * 90,
        }
        producer.produce(topic, orjson.dumps(event), partition=number % 4)
        if not number % 1000:
            producer.poll(0)
    assert producer.flush(PATIENCE) == 0
    target.control.patch(faults=[{"delivery": "hang"}])
    options = {"schemas": str(mappings(tmp_path, topic)), "delivery__max_pending_bytes": f"{LIMIT}B"}
    with service(**options) as running:
        before: list[int] = []

        def is_full() -> bool:
            (pending,) = re.findall(
                r"^profile_consumer_pending_bytes (.*)$", running.get("/metrics").text, re.MULTILINE
            )
            return float(pending) > LIMIT

        def stands_still() -> dict[str, Any] | None:
            status = running.status()
            read = sum(each["position"] for each in status["partitions"])
            before.append(read)
            return status if before[-60:].count(read) == 60 else None

        eventually(is_full, "it holds as much as it may")

        status = eventually(stands_still, "it reads no more")
        read = sum(each["position"] for each in status["partitions"])
        assert 0.3 * EVENTS < read < EVENTS, "it has paused with the limit reached, and not before"
        assert resident(running.process.pid) < MOST
        assert len(status["partitions"]) == 4
        assert not running.logs("partition_lost")
        assert all(each["committed"] == 0 for each in status["partitions"]), "nothing was delivered"
        running.kill()
