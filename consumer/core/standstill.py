"""Notices that this process stood still: it was frozen, its machine suspended, or starved of CPU.

Meanwhile the group may have gone on without us, and the library may not have said so yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.core.clock import Clocks

LONGEST: Final = 1.0
"""Seconds that a turn of the loop may take without a doubt.

Far below the shortest session that a broker allows unless told otherwise, 6 s, less the age of the last heartbeat. A
turn of a healthy loop takes milliseconds, and to doubt costs one question.
"""


class Standstill:
    """Compares each turn of the loop with the one before."""

    def __init__(self) -> None:
        self._before: Clocks | None = None

    def turned(self, now: Clocks) -> float:
        """The loop has turned: for how many seconds it stood still, 0 when it did not."""
        before, self._before = self._before, now
        if before is None:
            return 0.0
        # Either clock is enough: boot time stands still in a paused virtual machine, the wall clock can be set back.
        seconds = max(now.boot - before.boot, now.wall - before.wall)
        return seconds if seconds >= LONGEST else 0.0
