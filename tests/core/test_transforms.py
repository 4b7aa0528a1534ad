from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.files.yaml_nodes import parse_yaml
from consumer.core.transforms import PLAIN, TOLD, TransformInvalid, apply_transforms, read_transform
from consumer.core.values import Fault, text_of


def transforms(text: str) -> Any:
    return tuple(read_transform(item) for item in parse_yaml("f", text.encode()).items)  # type: ignore[union-attr]  # a list


def change(text: str, value: Any) -> Any:
    return apply_transforms(value, transforms(f"[{text}]"))


ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("trim", "\u00a0 a b\t\n", "a b"),
        ("lower", "ÀB", "àb"),
        ("upper", "straße", "STRASSE"),
        ("digits", "+31 (0)6-12٣", "310612"),
        ("digits", 1.5, "15"),
        ("digits", "none", ""),
        ("sha256", "abc", ABC),
        ("sha256", "é", "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        ("md5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha256", True, "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"),
        ("string", 1.50, "1.5"),
        ("string", False, "false"),
        ("int", 5, 5),
        ("int", 5.0, 5),
        ("int", Decimal("5.00"), 5),
        ("int", " 12.00 ", 12),
        ("int", "-7.", -7),
        ("int", "+007", 7),
        ("int", "9" * 400, int("9" * 400)),
        ("bool", " YES ", True),
        ("bool", "off", False),
        ("bool", 1, True),
        ("bool", 0.0, False),
        ("bool", True, True),
        ("{round: 2}", 120000.0, 120000),
        ("{round: 2}", 2.675, Decimal("2.68")),  # on the shortest digits
        ("{round: 0}", 2.5, 3),
        ("{round: 0}", -2.5, -3),
        ("{round: 1}", "0.25", Decimal("0.3")),
        ("{round: 1}", " 1e2 ", 100),
        ("{round: 2}", 7, 7),
        ("{round: 12}", Decimal("0.1234567890125"), Decimal("0.123456789013")),
        ("{round: 0}", -0.4, 0),
        ('{date: "%Y-%m-%d %H:%M"}', "2026-03-01T23:30:00+01:00", "2026-03-01 22:30"),
        ('{date: {format: "%Y-%m-%d %H:%M", zone: Europe/Amsterdam}}', "2026-03-01T23:30:00Z", "2026-03-02 00:30"),
        ('{date: {format: "%Y-%m-%dT%H:%M%z", zone: Europe/Amsterdam}}', "2026-07-01", "2026-07-01T00:00+0200"),
        ('{date: "%Y"}', 1772357400, "2026"),
        ("{truncate: 3}", "é😀xy", "é😀x"),
        ("{truncate: 3}", 12345, "123"),
        ("{truncate: 3}", "ab", "ab"),
        ("{replace: {a: b, ab: X, b: a}}", "abba", "Xab"),
        ('{replace: {".": ""}}', "1.234.5", "12345"),
        ("{replace: {1: one}}", 11, "oneone"),
        ("{lookup: {gold: tier1, 1: one, true: yes, null: nothing}}", "gold", "tier1"),
        ("{lookup: {gold: tier1, 1: one, true: yes}}", 1.0, "one"),
        ("{lookup: {gold: tier1, 1: one, true: yes}}", True, "yes"),
        ("{lookup: {gold: tier1}}", "silver", None),
        ('{lookup: {gold: ""}}', "gold", ""),
        ('{join: ", "}', ["a", 1, True, 1.50], "a, 1, true, 1.5"),
        ('{join: ""}', ["a", None, "", "b"], "ab"),
        ('{join: ","}', [], ""),
        ("{prefix: x-}", 5, "x-5"),
        ('{suffix: "!"}', "a", "a!"),
        ("{pad: {width: 5}}", "ab", "   ab"),
        ('{pad: {width: 5, with: "0"}}', 42, "00042"),
        ("{pad: {width: 5, with: x, side: right}}", "ab", "abxxx"),
        ("{pad: {width: 2}}", "abc", "abc"),
        # chains, lists, nothing
        ("trim, lower, {prefix: x}", " A ", "xa"),
        ("trim, {prefix: x}", "  ", None),
        ('lower, {join: "+"}', ["A", "B"], "a+b"),
        ('{lookup: {a: 1}}, {join: "+"}', ["a", "b"], "1"),
        ("upper", [None, "", "a"], [None, None, "A"]),
        ('{date: "%d"}', ["2026-03-01", "2026-03-02"], ["01", "02"]),
        *[(name, nothing, None) for name in PLAIN for nothing in (None, "")],
        *[(told.example.split(" or ")[0], nothing, None) for told in TOLD.values() for nothing in (None, "")],
    ],
)  # fmt: skip
def test_results(text: str, value: Any, result: Any) -> None:
    assert change(text, value) == result


def test_a_rounded_number_has_the_text_of_a_number() -> None:
    assert text_of(change("{round: 2}", 120000)) == "120000"
    assert text_of(change("{round: 2}", 120000.10)) == "120000.1"
    assert text_of(change("{round: 0}", -0.4)) == "0"


@pytest.mark.parametrize(
    ("text", "value", "fault"),
    [
        ("int", "12.5", "transform_failed: transform int: not a whole number"),
        ("int", "1e3", "transform_failed: transform int: not a whole number"),
        ("int", "", None),
        ("int", "x", "transform_failed: transform int: not a whole number"),
        ("int", "٣", "transform_failed: transform int: not a whole number"),
        ("int", 1.5, "transform_failed: transform int: a number with a fraction"),
        ("int", Decimal("1.5"), "transform_failed: transform int: a number with a fraction"),
        ("int", "9" * 1001, "transform_failed: transform int: not a whole number"),
        ("int", 2.0**63, "value_not_exact: "),
        ("int", True, "transform_failed: transform int: not a whole number"),
        ("bool", "maybe", "transform_failed: transform bool: none of true/false, yes/no, on/off, 1/0"),
        ("bool", 2, "transform_failed: transform bool"),
        ("{round: 2}", "x", "transform_failed: transform round: not a number"),
        ("{round: 2}", "1e999", "transform_failed: transform round: a number with too many digits"),
        ("{round: 2}", True, "transform_failed: transform round: not a number"),
        ("{round: 2}", 1e300, "value_not_exact: "),
        ('{date: "%Y"}', "2026-03-01T09:30:00", "transform_failed: transform date: a time without an offset"),
        ('{date: "%Y"}', {}, "value_not_scalar: an object is no time"),
        ('{date: "%Y"}', [[]], "value_not_scalar: a list is no time"),
        ('{join: ","}', "x", "transform_failed: transform join: not a list"),
        ('{join: ","}', {}, "value_not_scalar: an object is no list"),
        ('{join: ","}', [["a"]], "value_not_scalar: a list is no text"),
        ("trim", {}, "value_not_scalar: an object is no text"),
        ("trim", [[1]], "value_not_scalar: a list is no text"),
        ("string", b"x", "value_not_scalar: bytes is no text"),
        ("lower", 2.0**64, "value_not_exact: "),
    ],
)
def test_a_transform_that_fails_names_itself_and_no_value(text: str, value: Any, fault: str | None) -> None:
    if fault is None:
        assert change(text, value) is None
        return
    with pytest.raises(Fault) as found:
        change(text, value)
    assert f"{found.value.reason}: {found.value.detail}".startswith(fault)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tirm", "no transform 'tirm'; did you mean trim?"),
        ("zzzzzz", "no transform 'zzzzzz'; there are trim, lower, upper"),
        ("[trim]", "one transform an item: a name such as trim, or a map of one such as {round: 2}"),
        ("{trim: x, lower: y}", "one transform an item"),
        ("{trim: x}", "trim takes nothing; write it alone: trim"),
        ("round", "round needs to be told how: {round: 2}"),
        ("{round: 13}", "round: write a whole number from 0 to 12"),
        ("{round: -1}", "round: write a whole number from 0 to 12"),
        ("{round: '2'}", "round: write a whole number"),
        ("{round: true}", "round: write a whole number"),
        ("{round: [2]}", "round: write a whole number"),
        ("{truncate: 0}", "truncate: write a whole number of 1 or more"),
        ("{truncate: 1.5}", "truncate: write a whole number"),
        ('{date: "today"}', "date: a format needs a code such as %Y-%m-%d"),
        ('{date: "%Q"}', "date: %Q is no format code"),
        ("{date: [x]}", 'date: write {date: "%Y-%m-%d"}'),
        ("{date: {zone: UTC}}", "date: format is missing; write {date:"),
        ('{date: {format: "%Y", zone: Nowhere}}', "date: no time zone 'Nowhere'; write one such as Europe/Amsterdam"),
        ('{date: {format: "%Y", zne: UTC}}', "date: no option 'zne'; did you mean zone?"),
        ('{date: {format: "%Y", x: UTC}}', "date: no option 'x'; there are format, zone"),
        ("{date: {format: [x]}}", "date: write text"),
        ('{replace: {"": x}}', "replace: an empty text stands everywhere; write what to replace"),
        ("{replace: {}}", "replace: write a map of texts such as {replace: {gold: tier1}}"),
        ("{replace: x}", "replace: write a map of texts"),
        ("{lookup: {a: [b]}}", "lookup: write text"),
        ("{prefix: ''}", "prefix: the text is empty"),
        ("{join: [x]}", "join: write text"),
        ("{pad: 5}", "pad: write {pad: {width: 8"),
        ("{pad: {with: x}}", "pad: width is missing"),
        ("{pad: {width: 0}}", "pad: width: write a whole number from 1 to 10000"),
        ("{pad: {width: 5, with: xy}}", "pad: with is one character"),
        ("{pad: {width: 5, side: middle}}", "pad: side is left or right"),
    ],
)
def test_what_can_not_work_is_told_when_it_is_read(text: str, message: str) -> None:
    with pytest.raises(TransformInvalid) as fault:
        transforms(f"[{text}]")
    assert message in str(fault.value)


def test_a_transform_knows_what_it_was_told() -> None:
    assert [(each.name, each.told, each.joins) for each in transforms('[trim, {round: 2}, {join: ","}]')] == [
        ("trim", "", False),
        ("round", "2", False),
        ("join", '","', True),
    ]


NUMBERS = st.integers() | st.floats() | st.decimals(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
EXAMPLES = [*PLAIN, *[told.example.split(" or ")[0] for told in TOLD.values()]]


@given(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=4), VALUES)
def test_any_value_through_any_transforms_ends_as_a_value_or_a_fault(names: list[str], value: Any) -> None:
    try:
        once = apply_transforms(value, transforms(f"[{', '.join(names)}]"))
    except Fault as fault:
        assert fault.reason in ("transform_failed", "value_not_scalar", "value_not_exact")  # noqa: PT017 - both are fine
    else:
        again = apply_transforms(value, transforms(f"[{', '.join(names)}]"))
        assert repr(once) == repr(again)
