"""Values of binary formats as an event holds them: moments as RFC 3339 text, exact decimals, 32-bit floats as meant."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_WITHOUT_ZONE: Final = len("2026-03-01T09:30:00")
_DAY: Final = 86_400
_GIGA: Final = 1_000_000_000
_FLOAT = struct.Struct("<f")
_FLOAT_DIGITS: Final = (6, 7, 8)  # nine always mean the same float


def moment_text(count: int, per_second: int, zone: str = "Z") -> str:
    """Units since the epoch as RFC 3339 text with no, 3, 6 or 9 digits of a second: `2026-03-01T09:30:00.250Z`.

    A moment outside the years 1 to 9999, which has no such text, stays a number, as text.
    """
    seconds, rest = divmod(count, per_second)
    if not _FIRST <= seconds <= _LAST:
        return str(count)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()[:_WITHOUT_ZONE]
    return text + _fraction(rest * (_GIGA // per_second)) + zone


def time_text(count: int, per_second: int) -> str:
    """Units since midnight as `09:30:00`, with the digits of a second that there are; beyond a day: the number."""
    seconds, rest = divmod(count, per_second)
    if not 0 <= seconds < _DAY:
        return str(count)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_fraction(rest * (_GIGA // per_second))}"


def duration_text(nanoseconds: int) -> str:
    """A length of time in seconds, with no, 3, 6 or 9 digits behind the point: `1.500s`."""
    sign = "-" if nanoseconds < 0 else ""
    seconds, rest = divmod(abs(nanoseconds), _GIGA)
    return f"{sign}{seconds}{_fraction(rest)}s"


def date_text(days: int) -> str:
    """Days since the epoch as `2026-03-01`; outside the years 1 to 9999: the number."""
    return moment_text(days * _DAY, 1).partition("T")[0] if _FIRST <= days * _DAY <= _LAST else str(days)


def exact_decimal(unscaled: bytes, scale: int) -> Decimal:
    """The decimal of a big-endian two's complement integer and a scale, every digit kept."""
    return Decimal(f"{int.from_bytes(unscaled, 'big', signed=True)}E-{scale}")


def shortest_float(value: float) -> float:
    """The double of the fewest digits that mean this 32-bit float: 0.1, not 0.10000000149011612."""
    if value == (whole := int(value) if -_GIGA < value < _GIGA else None):
        return float(whole)
    for digits in _FLOAT_DIGITS:
        shorter = float(f"{value:.{digits}g}")
        if _FLOAT.unpack(_FLOAT.pack(shorter))[0] == value:
            return shorter
    return float(f"{value:.9g}")


def _fraction(nanoseconds: int) -> str:
    if not nanoseconds:
        return ""
    digits = f"{nanoseconds:09}"
    for _ in range(2):
        digits = digits.removesuffix("000")
    return f".{digits}"
