"""The plot of `pacing`: how much of the quota is left as time goes by, at the highest demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.pacing import Outcome

WIDTH, HEIGHT = 340, 190
LEFT, TOP, GAP = 50, 56, 50
COLOURS = {"paced": "#1a7f37", "not paced": "#b42318", "fixed linger": "#9a6700"}
DASHES = {"paced": "none", "not paced": "none", "fixed linger": "5 4"}


def draw(outcomes: Sequence[Outcome], windows: int) -> str:
    """One SVG with a panel for each workload, over so many windows."""
    demand = max(one.demand for one in outcomes)
    workloads = list(dict.fromkeys(one.workload for one in outcomes))
    total = LEFT + len(workloads) * (WIDTH + GAP)
    height = TOP + HEIGHT + 46
    title = f"Share of the quota that is left, at {demand:g} times the demand that it allows"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" font-family="system-ui, sans-serif">',
        f'<title>{title}</title><rect width="{total}" height="{height}" fill="#ffffff"/>',
        f'<g font-size="12" fill="#57606a"><text x="{LEFT}" y="20" font-size="14" fill="#24292f">{title}</text>',
    ]
    for index, workload in enumerate(workloads):
        chosen = [one for one in outcomes if one.workload == workload and one.demand == demand]
        parts += _panel(LEFT + index * (WIDTH + GAP), chosen, windows)
    return "\n".join([*parts, "</g></svg>", ""])


def _panel(x: int, outcomes: Sequence[Outcome], windows: int) -> list[str]:
    bottom = TOP + HEIGHT
    parts = [f'<text x="{x}" y="{TOP - 12}" fill="#24292f">{outcomes[0].workload}</text>']
    for share in (0, 0.5, 1):
        y = bottom - share * HEIGHT
        parts.append(f'<path d="M{x} {y}H{x + WIDTH}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    for window in range(windows + 1):
        at = x + window * WIDTH / windows
        parts.append(f'<text x="{at:.0f}" y="{bottom + 18}" text-anchor="middle">{window * 24} h</text>')
    for number, one in enumerate(outcomes):
        step = WIDTH / len(one.left)
        points = " ".join(f"{x + (i + 1) * step:.1f},{bottom - left * HEIGHT:.1f}" for i, left in enumerate(one.left))
        line = f'stroke="{COLOURS[one.policy]}" stroke-dasharray="{DASHES[one.policy]}"'
        parts.append(f'<polyline fill="none" stroke-width="1.8" {line} points="{points}"/>')
        key = x + 100 + number * 82
        parts.append(f'<path d="M{key} {TOP - 16}h14" stroke-width="2.5" {line}/>')
        parts.append(f'<text x="{key + 18}" y="{TOP - 12}">{one.policy}</text>')
    return parts
