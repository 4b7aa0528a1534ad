# ruff: noqa: S311  # chance from a seed, not a secret
"""What pacing is worth: the same events with pacing, without it, and with a fixed linger, on a simulated clock.

    python -m benchmarks.pacing                     # prints a table, about ten minutes
    python -m benchmarks.pacing --plot docs/pacing.svg

Three replicas share a quota of 100,000 calls in a window of 8,640 s: Target's daily quota, all shrunk to a tenth (a
lease lives 6 s, a call takes at most 1 s). 20,000 visitors, each of one replica, cause events at a steady rate, evenly
or by Zipf's law. The first windows fill the quota; the last one is measured.
"""

from __future__ import annotations

import argparse
import itertools
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.pacing_plot import draw
from consumer.core.lease import Terms
from consumer.core.pacing import Pacing
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import State
from tests.core.quota_group import Group

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT, WINDOW = 100_000, 8_640.0
TERMS = Terms.of(LIMIT, WINDOW, lease=6.0, timeout=1.0)
IDENTITIES = 20_000
MEMBERS = 3
STEP = 0.5
WINDOWS = 3
DEMANDS = (0.5, 1.5, 3.0, 4.3)
LINGER = WINDOW / 96  # a quarter of an hour of a day


class NeverPacing(Pacing):
    """Delays nothing."""

    def due(self, boot: float) -> bool:
        """There is nothing to review."""
        del boot
        return False


class Unpaced(SharedQuota):
    """The quota without pacing: first come, first served, until nothing is left."""

    def __init__(self, terms: Terms, instance: str, chance: Callable[[], float]) -> None:
        super().__init__(terms, instance, chance)
        self._pacing = NeverPacing(terms)


POLICIES: dict[str, tuple[type[SharedQuota], float]] = {
    "paced": (SharedQuota, 0.0),
    "not paced": (Unpaced, 0.0),
    "fixed linger": (Unpaced, LINGER),
}


class Outcome(NamedTuple):
    """What one run shows; ages in seconds (of the oldest event that a call carried), `blocked` a share of the time.

    `waits` is how long the oldest event has waited, at even moments of the whole run.
    """

    workload: str
    demand: float
    policy: str
    events_per_call: float
    calls: float
    blocked: float
    median: float
    oldest: float
    waits: list[float]


def run(workload: str, demand: float, policy: str) -> Outcome:
    """Simulate one."""
    chance = random.Random(7)
    quota, linger = POLICIES[policy]
    group = Group(TERMS, MEMBERS, quota=quota, linger=linger)
    pick = _identities(workload, chance)
    blocked = steps = 0
    waits: list[float] = []
    owed = 0.0
    while group.time < WINDOWS * WINDOW:
        owed += demand * LIMIT / WINDOW * STEP
        for identity in pick(int(owed)):
            group.members[identity % MEMBERS].arrive(identity, group.time)
        owed %= 1
        group.step(STEP)
        if group.time > (WINDOWS - 1) * WINDOW:
            steps += MEMBERS
            blocked += sum(member.state is State.QUOTA_BLOCKED for member in group.members)
        if group.time // (WINDOW / 48) != (group.time - STEP) // (WINDOW / 48):
            oldest = [member.lanes[member.order[0]].oldest for member in group.members if member.order]
            waits.append(group.time - min(oldest, default=group.time))
    sent = [one for one in group.sent if one.time > (WINDOWS - 1) * WINDOW]
    ages = sorted(one.time - one.lane.oldest for one in sent)
    waiting = [group.time - lane.oldest for member in group.members for lane in member.lanes.values()]
    return Outcome(
        workload,
        demand,
        policy,
        sum(len(one.lane.events) for one in sent) / len(sent),
        len(sent) / LIMIT,
        blocked / steps,
        ages[len(ages) // 2],
        max([ages[-1], *waiting]),
        waits,
    )


def _identities(workload: str, chance: random.Random) -> Callable[[int], list[int]]:
    weights = [1 / (rank + 1) ** (1.1 if workload == "Zipf" else 0) for rank in range(IDENTITIES)]
    cumulated = list(itertools.accumulate(weights))
    order = list(range(IDENTITIES))
    chance.shuffle(order)  # the busy ones are spread over the replicas
    return lambda count: chance.choices(order, cum_weights=cumulated, k=count)


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as a table in Markdown; times as they would be in a day."""
    day = 86_400 / WINDOW
    lines = [
        "| workload | demand ÷ quota | policy | events a call | calls ÷ quota | blocked | median age | oldest age |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.workload} | {one.demand:g} | {one.policy} | {one.events_per_call:.2f} | {one.calls:.1%} "
        f"| {one.blocked:.0%} | {one.median * day / 60:.0f} min | {one.oldest * day / 3600:.1f} h |"
        for one in outcomes
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all, in two processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="write the plot there")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    cases = list(itertools.product(("even", "Zipf"), DEMANDS, POLICIES))
    with ProcessPoolExecutor(options.processes) as pool:
        outcomes = list(pool.map(run, *zip(*cases, strict=True)))
    print(table(outcomes))
    if options.plot:
        options.plot.write_text(draw(outcomes, WINDOWS, WINDOW), encoding="utf-8")


if __name__ == "__main__":
    main()
