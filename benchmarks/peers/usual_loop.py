"""(a) What everyone writes first: poll, post with httpx, commit, one record at a time."""

from __future__ import annotations

import signal
import sys

import httpx
import orjson
from confluent_kafka import Consumer

from benchmarks.peers.form import form


def main(bootstrap: str, topic: str, group: str, url: str, count: int) -> None:
    """Deliver `count` events."""
    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    consumer = Consumer({**config, "enable.auto.commit": False})
    consumer.subscribe([topic], on_assign=lambda *_: print("assigned", flush=True))
    with httpx.Client() as client:
        done = 0
        while done < count:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            answer = client.post(url, content=form(orjson.loads(message.value() or b"")))
            answer.raise_for_status()
            consumer.commit(message=message, asynchronous=False)
            done += 1
    print("done", flush=True)
    signal.pause()  # who measures ends it


if __name__ == "__main__":
    bootstrap, topic, group, url, count = sys.argv[1:]
    main(bootstrap, topic, group, url, int(count))
