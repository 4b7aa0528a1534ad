from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.values import Fault, constant_of, constant_value, exact_decimal, kind_of, text_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is é", "as it is é"),
        ("e\u0301", "e\u0301"),  # no normalisation
        ("a\0b", "a\0b"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-0.0, "0"),
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        (5e-324, f"0.{'0' * 323}5"),
        (1e16, "10000000000000000"),
        (123456789012345680.0, "123456789012345680"),
        (9223372036854774784.0, "9223372036854775000"),  # the last float below 2^63, in its shortest digits
        (2**53 + 1, "9007199254740993"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        (Decimal("120000.00"), "120000"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-3"), "0.001"),
        (Decimal(100), "100"),
    ],
)
def test_the_text_of_a_scalar(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2.0**63, "value_not_exact"),
        (-(2.0**63), "value_not_exact"),
        (1e300, "value_not_exact"),
        (float("inf"), "value_not_exact"),
        (float("nan"), "value_not_exact"),
        ([], "value_not_scalar"),
        ({}, "value_not_scalar"),
        (b"x", "value_not_scalar"),
        (None, "value_not_scalar"),
        ((1,), "value_not_scalar"),
    ],
)
def test_what_has_no_exact_text(value: Any, reason: str) -> None:
    with pytest.raises(Fault) as fault:
        text_of(value)
    assert fault.value.reason == reason


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-(2.0**62), max_value=2.0**62))
def test_a_float_s_digits_mean_it_and_have_no_exponent(value: float) -> None:
    text = text_of(value)
    assert float(text) == value
    assert "e" not in text.lower()
    assert text != "-0"
    assert not text.endswith(".0")
    assert exact_decimal(value) == Decimal(repr(value))


def test_constants_are_compared_by_value_and_kind() -> None:
    assert constant_of(1) == constant_of(1.0) == constant_of(Decimal(1))
    true, false = map(constant_of, (True, False))
    assert true != constant_of(1)
    assert false != constant_of(0)
    assert constant_of("1") != constant_of(1)
    assert constant_of([]) not in (constant_of(value) for value in ("", None, 0, False))
    assert hash(constant_of({})) == hash(constant_of(b""))
    assert [constant_value(constant_of(value)) for value in (True, False, "x", 1, None)] == [True, False, "x", 1, None]


def test_kinds_in_words() -> None:
    values: list[Any] = [{}, [], "", 1, 1.0, True, None, b"", (1,)]
    kinds = list(map(kind_of, values))
    assert kinds[:5] == ["an object", "a list", "text", "a number", "a number"]
    assert kinds[5:] == ["a boolean", "nothing", "bytes", "a value of another kind"]
