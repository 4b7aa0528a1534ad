"""Doing something again whenever files change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_INTERVAL = 0.3
"""Seconds between two looks; no library for the kernel's own notice is worth it for a folder of text files."""


def changes(folders: Iterable[Path], wait: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Yields at once, and again after every change to a file in one of the folders, for ever."""
    watched = tuple(folders)
    seen = _state(watched)
    while True:
        yield
        while (now := _state(watched)) == seen:
            wait(_INTERVAL)
        seen = now


def _state(folders: Iterable[Path]) -> frozenset[tuple[str, int, int]]:
    found = set()
    for folder in folders:
        for path in folder.glob("*.*"):
            try:
                status = path.stat()
            except OSError:  # gone since it was listed
                continue
            found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)
