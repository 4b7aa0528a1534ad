"""(c) The ceiling of the Kafka side: consume in batches, parse, and do nothing else."""

from __future__ import annotations

import signal
import sys

import orjson
from confluent_kafka import Consumer


def main(bootstrap: str, topic: str, group: str, count: int) -> None:
    """Read and parse `count` events."""
    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    consumer = Consumer({**config, "enable.auto.commit": False})
    consumer.subscribe([topic], on_assign=lambda *_: print("assigned", flush=True))
    done = 0
    while done < count:
        for message in consumer.consume(500, 0.1):
            if message.error() is None:
                orjson.loads(message.value() or b"")
                done += 1
    print("done", flush=True)
    signal.pause()  # who measures ends it


if __name__ == "__main__":
    bootstrap, topic, group, count = sys.argv[1:]
    main(bootstrap, topic, group, int(count))
