"""What the quota costs: ledger records a day, CPU beside a call, and the time to read the ledger at a start.

    python -m benchmarks.quota_cost        # needs Java and Kafka's jars, as the tests do; about a minute

A day of ten replicas is simulated (shrunk to a fiftieth, where a lease and a call are as much shorter). CPU is that of
the loop's thread, in shares of the time that one call has at `SPEED` calls a second. The start reads two days of
records, as at any start: the window, and a day for the longest lease.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.adapters.ledger_topic import LedgerTopic
from consumer.adapters.quota_ledger import QuotaLedger
from consumer.core.clock import Clocks
from consumer.core.lease import Terms
from consumer.core.ledger import Close, Take, encode
from consumer.core.quota import Unlimited
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import NotNow
from tests.core.quota_group import EPOCH, Group
from tests.kafka import KafkaCluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.quota import Quota

SPEED = 1600.0
"""Calls a second."""

DAY = 86_400.0
SHRUNK = Terms.of(20_000, DAY / 50, lease=60 / 50, timeout=10 / 50)
CALLS = 200_000


def clocks() -> Clocks:
    """Both clocks."""
    return Clocks(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def records_a_day(demand: float) -> int:
    """Records that ten replicas append in a window, at a demand of so many times the quota."""
    chance = random.Random(3)  # noqa: S311 - a seed
    group = Group(SHRUNK, 10, seed=3)
    owed, identity = 0.0, 0
    while group.time < 2 * SHRUNK.window:
        owed += demand * SHRUNK.limit / SHRUNK.window * 0.1
        for _ in range(int(owed)):
            identity += 1
            group.members[chance.randrange(10)].arrive(identity % 40_000, group.time)
        owed %= 1
        group.step(0.1)
    return sum(at > EPOCH + SHRUNK.window for _, at in group.log)


def microseconds(run: Callable[[], None], times: int) -> float:
    """CPU of this thread for one time, in microseconds."""
    before = time.thread_time()
    run()
    return (time.thread_time() - before) / times * 1e6


def of_calls(quota: Quota, turn: Callable[[], object]) -> float:
    """CPU of one call: the permit, and its end."""

    def run() -> None:
        made = 0
        while made < CALLS:
            now = clocks()
            call = quota.access(now)
            if isinstance(call, NotNow):
                turn()
            else:
                quota.finished(call, now)
                made += 1

    return microseconds(run, CALLS)


def opened(quota: SharedQuota, ledger: QuotaLedger) -> float:
    """Seconds until the ledger is open."""
    began = time.monotonic()
    while quota.usage(clocks()).used is None:
        ledger.turn(clocks())
        ledger.raise_if_stopped()
        time.sleep(0.0005)
    return time.monotonic() - began


def fill(bootstrap: str, topic: str, records: int) -> None:
    """So many records of ten replicas, as they stand in a ledger."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    for number in range(records // 2):
        name = f"profile-consumer-7d9f8b6c5-{number % 10:05d}.1a2b3c4d.{number}"
        instance = name.rpartition(".")[0]
        for entry in (Take(name, instance, 69, 70.0, time.time(), 12), Close(name, 61)):
            producer.produce(topic, encode(entry), partition=0)
        producer.poll(0)
    producer.flush()


def main() -> None:
    """Measure and print everything."""
    for demand in (0.5, 0.9, 3.0):
        print(f"ledger records a day, 10 replicas, demand {demand:g} times the quota: {records_a_day(demand):,}")
    terms = Terms.of(1_000_000_000, DAY, 60.0, 10.0)
    with KafkaCluster() as kafka:
        kafka.settle()
        topic = LedgerTopic(f"ledger-{uuid.uuid4().hex[:8]}", DAY)
        connection = Connection(kafka.bootstrap)

        def start() -> tuple[SharedQuota, QuotaLedger, float]:
            quota = SharedQuota(terms, uuid.uuid4().hex, random.random)
            ledger = QuotaLedger(connection, Lookup(connection), topic, "group", quota)
            return quota, ledger, opened(quota, ledger)

        quota, ledger, empty = start()
        quota.backlog(64, 64)
        budget = 1e6 / SPEED
        off = of_calls(Unlimited(), lambda: None)
        on = of_calls(quota, lambda: ledger.turn(clocks()))
        print(f"CPU a call: {off:.1f} µs switched off, {on:.1f} µs with it: {(on - off) / budget:.2%} of a call's time")
        turns = 1000

        def run() -> None:
            for _ in range(turns):
                ledger.turn(clocks())
                time.sleep(0.002)

        def idle() -> None:
            for _ in range(turns):
                time.sleep(0.002)

        cost = microseconds(run, turns) - microseconds(idle, turns)
        print(f"CPU a step of the ledger: {cost:.1f} µs, at most 500 a second: {cost * 500 / 1e6:.2%} of a core")
        ledger.close(5)
        fill(kafka.bootstrap, topic.name, 60_000)
        _, ledger, full = start()
        ledger.close(5)
        print(f"start: {empty:.2f} s with an empty ledger, {full:.2f} s with 60,000 records (two days of 30,000)")


if __name__ == "__main__":
    main()
