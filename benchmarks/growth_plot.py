"""The plot of `growth`: how many times the cost for how many times the cause, both on a logarithmic scale."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.growth import Row

WIDTH, HEIGHT = 400, 260
LEFT, TOP, LEGEND = 56, 56, 210
MOST_X, MOST_Y = 120.0, 16.0
COLOURS = ("#0b62a4", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#475569")
TITLE = "How the cost of an event grows (dashed: as fast as what it depends on)"


def draw(rows: Sequence[Row]) -> str:
    """One SVG with a line for each table of `rows`."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(row.what, []).append(row)
    bottom = TOP + HEIGHT
    across, down = LEFT + WIDTH + LEGEND, bottom + 56
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" font-family="system-ui, sans-serif">',
        f'<title>{TITLE}</title><rect width="100%" height="100%" fill="#ffffff"/>',
        f'<g font-size="12" fill="#57606a"><text x="16" y="24" font-size="14" fill="#24292f">{TITLE}</text>',
    ]
    for times in (1, 2, 4, 8, 16):
        _, y = _place(1, times)
        parts.append(f'<path d="M{LEFT} {y:.0f}H{LEFT + WIDTH}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{times} times</text>')
    for times in (1, 10, 100):
        x, _ = _place(times, 1)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{times} times</text>')
    parts.append(f'<text x="{LEFT + WIDTH / 2:.0f}" y="{bottom + 40}" text-anchor="middle">times as much of it</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 14}" text-anchor="start">times the CPU</text>')
    (x1, y1), (x2, y2) = _place(1, 1), _place(MOST_Y, MOST_Y)
    parts.append(f'<path d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}" stroke="#8c959f" stroke-dasharray="5 4"/>')
    for number, (name, table) in enumerate(tables.items()):
        parts += _line(number, name, table)
    return "\n".join([*parts, "</g></svg>", ""])


def _line(number: int, name: str, table: Sequence[Row]) -> list[str]:
    first, last = table[0], table[-1]
    places = [_place(row.value / first.value, max(1.0, row.cost / first.cost)) for row in table]
    points = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
    colour = COLOURS[number]
    x, y = LEFT + WIDTH + 16, TOP + 12 + number * 38
    return [
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<path d="M{x} {y - 4}h16" stroke="{colour}" stroke-width="3"/>',
        f'<text x="{x + 22}" y="{y}" fill="#24292f">{name}</text>',
        f'<text x="{x + 22}" y="{y + 15}">{last.value / first.value:.0f} times: {last.cost / first.cost:.2f}</text>',
    ]


def _place(x: float, y: float) -> tuple[float, float]:
    return LEFT + log(x) / log(MOST_X) * WIDTH, TOP + (1 - log(y) / log(MOST_Y)) * HEIGHT
