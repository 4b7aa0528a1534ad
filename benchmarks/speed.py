"""How fast, beside what: every row in the same run, on the same broker, with the same events.

    python -m benchmarks.speed [--events 200000] [--only ROW ...] [--markdown FILE]

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

from benchmarks import programs, workload
from benchmarks.measure import Figures, Target, Until, measure, running
from benchmarks.programs import Place
from tests.kafka import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka import Kafka

PARTITIONS = 12
AT_ONCE = 64
LIMIT = 60.0
"""Seconds that one program may take; a slow one is judged by what it did in this time."""

HEAD = "| {:<46} | {:>9} | {:>8} | {:>11} | {:>9} | {:>6} | {:>6} |"
ROW = "| {:<46} | {:>9,.0f} | {:>8,.0f} | {:>11.3f} | {:>9,.1f} | {:>6.0f} | {:>6} |"
COLUMNS = ("program", "events/s", "calls/s", "calls/event", "CPU µs/ev", "MB", "stale")


class Bench:
    """One run: a broker, topics that are filled once, and figures by name."""

    def __init__(self, kafka: Kafka, folder: Path, events: int) -> None:
        self.kafka = kafka
        self.folder = folder
        self.events = events
        self.figures: dict[str, Figures] = {}
        self._topics: dict[tuple[str, int, int], str] = {}

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
        return sum(max(0, offset) for offset, _ in self.kafka.committed(group, topic, PARTITIONS))

    def run(
        self, name: str, topic: str, latency: float, start: Callable[[Place], object], count: int, *, waits: bool = True
    ) -> None:
        """Measure one program; `waits` when it is over as soon as its group has committed everything."""
        with Target(latency) as target:
            place = Place(self.kafka.bootstrap, topic, f"g-{uuid.uuid4().hex[:8]}", target, self.folder)
            started = start(place)
            if started is None:
                print(f"| {name}: not here (it needs Java and Maven)")
                return
            command, environment = started if isinstance(started, tuple) else (started, {})
            with running(command, environment, self.folder / "output") as program:
                committed = partial(self.committed, place.group, topic) if waits else None
                self.figures[name] = found = measure(program, target, Until(count, committed, LIMIT))
        each = found.calls / found.events if found.events else 0.0
        print(
            ROW.format(name, found.rate, found.calls_rate, each, found.cpu_each, found.memory, found.stale), flush=True
        )


class Goal(NamedTuple):
    """A ratio of two figures, what it is to be, and whether larger is better."""

    text: str
    ratio: float
    goal: float
    larger: bool = True

    def __str__(self) -> str:
        reached = self.ratio >= self.goal if self.larger else self.ratio <= self.goal
        sign = "≥" if self.larger else "≤"
        return f"| {self.text:<76} | {self.ratio:>8.2f} | {sign} {self.goal:<6g} | {'yes' if reached else 'no':<7} |"


def ingest(bench: Bench) -> None:
    """Many events an identity, few calls: the Kafka side."""
    topic = bench.topic("uniform", bench.events, 24)
    count = bench.events
    bench.run("(c) bare consume + orjson", topic, 0, lambda at: programs.bare_consume(at, count), count, waits=False)
    bench.run("ours, ingest, 24 identities", topic, 100, programs.ours, count)


def one_call_an_event(bench: Bench) -> None:
    """As many identities as events."""
    count = min(bench.events // 4, 50_000)
    topic = bench.topic("uniform", count, 10_000_000)
    for latency in (0, 20, 100):
        bench.run(f"(b) bare calls, {AT_ONCE} at once, {latency} ms", topic, latency,
                  lambda at: programs.bare_calls(at, AT_ONCE, count), count, waits=False)  # fmt: skip
        bench.run(f"ours, one call an event, {latency} ms", topic, latency, programs.ours, count)


def against_peers(bench: Bench) -> None:
    """A backlog at 20 ms: the usual loop, and Parallel Consumer at its best."""
    few = 1500
    topic = bench.topic("uniform", few)
    bench.run("(a) usual loop, 20 ms", topic, 20, lambda at: programs.usual_loop(at, few), few)
    for kind in ("uniform", "zipf"):
        topic = bench.topic(kind, bench.events)
        name = f"(d) Parallel Consumer 256, {kind}, 20 ms"
        bench.run(name, topic, 20, lambda at: programs.parallel_consumer(at, 256), bench.events)
        bench.run(f"ours, {kind}, 20 ms", topic, 20, programs.ours, bench.events)


def hot_identity(bench: Bench) -> None:
    """Nine of ten events are of one identity."""
    bench.run("ours, hot identity, 20 ms", bench.topic("hot", bench.events), 20, programs.ours, bench.events)


ROWS = {"ingest": ingest, "single": one_call_an_event, "peers": against_peers, "hot": hot_identity}


def goals(found: dict[str, Figures]) -> list[Goal]:
    """What the figures of one run say about the goals; a goal whose programs did not run is left out."""
    listed: list[Goal] = []

    def goal(text: str, ratio: Callable[[], float], least: float, *, larger: bool = True) -> None:
        try:
            listed.append(Goal(text, ratio(), least, larger))
        except (KeyError, ValueError):
            return

    ingested, read = "ours, ingest, 24 identities", "(c) bare consume + orjson"
    goal("ingest: events/s, to bare consume + orjson", lambda: found[ingested].rate / found[read].rate, 0.3)
    goal(
        "ingest: CPU an event, to bare consume + orjson",
        lambda: found[ingested].cpu_each / found[read].cpu_each,
        3.5,
        larger=False,
    )
    for latency, least in ((0, 0.75), (20, 0.9), (100, 0.9)):
        mine, bare = f"ours, one call an event, {latency} ms", f"(b) bare calls, {AT_ONCE} at once, {latency} ms"
        goal(f"one call an event, {latency} ms: calls/s, to bare calls", _rates(found, mine, bare), least)
        if latency:
            line = AT_ONCE / latency * 1000
            goal(
                f"one call an event, {latency} ms: calls/s, to max_in_flight ÷ latency",
                lambda mine=mine, line=line: found[mine].calls_rate / line,  # type: ignore[misc]
                least,
            )
    mine = "ours, uniform, 20 ms"
    goal("events/s, to the usual loop at 20 ms", lambda: found[mine].rate / found["(a) usual loop, 20 ms"].rate, 50)
    for kind in ("uniform", "zipf"):
        mine, theirs = f"ours, {kind}, 20 ms", f"(d) Parallel Consumer 256, {kind}, 20 ms"
        for text, figure, least, larger in _AGAINST:
            goal(f"{kind}: {text}, to Parallel Consumer", _ratio(found, figure, mine, theirs), least, larger=larger)
    goal(
        "hot identity: events/s, to uniform",
        lambda: found["ours, hot identity, 20 ms"].rate / found["ours, uniform, 20 ms"].rate,
        1.0,
    )
    goal("memory of the largest of ours, MB", lambda: max(_memories(found)), 150, larger=False)
    goal("seconds from assignment to the first call", lambda: max(_starts(found)), 2, larger=False)
    return listed


_AGAINST: list[tuple[str, Callable[[Figures], float], float, bool]] = [
    ("events/s", lambda each: each.rate, 1.0, True),
    ("CPU an event", lambda each: each.cpu_each, 1.0, False),
    ("memory", lambda each: each.memory, 1.0, False),
    ("calls an event", lambda each: each.calls / each.events, 1 / 3, False),
]


def _rates(found: dict[str, Figures], mine: str, other: str) -> Callable[[], float]:
    return lambda: found[mine].calls_rate / found[other].calls_rate


def _ratio(found: dict[str, Figures], figure: Callable[[Figures], float], mine: str, other: str) -> Callable[[], float]:
    return lambda: figure(found[mine]) / figure(found[other])


def _memories(found: dict[str, Figures]) -> list[float]:
    return [each.memory for name, each in found.items() if name.startswith("ours")]


def _starts(found: dict[str, Figures]) -> list[float]:
    return [each.start for name, each in found.items() if name.startswith("ours, one call") and each.start is not None]


def main() -> None:
    """Run the rows that are wanted and print figures, then ratios."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--events", type=int, default=200_000, help="the length of the backlog")
    words.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="rows to run")
    wanted = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaCluster() as kafka:
            bench = Bench(kafka, folder, wanted.events)
            print(HEAD.format(*COLUMNS))
            for row in wanted.only:
                ROWS[row](bench)
    finally:
        shutil.rmtree(folder)
    print(f"\n| {'ratio':<76} | {'here':>8} | {'goal':<8} | reached |")
    for goal in goals(bench.figures):
        print(goal)


if __name__ == "__main__":
    main()
