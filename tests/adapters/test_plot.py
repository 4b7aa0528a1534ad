from __future__ import annotations

import re

from consumer.adapters.plot import HEIGHT, WIDTH, plot

MIDNIGHT = 29_537_280  # minutes since the epoch: 2026-02-28T00:00:00Z


def coordinates(drawn: str, name: str) -> list[list[tuple[float, float]]]:
    paths = re.findall(rf'<path d="([^"]*)" class="{name}">', drawn)
    return [[(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", path)] for path in paths]


def test_nothing_yet_is_said_in_words() -> None:
    drawn = plot("Calls", [])
    assert "<svg" not in drawn
    assert "not over yet" in drawn


def test_the_line_lies_within_the_picture_and_ends_at_its_right_edge() -> None:
    for minutes in (1, 59, 60, 61, WIDTH, WIDTH + 1, 24 * 60):
        (line,) = coordinates(plot("Calls", [(MIDNIGHT + n, n) for n in range(minutes)]), "line")
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line)
        assert line[-1][0] == WIDTH
        assert len(line) <= 2 * WIDTH


def test_the_greatest_value_touches_the_top_and_zero_the_bottom() -> None:
    (line,) = coordinates(plot("Calls", [(MIDNIGHT, 0), (MIDNIGHT + 1, 20), (MIDNIGHT + 2, 10)]), "line")
    assert [y for _, y in line] == [100, 100, 0, 0, 50, 50]


def test_only_zeros_lie_at_the_bottom() -> None:
    (line,) = coordinates(plot("Calls", [(MIDNIGHT, 0)]), "line")
    assert {y for _, y in line} == {HEIGHT}


def test_a_gap_breaks_the_line() -> None:
    drawn = plot("Calls", [(MIDNIGHT, 1), (MIDNIGHT + 1, 1), (MIDNIGHT + 5, 1)])
    assert len(coordinates(drawn, "line")) == len(coordinates(drawn, "area")) == 2


def test_a_limit_is_a_line_below_the_top_only_when_it_is_passed() -> None:
    def height(value: int) -> float:
        found = re.search(rf'd="M0,([\d.]+)H{WIDTH}" class="limit"', plot("Quota", [(MIDNIGHT, value)], 100))
        assert found is not None
        return float(found[1])

    assert [height(value) for value in (0, 99, 100, 200)] == [0, 0, 0, 50]


def test_who_cannot_see_the_picture_hears_its_figures() -> None:
    drawn = plot("Calls a minute", [(MIDNIGHT + 570, 1200), (MIDNIGHT + 571, 300)], 5000)
    assert 'role="img"' in drawn
    assert 'aria-label="Calls a minute: 300 now, at most 1,200 since 09:30 UTC"' in drawn
