"""The plot of `pacing`: how long the oldest event has waited as time goes by, at the highest demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.pacing import Outcome

WIDTH, HEIGHT = 340, 190
LEFT, TOP, GAP = 50, 56, 50
COLOURS = {"paced": "#1a7f37", "not paced": "#b42318", "fixed linger": "#9a6700"}
DASHES = {"paced": "none", "not paced": "none", "fixed linger": "5 4"}


def draw(outcomes: Sequence[Outcome], windows: int, window: float) -> str:
    """One SVG with a panel for each workload, over so many windows of so many seconds, which are shown as days."""
    demand = max(one.demand for one in outcomes)
    workloads = list(dict.fromkeys(one.workload for one in outcomes))
    total = LEFT + len(workloads) * (WIDTH + GAP)
    height = TOP + HEIGHT + 46
    title = f"How long the oldest event has waited, at a demand of {demand:g} times the quota"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" font-family="system-ui, sans-serif">',
        f'<title>{title}</title><rect width="{total}" height="{height}" fill="#ffffff"/>',
        f'<g font-size="12" fill="#57606a"><text x="{LEFT}" y="20" font-size="14" fill="#24292f">{title}</text>',
    ]
    for index, workload in enumerate(workloads):
        chosen = [one for one in outcomes if one.workload == workload and one.demand == demand]
        parts += _panel(LEFT + index * (WIDTH + GAP), chosen, windows, window)
    return "\n".join([*parts, "</g></svg>", ""])


def _panel(x: int, outcomes: Sequence[Outcome], windows: int, window: float) -> list[str]:
    bottom = TOP + HEIGHT
    parts = [f'<text x="{x}" y="{TOP - 12}" fill="#24292f">{outcomes[0].workload}</text>']
    for hours in (0, 6, 12, 18, 24):
        y = bottom - hours / 24 * HEIGHT
        parts.append(f'<path d="M{x} {y}H{x + WIDTH}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{hours} h</text>')
    for day in range(windows + 1):
        at = x + day * WIDTH / windows
        parts.append(f'<text x="{at:.0f}" y="{bottom + 18}" text-anchor="middle">day {day}</text>')
    for number, one in enumerate(outcomes):
        step = WIDTH / len(one.waits)
        places = ((x + (i + 1) * step, bottom - wait / window * HEIGHT) for i, wait in enumerate(one.waits))
        points = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        line = f'stroke="{COLOURS[one.policy]}" stroke-dasharray="{DASHES[one.policy]}"'
        parts.append(f'<polyline fill="none" stroke-width="1.8" {line} points="{points}"/>')
        key = x + 100 + number * 82
        parts.append(f'<path d="M{key} {TOP - 16}h14" stroke-width="2.5" {line}/>')
        parts.append(f'<text x="{key + 18}" y="{TOP - 12}">{one.policy}</text>')
    return parts
