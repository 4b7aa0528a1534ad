"""The quota holds whatever goes wrong, and every rule of the ledger is there for a reason.

Runs are seeded; a failure names the seed, and `World(seed, adversities)` repeats it. `QUOTA_MODEL_SEEDS` sets how many
runs each test makes (a long search: 5000).
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

import consumer.core.shared_quota
from consumer.core.lease import Lease
from consumer.core.ledger import Close, Ledger, Take
from consumer.core.shared_quota import SharedQuota
from tests.core.quota_world import ADVERSITIES, HELD_AT_MOST, TERMS, Product, World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from consumer.core.clock import Clocks
    from consumer.core.lease import Call

SEEDS = int(os.environ.get("QUOTA_MODEL_SEEDS", "12"))
STEPS = 300
ALWAYS = frozenset({"crash", "slow"})
CORRECT = Product()


def violation(
    adversities: Collection[str], product: Product = CORRECT, *, seeds: int = SEEDS, first: int = 0
) -> str | None:
    for seed in range(first, first + seeds):
        worst = World(seed, adversities, product).run(STEPS).worst()
        if worst > TERMS.limit:
            return f"seed {seed}: {worst} calls of {TERMS.limit}"
    return None


@pytest.mark.parametrize("adversity", ADVERSITIES)
def test_no_window_holds_more_than_the_limit(adversity: str) -> None:
    assert violation({adversity}) is None


def test_no_window_holds_more_than_the_limit_when_everything_goes_wrong() -> None:
    for seed in range(SEEDS * 10):
        chosen = random.Random(seed)  # noqa: S311 - a seed
        adversities = {name for name in ADVERSITIES if chosen.random() < 0.6} | ALWAYS
        pods = chosen.randint(1, 10)
        worst = World(seed, adversities, pods=pods).run(STEPS).worst()
        assert worst <= TERMS.limit, f"seed {seed}: {worst} calls with {pods} pods and {sorted(adversities)}"


def test_a_freeze_longer_than_the_window_adds_at_most_the_calls_in_flight() -> None:
    beyond = 0
    for seed in range(SEEDS * 3):
        world = World(seed, {"hold"}, pods=1, freeze=60).run(STEPS)
        beyond = max(beyond, world.worst() - TERMS.limit)
    assert beyond <= HELD_AT_MOST


# Each of the rules, taken away: the model must find the counter-example.


class EachCloseFrees(Ledger):
    def _close(self, close: Close) -> None:
        lease = self._open.get(close.lease)
        if lease is not None:
            self._sum -= lease.calls - close.used


class ReadersLife(Ledger):
    def _take(self, take: Take) -> None:
        super()._take(take._replace(life=TERMS.life) if take.instance != "job" else take)


class BrokersStampAlone(Ledger):
    def _take(self, take: Take) -> None:
        super()._take(take._replace(at=0.0))


class ReadersLifeForJobs(Ledger):
    def _take(self, take: Take) -> None:
        super()._take(take._replace(life=TERMS.life))


class RoundedEarly(Ledger):
    def _close(self, close: Close) -> None:
        lease = self._open.get(close.lease)
        if lease is not None:
            calls = lease.calls
            self._add(lease, -calls)
            lease.bucket -= 100
            self._add(lease, calls)
        super()._close(close)


class OwnClockAtStart(SharedQuota):
    def start_time(self, broker_time: float, now: Clocks) -> float:  # noqa: ARG002
        return now.wall - self.terms.window - self.terms.life


class OwnLifeAtStart(SharedQuota):
    def start_time(self, broker_time: float, now: Clocks) -> float:
        return min(broker_time, now.wall) - self.terms.window - self.terms.life


class NeverBookedAgain(SharedQuota):
    def finished(self, call: Call, now: Clocks) -> None:
        pass


class CountedFromTheAnswer(SharedQuota):
    def _decide(self, lease: Lease, used: int, now: Clocks) -> None:
        lease.taken = now
        super()._decide(lease, used, now)


class NotReadBack(SharedQuota):
    def turn(self, now: Clocks) -> list[Take | Close]:
        entries = super().turn(now)
        if self._asked is not None:
            self._decide(self._asked, 0, now)
        return entries


class ClosedWithoutCallsInFlight(SharedQuota):
    def _close(self, lease: Lease) -> None:
        in_flight = min(lease.used, 1)
        if lease.close() or in_flight:
            self._append.append(Close(lease.name, lease.used - in_flight))


def brokers_clock_alone(broker_time: float, now: Clocks) -> float:  # noqa: ARG001
    return broker_time


def own_clock_alone(broker_time: float, now: Clocks) -> float:  # noqa: ARG001
    return now.wall


def over_by_boot_alone(lease: Lease, now: Clocks, seconds: float) -> bool:
    return now.boot - lease.taken.boot >= seconds


def over_by_wall_alone(lease: Lease, now: Clocks, seconds: float) -> bool:
    return now.wall - lease.taken.wall >= seconds


FAULTS: dict[str, tuple[Product, Collection[str]]] = {
    "each close frees calls again": (Product(ledger=EachCloseFrees), {"repeat"}),
    "a lease counts for the reader's own life": (Product(ledger=ReadersLife), {"mixed"}),
    "a job's lease counts for the reader's own life": (Product(ledger=ReadersLifeForJobs), {"job"}),
    "a lease is stamped by the leader's clock alone": (Product(ledger=BrokersStampAlone), {"leader"}),
    "closed leases come free early": (Product(ledger=RoundedEarly), ()),
    "the start reads by its own clock": (Product(quota=OwnClockAtStart), {"pods", "crash", "job"}),
    "the start reads as far as its own leases live": (Product(quota=OwnLifeAtStart), {"job", "crash", "scale"}),
    "late calls are not booked again": (Product(quota=NeverBookedAgain), {"hold"}),
    "a lease's clock starts with the answer": (Product(quota=CountedFromTheAnswer), {"freeze"}),
    "a take is good before it is read back": (Product(quota=NotReadBack), ()),
    "calls in flight are given back": (Product(quota=ClosedWithoutCallsInFlight), ()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_finds_what_breaks_without_a_rule(fault: str) -> None:
    product, adversities = FAULTS[fault]
    assert violation(adversities, product, seeds=200) is not None


CLOCK_FAULTS: dict[str, tuple[Callable[..., object], Collection[str]]] = {
    "brokers_clock_alone": (brokers_clock_alone, {"leader"}),
    "own_clock_alone": (own_clock_alone, {"pods"}),
    "over_by_boot_alone": (over_by_boot_alone, {"suspend"}),
    "over_by_wall_alone": (over_by_wall_alone, {"pods"}),
}


@pytest.mark.parametrize("fault", CLOCK_FAULTS)
def test_the_model_finds_what_breaks_by_one_clock_alone(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted, adversities = CLOCK_FAULTS[fault]
    if fault.startswith("over"):
        monkeypatch.setattr(Lease, "_gone", planted)
    else:
        monkeypatch.setattr(consumer.core.shared_quota, "certain", planted)
    assert violation(adversities, seeds=200) is not None
