"""The C library's allocator, told what suits a process whose memory is a few large tables that grow and shrink."""

from __future__ import annotations

import ctypes
from typing import Final

_LARGE: Final = (-3, 128 * 1024)
"""M_MMAP_THRESHOLD: what is as large goes back to the system when it is freed. By default the threshold grows with what
was freed, and each table that was outgrown leaves a hole."""

_ARENAS: Final = (-8, 2)
"""M_ARENA_MAX: by default each of librdkafka's threads gets an arena of its own, with room that nobody else can use."""


def spare() -> None:
    """Keep less in reserve than by default: ten megabytes, with the default limits and a full backlog.

    Serves the GNU C library (mallopt(3)); others have no such knobs, and are left alone. Threads that were started
    before keep their arenas.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(*_LARGE)
        mallopt(*_ARENAS)
