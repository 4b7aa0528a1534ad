"""How the demo looks: a table that moves on a terminal, a line a second in a pipe, a summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from consumer.simulator.demo import Result, Seen


def live_view(seen: Seen) -> RenderableType:
    """What happens now, for a terminal."""
    table = Table.grid(padding=(0, 2))
    for name, value in _figures(seen):
        table.add_row(name, Text(value, justify="right"))
    done = ProgressBar(total=seen.produced, completed=seen.delivered + seen.dead_lettered, width=50)
    return Panel(Group(done, table), title=f"profile-consumer: {seen.state}", width=60)


def plain_line(seen: Seen) -> str:
    """What happens now, as one line."""
    figures = ", ".join(f"{name} {value}" for name, value in _figures(seen))
    return f"{seen.seconds:5.1f} s  {seen.state}: {figures}"


def _figures(seen: Seen) -> list[tuple[str, str]]:
    coalesced = seen.delivered - seen.calls
    return [
        ("events delivered", f"{seen.delivered} of {seen.produced}"),
        ("calls accepted", str(seen.calls)),
        ("events merged into a call", str(max(0, coalesced))),
        ("calls refused and repeated", str(seen.retried)),
        ("dead letters", str(seen.dead_lettered)),
        ("lag", "?" if seen.lag < 0 else str(seen.lag)),
    ]


def summary(result: Result) -> RenderableType:
    """The end, for somebody who sees this for the first time."""
    seen, verdict = result.seen, result.verdict
    each = seen.delivered / seen.calls if seen.calls else 0.0
    lost, stale = len(verdict.lost) + result.missing, len(verdict.stale) + len(verdict.invented)
    facts = [
        f"{seen.delivered} events reached their profiles with {seen.calls} calls: {each:.1f} events a call.",
        f"{seen.retried} calls met Target's burst of 503s and were repeated, with what had come since.",
        f"{seen.dead_lettered} broken events lie in the topic demo.dead-letters, each with its reason.",
        f"Lost: {lost}. Stale (older after newer): {stale}. The service's exit code: {result.exit_code}.",
    ]
    verdict_line = (
        Text("Nothing was lost, nothing is stale.", style="bold green")
        if result.sound
        else Text("SOMETHING WENT WRONG, see above.", style="bold red")
    )
    following = [
        "What to try next:",
        "  profile-consumer simulate                    a simulated Target of your own",
        "  profile-consumer run --help                  on your Kafka, with your Target",
        "  schemas/*.mapping.yaml                       how an event becomes attributes",
    ]
    return Group(*facts, verdict_line, "", _profile(result), "", *following)


def _profile(result: Result) -> Table:
    table = Table(title=f"The profile of {result.customer.partition('=')[2]}", title_justify="left")
    table.add_column("attribute")
    table.add_column("before the burst")
    table.add_column("at the end")
    for name, value in sorted(result.after.items())[:12]:
        shown = [text if len(text) <= 24 else f"{text[:20]}…" for text in (result.before.get(name, "-"), value)]  # noqa: PLR2004  # a column's width
        table.add_row(name, *shown)
    return table
