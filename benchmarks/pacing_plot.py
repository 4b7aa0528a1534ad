"""The plot of `pacing`: how much of the quota is left as time goes by, with and without pacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.pacing import Outcome


def draw(outcomes: Sequence[Outcome]) -> str:
    """One SVG with a panel for each workload."""
    del outcomes
    return ""
