"""`Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in any of HTTP's three formats."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)
_LONGEST: Final = 366 * 86400.0


def seconds_to_wait(header: str, wall: float) -> float | None:
    """Seconds to wait as told at `wall` (epoch seconds), at most a year; None when negative, past or unreadable."""
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall
    return min(seconds, _LONGEST) if seconds >= 0 else None
