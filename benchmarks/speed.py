"""How fast, beside what: every row in the same run, on the same broker, with the same events.

    python -m benchmarks.speed [--events 200000] [--only ROW ...]

Absolute figures differ from machine to machine and from minute to minute; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks import goals, programs, workload
from benchmarks.measure import Figures, Target, Until, measure, running
from benchmarks.programs import Place
from tests.kafka import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.kafka import Kafka

PARTITIONS = 12
LIMIT = 60.0
"""Seconds that one program may take; a slow one is judged by what it did in this time."""

LIVE = 1500.0
"""Events a second that are written while a program runs."""

HEAD = "| {:<42} | {:>9} | {:>8} | {:>11} | {:>9} | {:>5} | {:>5} | {:>7} | {:>6} |"
ROW = "| {:<42} | {:>9,.0f} | {:>8,.0f} | {:>11.3f} | {:>9,.1f} | {:>5.0f} | {:>5} | {:>7} | {:>6} |"
COLUMNS = ("program", "events/s", "calls/s", "calls/event", "CPU µs/ev", "MB", "stale", "refused", "p99 ms")


class Load(NamedTuple):
    """What a program is given: a topic with so many events, and a target with this latency in milliseconds.

    `live`: the identities of events that are written while it runs, instead of before.
    """

    topic: str
    latency: float
    events: int
    calls_a_second: float = float("inf")
    live: Sequence[int] = ()


class Bench:
    """One run: a broker, topics that are filled once, and figures by name."""

    def __init__(self, kafka: Kafka, folder: Path, events: int) -> None:
        self.kafka = kafka
        self.folder = folder
        self.events = events
        self.figures: dict[str, Figures] = {}
        self._topics: dict[tuple[str, int, int], str] = {}
        self._groups: dict[str, Consumer] = {}

    def topic(self, kind: str, count: int, different: int = workload.IDENTITIES) -> str:
        """A topic with so many events."""
        key = kind, count, different
        if key not in self._topics:
            name = self.kafka.create_topic(PARTITIONS)
            wanted = workload.identities(kind, count, workload.chance(7), different)
            workload.produce(self.kafka.bootstrap, name, PARTITIONS, wanted)
            self._topics[key] = name
        return self._topics[key]

    def committed(self, group: str, topic: str) -> int:
        """How many events a group has committed: all topics here begin at 0 and have no gaps."""
        if group not in self._groups:
            config = {"bootstrap.servers": self.kafka.bootstrap, "group.id": group, "log_level": 0}
            self._groups[group] = Consumer(config)
        asked = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        # The metadata is not looked at: that of Parallel Consumer is no UTF-8.
        return sum(max(0, part.offset) for part in self._groups[group].committed(asked, timeout=30))

    def run(self, name: str, load: Load, start: Callable[[Place], object], *, waits: bool = True) -> None:
        """Measure one program; `waits` when it is over as soon as its group has committed everything."""
        with Target(load.latency, load.calls_a_second) as target:
            place = Place(self.kafka.bootstrap, load.topic, f"g-{uuid.uuid4().hex[:8]}", target, self.folder)
            started = start(place)
            if started is None:
                print(f"| {name}: not here (it needs Java and Maven)")
                return
            command, environment = started if isinstance(started, tuple) else (started, {})
            with running(command, environment, self.folder / "output") as program:
                if load.live:
                    program.wait_assigned(LIMIT)
                    workload.feed(self.kafka.bootstrap, load.topic, PARTITIONS, load.live, LIVE)
                committed = partial(self.committed, place.group, load.topic) if waits else None
                self.figures[name] = found = measure(program, target, Until(load.events, committed, LIMIT))
        each = found.calls / found.events if found.events else 0.0
        delay = f"{found.delay * 1000:.0f}" if load.live and found.delay is not None else ""
        print(
            ROW.format(
                name,
                found.rate,
                found.calls_rate,
                each,
                found.cpu_each,
                found.memory,
                found.stale,
                found.refused,
                delay,
            ),
            flush=True,
        )


def ingest(bench: Bench) -> None:
    """Many events an identity, few calls: the Kafka side."""
    count = 5 * bench.events
    load = Load(bench.topic("uniform", count, 24), 100, count)
    bench.run(goals.READ, load, partial(programs.bare_consume, count=count), waits=False)
    bench.run(goals.INGEST, load, programs.ours)
    fifth = Load(bench.topic("uniform", bench.events, 24), 100, bench.events)
    bench.run(goals.SHORT_INGEST, fifth, programs.ours)


def one_call_an_event(bench: Bench) -> None:
    """As many identities as events."""
    for latency, count in ((0, bench.events // 4), (20, bench.events // 4), (100, bench.events // 10)):
        mine, bare = goals.single(latency)
        load = Load(bench.topic("uniform", count, 10_000_000), latency, count)
        bench.run(bare, load, partial(programs.bare_calls, at_once=goals.AT_ONCE, count=count), waits=False)
        bench.run(mine, load, programs.ours)
        if latency == goals.KNEE:
            bench.run(goals.RAW, load, partial(programs.raw_calls, at_once=goals.AT_ONCE, count=count), waits=False)


def against_peers(bench: Bench) -> None:
    """A backlog at 20 ms: the usual loop, and Parallel Consumer at its best."""
    few = 1500
    load = Load(bench.topic("uniform", few), 20, few)
    bench.run("(a) usual loop, 20 ms", load, partial(programs.usual_loop, count=few))
    for kind in ("uniform", "zipf"):
        load = Load(bench.topic(kind, bench.events), 20, bench.events)
        name = f"(d) Parallel Consumer 256, {kind}, 20 ms"
        bench.run(name, load, partial(programs.parallel_consumer, at_once=256))
        bench.run(f"ours, {kind}, 20 ms", load, programs.ours)


def hot_identity(bench: Bench) -> None:
    """Nine of ten events are of one identity."""
    bench.run("ours, hot identity, 20 ms", Load(bench.topic("hot", bench.events), 20, bench.events), programs.ours)


def live(bench: Bench) -> None:
    """Events as time passes, by Zipf's law: the hottest customer has more than one call at a time can carry."""
    wanted = workload.identities("zipf", 10 * int(LIVE), workload.chance(7))
    for name, start in (
        ("(d) Parallel Consumer 256, live, 20 ms", partial(programs.parallel_consumer, at_once=256)),
        ("ours, live, 20 ms", programs.ours),
    ):
        topic = bench.kafka.create_topic(PARTITIONS)
        bench.run(name, Load(topic, 20, len(wanted), live=wanted), start)


def limited(bench: Bench) -> None:
    """A target that answers 429, without Retry-After, above so many calls in a second."""
    count = 20 * int(goals.ALLOWED)
    load = Load(bench.topic("uniform", count, 10_000_000), 20, count, goals.ALLOWED)
    bench.run(goals.LIMITED, load, programs.ours)


ROWS = {
    "ingest": ingest,
    "single": one_call_an_event,
    "peers": against_peers,
    "hot": hot_identity,
    "live": live,
    "limited": limited,
}


def main() -> None:
    """Run the rows that are wanted and print figures, then ratios."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--events", type=int, default=200_000, help="the length of the backlog")
    words.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="rows to run")
    wanted = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaCluster() as kafka:
            kafka.settle()
            bench = Bench(kafka, folder, wanted.events)
            print(HEAD.format(*COLUMNS))
            for row in wanted.only:
                ROWS[row](bench)
    finally:
        shutil.rmtree(folder)
    print(f"\n| {'ratio':<76} | {'here':>8} | {'goal':<8} | reached |")
    for goal in goals.goals(bench.figures):
        print(goal)


if __name__ == "__main__":
    main()
