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

WIDTH = 60
"""Columns of the live view."""

MOST_ROWS = 12
"""Attributes of a profile that are shown."""

LONGEST_VALUE = 28
"""Characters of a value that are shown."""


def live_view(seen: Seen) -> RenderableType:
    """What happens now, for a terminal."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1)
    table.add_column(justify="right")
    for name, value in _figures(seen):
        table.add_row(name, value)
    bar = Table.grid(expand=True)
    bar.add_row(ProgressBar(total=seen.produced, completed=seen.delivered + seen.dead_lettered))
    return Panel(Group(bar, table), title=f"profile-consumer: {seen.state}", width=WIDTH)


def plain_line(seen: Seen) -> str:
    """What happens now, as one line."""
    figures = ", ".join(f"{name} {value}" for name, value in _figures(seen))
    return f"{seen.seconds:5.1f} s  {seen.state}: {figures}"


def _figures(seen: Seen) -> list[tuple[str, str]]:
    return [
        ("events read", f"{seen.read} of {seen.produced}"),
        ("delivered", str(seen.delivered)),
        ("calls", str(seen.calls)),
        ("coalesced", str(max(0, seen.delivered - seen.calls))),
        ("retried", str(seen.retried)),
        ("dead letters", str(seen.dead_lettered)),
        ("lag", "not known yet" if seen.lag < 0 else str(seen.lag)),
    ]


def summary(result: Result) -> RenderableType:
    """The end, for somebody who sees this for the first time."""
    seen, verdict = result.seen, result.verdict
    each = seen.delivered / seen.calls if seen.calls else 0.0
    lost, stale = len(verdict.lost) + result.missing, len(verdict.stale) + len(verdict.invented)
    facts = [
        f"{seen.delivered} events reached their profiles with {seen.calls} calls: {each:.1f} events a call.",
        f"{seen.retried} calls met Target's burst of 503s and were retried, with what had come since.",
        f"{seen.dead_lettered} broken events lie in the topic demo.dead-letters, each with its reason.",
        f"Lost: {lost}. Stale (an older value over a newer one): {stale}. The service stopped with {result.exit_code}.",
    ]
    if result.sound:
        verdict_line = Text("Nothing was lost, nothing is stale.", style="bold green")
    else:
        verdict_line = Text("SOMETHING WENT WRONG. The last line of the service's log:", style="bold red")
        verdict_line.append(f"\n{result.last_words}", style="not bold")
    following = [
        "What to try next:",
        "  schemas/*.mapping.yaml         how the events above became attributes",
        "  profile-consumer new --help    a first mapping, from the schema of your events",
        "  profile-consumer simulate      a simulated Target of your own",
        "  profile-consumer run --help    the service, on your Kafka and with your Target",
    ]
    return Group(*facts, verdict_line, "", *_profile(result), "", *following)


def _profile(result: Result) -> list[RenderableType]:
    """One customer's profile; what has changed comes first."""
    before, after = result.before, result.after
    table = Table(title=f"The profile of the customer {result.customer}", title_justify="left")
    for head in ("attribute", "when the 503s began", "at the end"):
        table.add_column(head)
    names = sorted(after, key=lambda name: (name not in before, before.get(name) == after[name], name))
    for name in names[:MOST_ROWS]:
        table.add_row(name, _short(before.get(name, "-")), _short(after[name]))
    hidden = len(names) - MOST_ROWS
    return [table, f"and {hidden} more attributes"] if hidden > 0 else [table]


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
