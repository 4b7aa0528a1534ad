"""Runs of the chaos tests by hand.

make chaos SEEDS=20                       fresh seeds; the first that fails is printed with how to repeat it
python -m tests.chaos --seed 7            this one
python -m tests.chaos --proof --most 40   every planted bug, until a seed finds it
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from tests.chaos import plants
from tests.chaos.plan import make
from tests.chaos.world import Failed, World
from tests.kafka import Kafka, KafkaCluster


def main() -> int:
    """The exit code: 0 when everything went as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many fresh seeds")
    parser.add_argument("--seed", type=int, help="this seed alone")
    parser.add_argument("--plant", choices=plants.PLANTS, help="with this bug")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the members' logs there")
    parser.add_argument("--proof", action="store_true", help="every bug, until a seed finds it")
    parser.add_argument("--most", type=int, default=40, help="seeds after which a bug counts as not found")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no member is left behind
    with ExitStack() as running:
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
        kafka = Kafka(bootstrap) if bootstrap else running.enter_context(KafkaCluster())
        if asked.proof:
            return _prove(kafka, [asked.plant] if asked.plant else list(plants.PLANTS), asked.most)
        first = time.time_ns() // 1_000_000 % 1_000_000 if asked.seed is None else asked.seed
        seeds = range(first, first + (asked.seeds if asked.seed is None else 1))
        return _try(kafka, seeds, asked.plant or plants.NONE, asked.keep)


def _try(kafka: Kafka, seeds: range, plant: str, keep: Path | None) -> int:
    for seed in seeds:
        failed = _run(kafka, seed, plant, keep)
        if failed is not None:
            again = f"python -m tests.chaos --seed {seed}" + (f" --plant {plant}" if plant != plants.NONE else "")
            click.echo(f"{failed}\nTo repeat it: .venv/bin/{again}")
            return 1
    click.echo(f"{len(seeds)} seeds, from {seeds[0]} on: nothing lost, nothing stale, no commit too early.")
    return 0


def _run(kafka: Kafka, seed: int, plant: str, keep: Path | None = None) -> Failed | None:
    """What a seed found; None when all was well."""
    begun = time.monotonic()
    plan = make(seed)
    if plan.theme == "broker" and not isinstance(kafka, KafkaCluster):
        click.echo(f"seed {seed} (broker): left out, KAFKA_BOOTSTRAP names a broker that is not ours to hurt")
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            verdict = World(kafka, keep or Path(folder), plan, plant).run()
        except Failed as failed:
            return failed
    figures = f"{verdict.delivered} delivered, {verdict.dead} dead letters, {verdict.repeated} calls repeated"
    excused = f", {verdict.excused} late calls of lost members" if verdict.excused else ""
    took = time.monotonic() - begun
    click.echo(f"seed {seed} ({plan.theme}, {plan.protocol}): {figures}{excused}; {took:.0f} s")
    return None


def _prove(kafka: Kafka, bugs: list[str], most: int) -> int:
    """Plant each bug until a seed finds it; how many were not found."""
    missed = []
    for bug in bugs:
        for tried, seed in enumerate(_order(bug, most), 1):
            failed = _run(kafka, seed, bug)
            if failed is not None:
                click.echo(f"| `{bug}` | {seed} ({make(seed).theme}) | {tried} | {failed.what} |")
                break
        else:
            missed.append(bug)
    click.echo(f"Not found within {most} seeds: {missed}" if missed else "Every planted bug was found.")
    return len(missed)


def _order(bug: str, most: int) -> list[int]:
    """Seeds, those first whose theme hurts where the bug is."""
    themes = LIKELY[bug]
    return sorted(range(most), key=lambda seed: (make(seed).theme not in themes, seed))


LIKELY = {
    "commit_before_resolve": ("crash",),
    "forget_failed_dead_letter": ("letters",),
    "no_drain": ("rebalance",),
    "commit_after_lost": ("freeze",),
    "trust_after_standstill": ("freeze",),
    "merge_into_flight": ("rebalance",),
    "skip_on_timeout": ("target", "mixed"),
    "resolve_all_on_refusal": ("letters",),
    "commit_one_too_many": ("crash",),
    "retry_overtakes": ("target", "mixed"),
    "metadata_misread": ("crash",),
    "metadata_cut_from_the_lowest": ("crash",),
    "skip_completed_after_resend": ("letters",),
}

if __name__ == "__main__":
    sys.exit(main())
