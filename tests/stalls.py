"""Notices when the whole machine stood still: then calls run into their timeouts, members into that of their session,
and nobody calls, though no test made it so."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple, Self

EVERY = 0.05
LONGEST = 1.0
"""Seconds without a beat that harm nobody: half of the shortest timeout of a call, a third of the shortest session."""


class Stall(NamedTuple):
    """From when to when, in monotonic seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Stalls:
    """Beats in a thread of its own between `with` and its end."""

    def __init__(self) -> None:
        self.found: list[Stall] = []
        self._last: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalls", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def beat(self, now: float) -> None:
        """The machine runs at this moment (monotonic seconds)."""
        if self._last is not None and now - self._last > LONGEST:
            self.found.append(Stall(self._last, now))
        self._last = now

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            self.beat(time.monotonic())
