"""Learns how many calls at once the other side allows, where it counts them.

A limiter of concurrency refuses a call if too many others are under way, and only then; a limiter of rate is blind to
that. So with the one the refused calls are those that left while the most were under way, and hardly any call that left
among as many was accepted. That is taken for true until a call among fewer is refused; then not again for a while.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

_HOLD: Final = 8.0
_LONGEST_HOLD: Final = 32.0
"""Seconds without a refusal before more are tried: doubled each time that this fails."""
_GROW_EVERY: Final = 1.0
_GROWTH: Final = 1.25
_REMEMBERED: Final = 1024
_ACCEPTED_BELOW: Final = 4
_BELOW_TO_ABOVE: Final = 10
"""Fewest accepted calls below the supposed limit, and for each above it: answers on the way blur what is seen."""


class _Answer(NamedTuple):
    level: int
    accepted: bool


class Concurrency:
    """How many calls may be under way; `limit` is infinite until the other side shows one.

    A call's level is how many were under way when it left, itself included.
    """

    def __init__(self) -> None:
        self.limit = math.inf
        self._before: float | None = None
        self._hold = _HOLD
        self._changed = self._doubted_until = -math.inf
        self._answers: deque[_Answer] = deque(maxlen=_REMEMBERED)

    def accepted(self, level: int, now: float) -> None:
        """A call was accepted; a limit that is in use and has held for long enough is raised."""
        self._answers.append(_Answer(level, accepted=True))
        succeeded = self._before is not None
        if level < self.limit or now - self._changed <= (_GROW_EVERY if succeeded else self._hold):
            return
        if succeeded:
            self._hold = _HOLD
        self._before, self.limit, self._changed = self.limit, math.ceil(self.limit * _GROWTH), now

    def refused(self, level: int, now: float) -> bool:
        """A call was refused; whether a limit of this kind explains it, so that fewer at once will do."""
        self._answers.append(_Answer(level, accepted=False))
        if self._before is not None:
            self._hold = min(self._hold * 2, _LONGEST_HOLD)
            self._set(self._before, now)
            self.forget()
            return True
        lowest = min(answer.level for answer in self._answers if not answer.accepted)
        if now >= self._doubted_until and self._limits(lowest):
            self._hold = _HOLD
            self._set(lowest - 1, now)
            return True
        if level <= self.limit < math.inf and now - self._changed < _HOLD:
            self._set(math.inf, now)
            self._doubted_until = now + _HOLD
            self.forget()
        return False

    def forget(self) -> None:
        """What was answered so far says nothing about what comes."""
        self._answers.clear()

    def _limits(self, level: int) -> bool:
        """Whether calls are refused from this level on, and accepted below."""
        refused = sum(not answer.accepted for answer in self._answers)
        below = sum(answer.accepted and answer.level < level for answer in self._answers)
        above = len(self._answers) - refused - below
        return below >= _ACCEPTED_BELOW and below >= _BELOW_TO_ABOVE * above

    def _set(self, limit: float, now: float) -> None:
        self.limit, self._before, self._changed = limit, None, now
