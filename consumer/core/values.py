"""Values of an event and their text: exact, without an exponent, the same everywhere."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

NUMERIC_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
FIRST_INEXACT = 2.0**63
"""Magnitude from which a float may be an integer that the decoder could not hold."""


class Fault(Exception):
    """An event can't be mapped: `reason` is one of the documented words, `detail` holds nothing of the event."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class _Truth(NamedTuple):
    """A boolean that equals no number."""

    value: bool


_TRUTHS = {True: _Truth(value=True), False: _Truth(value=False)}
_NO_CONSTANT = object()


def constant_of(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    """What `where` compares: 1 and 1.0 are equal, `true` and 1 are not; lists and objects equal nothing."""
    kind = value.__class__
    if kind is str:
        return value
    if kind is bool:
        return _TRUTHS[value]
    return _NO_CONSTANT if kind in (list, dict, bytes) else value


def constant_value(constant: Any) -> Any:  # noqa: ANN401 - a scalar of an event
    """The value that `constant_of` made a constant of."""
    return constant.value if isinstance(constant, _Truth) else constant


def text_of(value: Any) -> str:  # noqa: ANN401 - any value of an event
    """The text of a scalar.

    Raises:
        Fault: `value_not_scalar` for lists, objects and bytes, `value_not_exact` for a float of 2^63 or more.
    """
    kind = value.__class__
    if kind is str:
        return value  # type: ignore[no-any-return]  # a str; this runs for every value
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        digits = repr(value)
        if "e" not in digits and abs(value) < FIRST_INEXACT:
            return digits.removesuffix(".0") if value else "0"
        return decimal_text(exact_decimal(value))
    if kind is Decimal:
        return decimal_text(value)
    raise Fault("value_not_scalar", f"{kind_of(value)} is no text")


def exact_decimal(value: float) -> Decimal:
    """The shortest decimal digits that mean this float.

    Raises:
        Fault: `value_not_exact` for a magnitude of 2^63 or more.
    """
    if abs(value) < FIRST_INEXACT:
        return Decimal(repr(value))
    if not isfinite(value):
        raise Fault("value_not_exact", "no number, or an infinite one")
    raise Fault("value_not_exact", "a number of 2^63 or more that may have lost digits; send it as text")


def decimal_text(value: Decimal) -> str:
    """Digits without an exponent and without zeros behind them; minus zero is `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def kind_of(value: Any) -> str:  # noqa: ANN401 - any value of an event
    """What a value is, in words, for a message that must not hold the value."""
    return _KINDS.get(value.__class__, "a value of another kind")


_KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    bytes: "bytes",
    type(None): "nothing",
}
