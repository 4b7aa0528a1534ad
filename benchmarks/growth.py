"""How the cost of an event grows: with mappings, attributes, waiting identities, partitions, and its size.

    python -m benchmarks.growth [--plot FILE]

Drives mapping and engine in this process, without Kafka or Target: CPU microseconds an event, the best of several
rounds, and the ratio to the first row of each table. Nothing may grow faster than what it depends on.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import workload
from consumer.core.breaker import Breaker
from consumer.core.clock import Clocks
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.mapping_file import parse_mappings
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


class Row(NamedTuple):
    """One measured point: what varied, its value, and CPU microseconds an event."""

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


def cost(of: Mappings, given: Sequence[Record], partitions: int = 12) -> float:
    """CPU microseconds an event, from its bytes to where it waits."""
    best = float("inf")
    for _ in range(ROUNDS):
        gate = Gate(64, Unlimited(), Throttle(300.0), Breaker())
        engine = Engine(of.map, of.hash, LIMITS, gate, random.random)
        engine.assigned(Assignment(TopicPartition("t", each), 1, 0) for each in range(partitions))
        gc.collect()
        began = time.thread_time()
        for first in range(0, len(given), BATCH):
            now = Clocks(1.0, 1.0)
            engine.received(given[first : first + BATCH], now)
            engine.commands(now)
        best = min(best, time.thread_time() - began)
    return best / len(given) * 1e6


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


def plot(rows: Sequence[Row]) -> str:
    """Ratios of costs over ratios of what varied, both on a logarithmic scale; the dashed line is linear growth."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.what, []).append(row)
    width, height, left, bottom = 640, 360, 50, 40
    spanx, spany = 100.0, 16.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = left + _scale(x, spanx) * (width - left - 170)
        return across, height - bottom - _scale(y, spany) * (height - bottom - 20)

    colours = ("#0b62a4", "#c2410c", "#15803d", "#7e22ce", "#b91c1c")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for value in (1, 2, 4, 8, 16):
        _, y = place(1, value)
        parts.append(f'<line x1="{left}" y1="{y:.0f}" x2="{width - 170}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{value} to 1</text>')
    for value in (1, 10, 100):
        x, _ = place(value, 1)
        parts.append(f'<text x="{x:.0f}" y="{height - bottom + 18}" text-anchor="middle">{value} to 1</text>')
    (x1, y1), (x2, y2) = place(1, 1), place(16, 16)
    parts.append(f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#999" stroke-dasharray="4"/>')
    for (name, table), colour in zip(tables.items(), colours, strict=True):
        first = table[0]
        points = [place(row.value / first.value, max(1.0, row.cost / first.cost)) for row in table]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = points[-1]
        parts.append(f'<text x="{x + 6:.0f}" y="{y + 4:.0f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _scale(value: float, span: float) -> float:
    return log(value) / log(span)


def main() -> None:
    """Print the tables, and draw them if wanted."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--plot", type=Path, help="where the plot is written, as SVG")
    wanted = words.parse_args()
    rows = []
    print(f"| {'what grows':<24} | {'to':>8} | {'µs/event':>9} | {'ratio':>6} | {'linear':>6} |")
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
        wanted.plot.write_text(plot(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
