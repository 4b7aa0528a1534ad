"""Small plots of the last day as inline SVG: a filled line, an optional limit, labels as HTML around it.

The drawing is stretched to the width of the page; lines keep their width, and no text is inside.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from consumer.adapters.markup import Markup, element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

Points = list[tuple[float, float]]

WIDTH, HEIGHT = 288, 100
_SHORTEST = 60  # minutes: a plot of the first minutes would only be noise drawn large


def plot(title: str, values: Sequence[tuple[int, int]], limit: int | None = None) -> Markup:
    """A figure of (minute since the epoch, value) pairs, oldest first; `limit` is drawn as a dashed line."""
    if not values:
        return join(element("figcaption", title), element("p", "The first minute is not over yet.", class_="quiet"))
    begin, end = values[0][0], values[-1][0] + 1
    span = max(end - begin, _SHORTEST)
    slots = _slots([(minute - (end - span), value) for minute, value in values], span)
    most = max(value for _, value in values)
    top = max(most, limit or 0, 1)
    summary = f"{title}: {values[-1][1]:,} now, at most {most:,} since {_clock(begin)} UTC"
    highest = f"limit {top:,}" if top == limit else f"peak {top:,}"
    ticks = [_clock(end - span + span * quarter // 4) for quarter in range(5)]
    return join(
        element("figcaption", title, element("b", f"{values[-1][1]:,} now")),
        element("p", highest, class_="axis"),
        _svg(summary, _runs(slots, span, top), None if limit is None else HEIGHT * (1 - limit / top)),
        element("p", *(element("span", tick) for tick in (*ticks[:-1], f"{ticks[-1]} UTC")), class_="axis"),
    )


def _slots(values: Sequence[tuple[int, int]], span: int) -> list[tuple[int, float]]:
    """At most `WIDTH` means over equal stretches of time, as (slot, mean); a slot without a value is left out."""
    minutes = -(-span // WIDTH)
    stretches = groupby(values, key=lambda pair: pair[0] // minutes)
    means = [(slot, [value for _, value in pairs]) for slot, pairs in stretches]
    return [(slot * minutes, sum(found) / len(found)) for slot, found in means]


def _runs(slots: Sequence[tuple[int, float]], span: int, top: int) -> list[Points]:
    """The points of the line in SVG coordinates, broken where the record has a gap."""
    width = -(-span // WIDTH)
    runs: list[Points] = []
    for number, (minute, value) in enumerate(slots):
        if not number or minute != slots[number - 1][0] + width:
            runs.append([])
        height = HEIGHT * (1 - value / top)
        runs[-1] += [(WIDTH * minute / span, height), (WIDTH * min(minute + width, span) / span, height)]
    return runs


def _svg(summary: str, runs: Sequence[Points], limit: float | None) -> Markup:
    middle = element("path", d=f"M0,{HEIGHT // 2}H{WIDTH}", class_="grid")
    lines = [element("path", d="M" + _path(run), class_="line") for run in runs]
    areas = [element("path", d=f"M{run[0][0]:.1f},{HEIGHT}L{_path(run)}V{HEIGHT}Z", class_="area") for run in runs]
    if limit is not None:
        lines.append(element("path", d=f"M0,{limit:.1f}H{WIDTH}", class_="limit"))
    box = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "preserveAspectRatio": "none", "role": "img", "aria_label": summary}
    return element("svg", middle, *areas, *lines, **box)


def _path(run: Points) -> str:
    return "L".join(f"{x:.1f},{y:.1f}" for x, y in run)


def _clock(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
