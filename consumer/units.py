"""Durations and sizes as people write them: `500ms`, `10s`, `15m`, `24h`; `64MiB`."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}

_SIZE: Final = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)?")
_BYTES: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}


def parse_duration(text: str) -> float:
    """Seconds from text such as `500ms`, `1.5s` or `24h`; never negative. Raises `ValueError` with what is expected."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError("expected a duration such as 500ms, 10s, 15m or 24h")
    number, unit = float(found[1]), found[2]
    return number / 1000 if unit == "ms" else number * _SECONDS[unit]


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration, exact to a millisecond: 5400 is `90m`, 0.25 is `250ms`."""
    milliseconds = round(seconds * 1000)
    for unit, length in _SECONDS.items():
        if milliseconds and milliseconds % (length * 1000) == 0:
            return f"{milliseconds // (length * 1000)}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def parse_size(text: str) -> int:
    """Bytes from text such as `64MiB`, `512KiB` or plain `1048576`. Raises `ValueError` with what is expected."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError("expected a size such as 512KiB, 64MiB or 1GiB")
    return int(found[1]) * _BYTES[found[2] or "B"]
