"""What the figures of one run say about the goals: ratios, never figures, since machines differ and are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Figures

    Found = dict[str, Figures]

AT_ONCE = 64
"""`delivery.max_in_flight`, and the concurrency of the bare calls."""

ALLOWED = 500.0
"""Calls a second that the limited target accepts."""

KNEE = 20
"""Milliseconds at which a core and the number of calls at once set about the same limit."""

RAW = f"raw sockets, {AT_ONCE} at once, {KNEE} ms"
READ = "(c) bare consume + orjson"
INGEST = "ours, ingest, 24 identities"
SHORT_INGEST = "ours, ingest, a fifth of the events"
LIMITED = "ours, 429 above 500 calls/s"


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


def goals(found: Found) -> list[Goal]:
    """All that can be said; a goal whose programs did not run is left out."""
    listed: list[Goal] = []

    def goal(text: str, ratio: Callable[[], float], least: float, *, larger: bool = True) -> None:
        try:
            listed.append(Goal(text, ratio(), least, larger))
        except (KeyError, ValueError):
            return

    goal("ingest: events/s, to bare consume + orjson", lambda: found[INGEST].rate / found[READ].rate, 0.3)
    goal(
        "ingest: CPU an event, to bare consume + orjson",
        lambda: found[INGEST].cpu_each / found[READ].cpu_each,
        3.5,
        larger=False,
    )
    goal("one call an event, 0 ms: calls/s, to bare calls", lambda: _calls(found, 0), 0.75)
    for latency in (20, 100):
        goal(
            f"one call an event, {latency} ms: calls/s, to max_in_flight ÷ latency, or to bare calls",
            lambda latency=latency: max(_calls(found, latency), _line(found, latency)),  # type: ignore[misc]
            0.9,
        )
        goal(
            f"one call an event, {latency} ms: calls/s, to max_in_flight ÷ latency alone",
            lambda latency=latency: _line(found, latency),  # type: ignore[misc]
            0.9,
        )
    goal(
        f"one call an event, {KNEE} ms: calls/s, to raw sockets",
        lambda: found[single(KNEE)[0]].calls_rate / found[RAW].calls_rate,
        0.75,
    )
    mine = "ours, uniform, 20 ms"
    goal("events/s, to the usual loop at 20 ms", lambda: found[mine].rate / found["(a) usual loop, 20 ms"].rate, 50)
    for kind in ("uniform", "zipf"):
        names = f"ours, {kind}, 20 ms", f"(d) Parallel Consumer 256, {kind}, 20 ms"
        for text, figure, least, larger in _AGAINST:
            goal(f"{kind}: {text}, to Parallel Consumer", _ratio(found, figure, *names), least, larger=larger)
    goal("hot identity: events/s, to uniform", lambda: found["ours, hot identity, 20 ms"].rate / found[mine].rate, 1.0)
    goal("memory of the largest of ours, MB", lambda: max(_memories(found)), 150, larger=False)
    goal(
        "memory: five times the events, to once",
        lambda: found[INGEST].memory / found[SHORT_INGEST].memory,
        1.1,
        larger=False,
    )
    goal("seconds from assignment to the first call", lambda: max(_starts(found)), 2, larger=False)
    goal("limited target: accepted calls, to what it allows", lambda: found[LIMITED].calls_rate / ALLOWED, 0.9)
    goal(
        "limited target: share of calls refused",
        lambda: found[LIMITED].refused / (found[LIMITED].calls + found[LIMITED].refused),
        0.05,
        larger=False,
    )
    goal(
        "order violations of ours",
        lambda: float(sum(each.stale for name, each in found.items() if name.startswith("ours"))),
        0,
        larger=False,
    )
    return listed


_AGAINST: list[tuple[str, Callable[[Figures], float], float, bool]] = [
    ("events/s", lambda each: each.rate, 1.0, True),
    ("CPU an event", lambda each: each.cpu_each, 1.0, False),
    ("memory", lambda each: each.memory, 1.0, False),
    ("calls an event", lambda each: each.calls / each.events, 1 / 3, False),
]


def single(latency: int) -> tuple[str, str]:
    """The names of the rows with one call an event: ours, and bare calls."""
    return f"ours, one call an event, {latency} ms", f"(b) bare calls, {AT_ONCE} at once, {latency} ms"


def _calls(found: Found, latency: int) -> float:
    mine, bare = single(latency)
    return found[mine].calls_rate / found[bare].calls_rate


def _line(found: Found, latency: int) -> float:
    return found[single(latency)[0]].calls_rate / (AT_ONCE / latency * 1000)


def _ratio(found: Found, figure: Callable[[Figures], float], mine: str, other: str) -> Callable[[], float]:
    return lambda: figure(found[mine]) / figure(found[other])


def _memories(found: Found) -> list[float]:
    return [each.memory for name, each in found.items() if name.startswith("ours")]


def _starts(found: Found) -> list[float]:
    return [each.start for name, each in found.items() if name.startswith("ours, one call") and each.start is not None]
