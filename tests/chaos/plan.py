"""What happens in one run, from one seed: when events are produced, who starts, stops, freezes or dies, what fails.

The same seed makes the same plan. How the processes then interleave is up to the machine; a plan that found something
finds it again, though not every time.
"""

from __future__ import annotations

from random import Random
from typing import Any, Literal, NamedTuple

PARTITIONS = 3
CUSTOMERS = 45

Action = Literal[
    "produce",  # `amount` events
    "start",  # member `who`, unless it runs
    "stop",  # SIGTERM to member `who`
    "kill",  # SIGKILL to member `who`
    "freeze",  # SIGSTOP to member `who`
    "thaw",  # SIGCONT to member `who`
    "target",  # the fault of that `name`
    "calm",  # no fault of Target but what it refuses for good
    "cure",  # Target refuses nothing any more
    "refuse_letters",  # the dead-letter topic takes nothing
    "take_letters",  # it does again
    "kill_broker",  # SIGKILL, and a start
    "pause_broker",  # SIGSTOP
    "resume_broker",  # SIGCONT
]
Protocol = Literal["cooperative", "eager", "consumer"]

TARGET_FAULTS: dict[str, dict[str, Any]] = {
    "errors": {"status": 500, "share": 0.5, "seconds": 1.5},
    "throttled": {"status": 503, "share": 0.7, "seconds": 1.0, "headers": {"Retry-After": "1"}},
    "too_many": {"status": 429, "share": 0.3, "seconds": 1.5},
    "hangs": {"delivery": "hang", "share": 0.2, "seconds": 1.5},
    "late": {"delivery": "stall", "effect": True, "share": 0.2, "seconds": 1.0},
    "resets": {"delivery": "reset", "effect": True, "share": 0.3, "seconds": 1.5},
    "cuts": {"delivery": "cut", "share": 0.3, "seconds": 1.5},
    "forbidden": {"status": 401, "seconds": 1.0},
    "slow": {"effect": True, "latency": "400ms", "seconds": 1.5},
    "stuck": {"matching": "c([0-9]|1[0-4])$", "status": 500, "seconds": 4.0},
}
UNKNOWN_OUTCOMES = frozenset({"hangs", "late", "resets", "cuts", "slow"})
"""After these a call may have had its effect though we don't know it; it is then repeated."""

THEMES = ("rebalance", "crash", "freeze", "target", "letters", "broker", "mixed")


class Step(NamedTuple):
    """`at` seconds after the beginning."""

    at: float
    action: Action
    who: int = 0
    amount: int = 0
    name: str = ""


class Plan(NamedTuple):
    """One run. `metadata_limit` in bytes: one far below Kafka's matters with few events already."""

    seed: int
    theme: str
    protocol: Protocol
    static: bool
    metadata_limit: int
    latency: float
    flaws: float
    steps: tuple[Step, ...]

    @property
    def unclean(self) -> bool:
        """Whether anything happens after which calls may be repeated."""
        hard = {"kill", "freeze", "kill_broker", "pause_broker"}
        return any(step.action in hard or step.name in UNKNOWN_OUTCOMES for step in self.steps)

    def __str__(self) -> str:
        """For a person who looks for what went wrong."""
        head = f"seed {self.seed}: {self.theme}, {self.protocol}{', static' if self.static else ''}"
        head += f", metadata {self.metadata_limit}, latency {self.latency:.3f}, flaws {self.flaws:.2f}"
        told = [each for each in self.steps if each.action != "produce"]
        steps = [f"  {each.at:5.2f} s: {each.action} {each.name or each.who}" for each in told]
        return "\n".join([head, *steps])


def make(seed: int) -> Plan:
    """The plan of a seed; its theme goes round with the seeds."""
    chance = Random(seed)  # noqa: S311  # repeatable chance, no secret
    theme = THEMES[seed % len(THEMES)]
    protocol: Protocol = chance.choice(("cooperative", "cooperative", "eager", "consumer"))
    steps = [Step(0.0, "start", 0), *_events(chance)]
    parts = {
        "rebalance": [_rebalances],
        "crash": [_stuck, _crashes],
        "freeze": [_freezes],
        "target": [_target, _rebalances],
        "letters": [_letters],
        "broker": [_broker],
        "mixed": [_target, _crashes, _rebalances],
    }[theme]
    for part in parts:
        steps += part(chance)
    return Plan(
        seed,
        theme,
        protocol,
        # With the protocol "consumer" the name of a member that was killed is taken until its session ends.
        static=chance.random() < 0.3 and protocol != "consumer",
        metadata_limit=chance.choice((40, 200)) if theme == "crash" else 4096,
        latency=chance.choice((0.002, 0.02, 0.05)),
        flaws=0.15 if theme == "letters" else 0.02,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _events(chance: Random) -> list[Step]:
    return [Step(0.2 + 0.1 * index, "produce", amount=chance.randrange(5, 35)) for index in range(60)]


def _rebalances(chance: Random) -> list[Step]:
    """Members come and go; some stay for a moment only, so that partitions are taken and given back at once."""
    steps = [Step(0.5, "start", 1)]
    for _ in range(3):
        who, at = chance.choice((1, 2)), chance.uniform(1.0, 6.0)
        stay = chance.choice((0.05, 0.3, 1.5))
        steps += [Step(at, "stop", who), Step(at + stay, "start", who)]
    return [*steps, Step(chance.uniform(3.0, 6.0), "stop", 0)]


def _crashes(chance: Random) -> list[Step]:
    steps = [Step(chance.uniform(0.3, 2.0), "start", 1)] if chance.random() < 0.5 else []
    for index in range(2):
        at = 2.5 + 2.5 * index + chance.random()
        steps += [Step(at, "kill", who) for who in (0, 1)]
        steps += [Step(at + chance.uniform(0.1, 0.8), "start", 0)]
    return steps


def _stuck(chance: Random) -> list[Step]:
    """Some customers keep failing, so that much is completed above them."""
    return [Step(0.3, "target", name="stuck"), Step(chance.uniform(4.0, 6.0), "calm")]


def _freezes(chance: Random) -> list[Step]:
    at = chance.uniform(1.5, 2.5)
    long = [Step(at, "freeze", 0), Step(at + chance.uniform(7.5, 8.5), "thaw", 0)]
    short = [Step(1.0 + at, "freeze", 1), Step(1.0 + at + chance.uniform(0.2, 1.5), "thaw", 1)]
    after = [Step(at + 5.0 + 0.1 * index, "produce", amount=15) for index in range(40)]
    return [Step(0.3, "start", 1), *long, *short, *after]


def _target(chance: Random) -> list[Step]:
    names = ["hangs", *(chance.choice(tuple(TARGET_FAULTS)) for _ in range(2))]
    chance.shuffle(names)
    return [Step(1.0 + 1.8 * index + chance.random(), "target", name=name) for index, name in enumerate(names)]


def _letters(chance: Random) -> list[Step]:
    """Dead letters can't be written when the service dies; when it is back, Target takes what it refused before."""
    at = chance.uniform(2.5, 4.5)
    steps = [Step(chance.uniform(0.0, 1.5), "refuse_letters"), Step(at, "kill", 0)]
    if chance.random() < 0.6:
        steps.append(Step(at + 0.05, "cure"))
    return [*steps, Step(at + 0.1, "start", 0), Step(at + chance.uniform(0.0, 2.0), "take_letters")]


def _broker(chance: Random) -> list[Step]:
    at = chance.uniform(1.5, 3.0)
    second = [Step(chance.uniform(0.3, 3.0), "start", 1)] if chance.random() < 0.5 else []
    if chance.random() < 0.5:
        return [*second, Step(at, "kill_broker")]
    pause = [Step(at, "pause_broker"), Step(at + chance.uniform(0.5, 5.0), "resume_broker")]
    return [*second, *pause, Step(at + chance.uniform(0.0, 0.5), "stop", chance.choice((0, 1)))]
