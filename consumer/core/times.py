"""Moments: reading them from events, writing them by a format that is checked once."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable

_is_rfc_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-5][0-9])"
).fullmatch
_WITHOUT_OFFSET = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")
_DATE_ONLY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH_DIGITS = re.compile(r"-?[0-9]{1,18}")
_FIRST_MILLISECONDS = 10**11  # a smaller epoch number is in seconds: 1e11 seconds are the year 5138
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905 - twelve strings are harder to read
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_NUMBERS = {
    "Y": ("year", "%04d"),
    "m": ("month", "%02d"),
    "d": ("day", "%02d"),
    "H": ("hour", "%02d"),
    "M": ("minute", "%02d"),
    "S": ("second", "%02d"),
    "f": ("microsecond", "%06d"),
}
"""Codes that are an attribute of a moment, and its digits: what most formats are made of."""

_WORDS: dict[str, Callable[[datetime], str]] = {
    "y": lambda moment: f"{moment.year % 100:02}",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "b": lambda moment: _MONTHS[moment.month - 1][:3],
    "B": lambda moment: _MONTHS[moment.month - 1],
    "a": lambda moment: _DAYS[moment.weekday()][:3],
    "A": lambda moment: _DAYS[moment.weekday()],
    "p": lambda moment: "AM" if moment.hour < 12 else "PM",  # noqa: PLR2004 - noon
    "I": lambda moment: f"{(moment.hour - 1) % 12 + 1:02}",
    "Z": lambda moment: str(moment.tzname()),
    "z": lambda moment: moment.strftime("%z"),
    "%": lambda _: "%",
}
_CODES = (*_NUMBERS, *_WORDS)


class TimeInvalid(ValueError):
    """Not a moment, or no format of one; the message holds nothing of the event."""


def read_moment(value: Any, zone: tzinfo = UTC) -> datetime:  # noqa: ANN401 - any value of an event
    """The moment in `value`, in `zone`: RFC 3339, a date (midnight in the zone), or an epoch number.

    An epoch below 1e11 is in seconds, else in milliseconds.

    Raises:
        TimeInvalid: anything else, and years that are not 1 to 9999.
    """
    try:
        if value.__class__ is str:
            if _is_rfc_3339(value):
                return datetime.fromisoformat(value.upper()).astimezone(zone)
            return _from_other_text(value, zone)
        if value.__class__ in (int, float, Decimal):
            return _from_epoch(value, zone)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, TimeInvalid) else TimeInvalid("no such moment") from None
    raise TimeInvalid("neither text nor a number")


def epoch_milliseconds(moment: datetime) -> int:
    """Integer milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def format_writer(text: str) -> Callable[[datetime], str]:
    """What writes a moment by a format of `%Y %m %d %H %M %S %y %j %b %B %a %A %p %I %Z %z %f %%`; names are English.

    Raises:
        TimeInvalid: an unknown code, or no code at all.
    """
    if text == "%Y-%m-%d":
        return date.isoformat  # the usual one, and written three times as fast
    template = ""
    reads: list[Callable[[datetime], Any]] = []
    for code, literal in re.findall(r"%(.?)|([^%]+)", text, re.DOTALL):
        if literal:
            template += literal
        elif code in _NUMBERS:
            name, digits = _NUMBERS[code]
            template += digits
            reads.append(attrgetter(name))
        elif code in _WORDS:
            template += "%s"
            reads.append(_WORDS[code])
        else:
            raise TimeInvalid(f"%{code} is no format code; there are {' '.join('%' + known for known in _CODES)}")
    if not re.search(r"%[^%]", text.replace("%%", "")):
        raise TimeInvalid("a format needs a code such as %Y-%m-%d")
    if all(isinstance(read, attrgetter) for read in reads):
        numbers = attrgetter(*[_NUMBERS[code][0] for code in re.findall("%(.)", text)])
        return lambda moment: template % numbers(moment)
    return lambda moment: template % tuple([read(moment) for read in reads])


def time_zone(name: str) -> tzinfo:
    """The zone of that name in the IANA database.

    Raises:
        TimeInvalid: there is none.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise TimeInvalid(f"no time zone {name!r}; write one such as Europe/Amsterdam") from None


def _from_other_text(value: str, zone: tzinfo) -> datetime:
    if _DATE_ONLY.fullmatch(value):
        return datetime.fromisoformat(value).replace(tzinfo=zone)
    if _EPOCH_DIGITS.fullmatch(value):
        return _from_epoch(int(value), zone)
    if _WITHOUT_OFFSET.fullmatch(value):
        raise TimeInvalid("a time without an offset; it could be any zone's")
    raise TimeInvalid("neither RFC 3339, nor a date, nor an epoch number")


def _from_epoch(value: Any, zone: tzinfo) -> datetime:  # noqa: ANN401 - int, float or Decimal
    scale = 1_000_000 if abs(value) < _FIRST_MILLISECONDS else 1_000
    return (_EPOCH + timedelta(microseconds=round(value * scale))).astimezone(zone)
