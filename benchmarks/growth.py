"""How the cost of an event grows: with mappings, attributes, waiting identities, partitions, and its size.

    python -m benchmarks.growth [--plot FILE]

Drives mapping and engine in this process, without Kafka or Target: CPU microseconds an event, from its bytes to where
it waits, or a call, from there to where it is resolved; the best of several rounds, and the ratio to the first row of
each table. Nothing may grow faster than what it depends on.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import workload
from benchmarks.growth_plot import draw
from consumer.core.breaker import Breaker
from consumer.core.clock import Clocks
from consumer.core.command import Send
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.mapping_file import parse_mappings
from consumer.core.outcome import Completed, Delivered
from consumer.core.partition import Assignment
from consumer.core.quota import Unlimited
from consumer.core.record import Record, TopicPartition
from consumer.core.throttle import Throttle
from consumer.core.work import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.core.mapping import Mappings

EVENTS = 40_000
ROUNDS = 3
BATCH = 500
LIMITS = Limits(1 << 40, 1 << 40, 1e9, 0.5, 300.0, 0.0, 100, 0.5)
"""Nothing is sent: the linger is longer than the run."""

NOW = Clocks(1.0, 1.0)


class Row(NamedTuple):
    """One measured point: what varied, its value, and CPU microseconds an event or a call."""

    what: str
    value: float
    cost: float


def mapping(number: int, attributes: int = 5) -> str:
    """One of many mappings of one topic; the workload's events find number 0."""
    kind = "store.visited" if number == 0 else f"kind.{number}"
    named = "".join(f"  a{each}: {{from: event.store.city}}\n" for each in range(attributes))
    head = f"version: 1\ntopics: [t]\nwhere: {{event.type: {kind}}}\nidentity: {{mbox3rdPartyId: event.customer.id}}\n"
    return f"{head}attributes:\n{named}"


def mappings(count: int = 5, attributes: int = 5) -> Mappings:
    """So many mappings, each with so many attributes."""
    files = {f"m{number}.mapping.yaml": mapping(number, attributes).encode() for number in range(count)}
    return parse_mappings(files, max_value_length=256)


def records(identities: int = 1_000, partitions: int = 12, size: int = 0) -> list[Record]:
    """Events of so many identities in so many partitions."""
    chosen = workload.identities("uniform", max(EVENTS, 2 * identities), workload.chance(7), identities)
    next_offsets = [0] * partitions
    made = []
    for number, identity in enumerate(chosen):
        partition = identity % partitions
        made.append(Record("t", partition, next_offsets[partition], 1, None, workload.event(identity, number, size)))
        next_offsets[partition] += 1
    return made


def assigned(of: Mappings, partitions: int, limits: Limits = LIMITS) -> Engine:
    """An engine that has so many partitions."""
    engine = Engine(of.map, of.hash, limits, Gate(64, Unlimited(), Throttle(300.0), Breaker()), random.random)
    engine.assigned(Assignment(TopicPartition("t", each), 1, 0) for each in range(partitions))
    return engine


def cost(of: Mappings, given: Sequence[Record], partitions: int = 12) -> float:
    """CPU microseconds an event, from its bytes to where it waits."""
    best = float("inf")
    for _ in range(ROUNDS):
        engine = assigned(of, partitions)
        gc.collect()
        began = time.thread_time()
        for first in range(0, len(given), BATCH):
            engine.received(given[first : first + BATCH], NOW)
            engine.commands(NOW)
        best = min(best, time.thread_time() - began)
    return best / len(given) * 1e6


def cost_of_calls(of: Mappings, given: Sequence[Record], partitions: int) -> float:
    """CPU microseconds a call, from where its events wait to where they are resolved; the HTTP request not counted."""
    best = float("inf")
    for _ in range(ROUNDS):
        engine = assigned(of, partitions, LIMITS._replace(linger=0.0))
        engine.received(given, NOW)
        gc.collect()
        calls = 0
        began = time.thread_time()
        while sends := [each for each in engine.commands(NOW) if isinstance(each, Send)]:
            calls += len(sends)
            for send in sends:
                engine.completed(Completed(send.number, Delivered(200), 0.0), NOW)
        best = min(best, (time.thread_time() - began) / calls)
    return best * 1e6


def measured() -> Iterator[Row]:
    """All points, table by table."""
    usual = records()
    for count in (5, 50, 500):
        yield Row("mappings of a topic", count, cost(mappings(count), usual))
    for count in (5, 50):
        yield Row("attributes of a mapping", count, cost(mappings(1, count), usual))
    for count in (1_000, 10_000, 100_000):
        yield Row("identities waiting", count, cost(mappings(), records(count)))
    for count in (1, 12, 120):
        yield Row("partitions", count, cost(mappings(), records(partitions=count), count))
    for size in (300, 1300, 17_000):
        yield Row("bytes of an event", size, cost(mappings(), records(size=size)))
    for count in (1, 12, 120):
        yield Row("partitions, a call", count, cost_of_calls(mappings(), records(10_000, count), count))


def main() -> None:
    """Print the tables, and draw them if wanted."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--plot", type=Path, help="where the plot is written, as SVG")
    wanted = words.parse_args()
    rows = []
    print(f"| {'what grows':<24} | {'to':>8} | {'µs':>9} | {'ratio':>6} | {'linear':>6} |")
    print(f"|{'-' * 26}|{'-' * 9}:|{'-' * 10}:|{'-' * 7}:|{'-' * 7}:|")
    first = Row("", 0, 0)
    for row in measured():
        first = first if row.what == first.what else row
        rows.append(row)
        ratio, linear = row.cost / first.cost, row.value / first.value
        print(
            f"| {row.what:<24} | {row.value:>8,.0f} | {row.cost:>9.2f} | {ratio:>6.2f} | {linear:>6.0f} |", flush=True
        )
    if wanted.plot:
        wanted.plot.write_text(draw(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
