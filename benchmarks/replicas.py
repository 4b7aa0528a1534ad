"""Two and three replicas on one machine: what they deliver together, and how long a change of members is felt.

    python -m benchmarks.replicas        # needs Java and Kafka's jars, as the tests do; about two minutes

Throughput: a backlog of one call an event, at a latency that lets one replica make 640 calls a second. The rebalance:
events come at a steady rate while members join and leave; for each partition, how long nothing of it was sent.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import programs, workload
from benchmarks.measure import LOOK, Program, Target, running
from benchmarks.programs import Place
from tests.kafka import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.kafka import Kafka

PARTITIONS = 12
BACKLOG = 15_000
AT_ONCE = 64
LATENCY = 100.0
"""Milliseconds, in the measure of throughput."""

FED = 600.0
"""Events a second while members come and go: each partition has one every 20 ms."""

APART = 8.0
"""Seconds between two changes."""


class Together(NamedTuple):
    """What replicas did together: calls a second, and CPU seconds a second."""

    rate: float
    cores: float


class Replicas:
    """A group on a topic of its own, and a target that all its members call."""

    def __init__(self, kafka: Kafka, folder: Path, target: Target, stack: ExitStack) -> None:
        self.topic = kafka.create_topic(PARTITIONS)
        self.bootstrap = kafka.bootstrap
        self._place = Place(kafka.bootstrap, self.topic, f"g-{uuid.uuid4().hex[:8]}", target, folder)
        self._stack = stack
        self._started = 0

    def start(self) -> Program:
        """One member more; it may still have to be given partitions."""
        self._started += 1
        command, environment = programs.ours(self._place)
        output = self._place.folder / f"output-{self._started}"
        return self._stack.enter_context(running(command, environment, output))

    def filled(self, wanted: Sequence[int]) -> None:
        """Write a backlog."""
        workload.produce(self.bootstrap, self.topic, PARTITIONS, wanted)


def throughput(kafka: Kafka, folder: Path, count: int) -> Together:
    """What so many replicas deliver, from when the last of them has partitions and a backlog is there."""
    with ExitStack() as stack:
        target = stack.enter_context(Target(LATENCY))
        group = Replicas(kafka, folder, target, stack)
        members = [group.start() for _ in range(count)]
        for member in members:
            member.wait_assigned(60)
        time.sleep(5)  # until no partition moves any more
        before = sum(member.cpu() for member in members)
        group.filled(range(BACKLOG))
        while target.seen()["calls"] < BACKLOG:
            time.sleep(LOOK)
        spent = sum(member.cpu() for member in members) - before
        seen = target.seen()
    seconds = seen["last"] - seen["first"]
    return Together(BACKLOG / seconds, spent / seconds)


class Change(NamedTuple):
    """Members came or went at a time (CLOCK_MONOTONIC)."""

    what: str
    at: float


def changes(kafka: Kafka, folder: Path) -> tuple[list[Change], list[tuple[float, str]], int]:
    """Members join and leave while events come: the changes, time and identity of each call, and older values seen."""
    with ExitStack() as stack:
        target = stack.enter_context(Target(5))
        group = Replicas(kafka, folder, target, stack)
        members = [group.start()]
        members[0].wait_assigned(60)
        wanted = range(int(FED * APART * 6))
        feeding = threading.Thread(target=workload.feed, args=(group.bootstrap, group.topic, PARTITIONS, wanted, FED))
        feeding.start()
        happened = [Change("nobody comes or goes", time.monotonic())]
        for what in ("a second joins", "a third joins", "one leaves (SIGTERM)", "another leaves (SIGTERM)"):
            time.sleep(APART)
            happened.append(Change(what, time.monotonic()))
            if "joins" in what:
                members.append(group.start())
            else:
                members.pop(0).process.terminate()
        feeding.join()
        while target.seen()["identities"] < len(wanted):
            time.sleep(LOOK)
        return happened, target.log(), target.seen()["stale"]


def pause(log: Sequence[tuple[float, str]], begin: float, end: float) -> float:
    """The longest that nothing of a partition was sent between these times, in seconds."""
    newest = dict.fromkeys(range(PARTITIONS), begin)
    longest = 0.0
    for at, identity in log:
        partition = int(identity.removeprefix("c-")) % PARTITIONS
        if begin <= at <= end:
            longest = max(longest, at - newest[partition])
            newest[partition] = at
    return max(longest, end - min(newest.values()))


def main() -> None:
    """Print both tables."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaCluster() as kafka:
            kafka.settle()
            line = AT_ONCE / LATENCY * 1000
            print("| replicas | calls/s | to one | to max_in_flight ÷ latency, each | CPU cores |")
            one = 0.0
            for count in (1, 2, 3):
                rate, cores = throughput(kafka, folder, count)
                one = one or rate
                print(
                    f"| {count} | {rate:,.0f} | {rate / one:.2f} | {rate / line / count:.2f} | {cores:.2f} |",
                    flush=True,
                )
            happened, log, stale = changes(kafka, folder)
            print("\n| while | longest pause of a partition, s (goal: 3) |")
            for what, at in happened:
                print(f"| {what} | {pause(log, at, at + APART):.2f} |")
            print(f"\nan older value over a newer one: {stale}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
