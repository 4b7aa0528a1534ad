from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.event import DecodeFailed, decode_json

if TYPE_CHECKING:
    import random

TWICE = "an object has a key twice"


def fault(payload: bytes) -> str:
    with pytest.raises(DecodeFailed) as found:
        decode_json(payload)
    return str(found.value)


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"null", None),
        (b'"text"', "text"),
        (b" [1, 2] ", [1, 2]),
        (b'{"a": {"b": []}}', {"a": {"b": []}}),
        (b"9007199254740993", 2**53 + 1),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-0", 0),
        (b'"a\\u0000b"', "a\0b"),
        (b'{"a:b": "c:d", "e": ":"}', {"a:b": "c:d", "e": ":"}),
        (b'{"\\u003a": 1}', {":": 1}),
        (b'{"a": "\\u003A"}', {"a": ":"}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
        (b'{"\\"a": "}{", "b": "\\\\"}', {'"a': "}{", "b": "\\"}),
    ],
)
def test_json_values(payload: bytes, value: Any) -> None:
    assert decode_json(payload) == value


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "the value is empty"),
        (b"\xef\xbb\xbf{}", "not JSON: it begins with a byte-order mark"),
        (b"{", "not JSON: unexpected end of data at character 2"),
        (b"{} {}", "not JSON"),
        (b"NaN", "not JSON"),
        (b"[Infinity]", "not JSON"),
        (b"1e400", "not JSON"),
        (b'"\\ud800"', "not JSON"),
        (b'"\xff"', "not JSON: not UTF-8 at byte 2"),
        (b"{'a': 1}", "not JSON"),
        (b"\0", "not JSON"),
        (b'{"a": 1, "a": 1}', TWICE),
        (b'{"a": {"b": 1, "b": 1}}', TWICE),
        (b'{"a": 1, "\\u0061": 2}', TWICE),
        (b'{"a": 1, "a": "\\u003a"}', TWICE),
        (b'{"a": {"x": 1}, "b": ":", "a": 1}', TWICE),
        (b'{"a":1,"b":{"c":[1,{"d":1,"d":2}]}}', TWICE),
        (b'{"a" : 1 , "a"\t:\n2}', TWICE),
    ],
)
def test_what_is_not_one_plain_json_value_is_told_without_a_value(payload: bytes, message: str) -> None:
    assert message in fault(payload)


def test_depth() -> None:
    assert decode_json(b"[" * 1_024 + b"]" * 1_024)
    assert "not JSON" in fault(b"[" * 1_025 + b"]" * 1_025)
    assert decode_json(b'{"a":' * 1_023 + b"{}" + b"}" * 1_023)
    assert TWICE in fault(b'{"a":' * 1_000 + b'{"b":1,"b":1}' + b"}" * 1_000)


def test_ten_megabytes() -> None:
    lines = [{"sku": f"a{number}", "text": "x:" * 20} for number in range(141_000)]
    payload = json.dumps(lines).encode()
    assert len(payload) > 10_000_000
    assert len(decode_json(payload)) == 141_000
    assert TWICE in fault(payload[:-1] + b',{"a":1,"a":1}]')


NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_what_is_written_is_read(value: Any, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    try:
        payload = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        return
    if ascii_only and any("\ud800" <= character <= "\udfff" for character in json.dumps(value, ensure_ascii=False)):
        assert "not JSON" in fault(payload)
    else:
        assert decode_json(payload) == value


@given(JSON, st.randoms())
def test_a_key_given_twice_is_found_wherever_it_stands(value: Any, chance: random.Random) -> None:
    """An object with a repeated key is put at a random place of a random value; other colons are about."""
    marker = "the place"
    outer: Any = {"before": value, "place": [value, marker], "after": "a:b"}
    try:
        text = json.dumps(outer, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 1]))
        text.encode()
        decode_json(text.encode())
    except (UnicodeEncodeError, DecodeFailed):  # lone surrogates
        return
    twice = chance.choice(
        ['{"k": 1, "k": 1}', '{"k": {"x": ":"}, "k": 2}', '{"a": "\\u003a", "a": "::"}', '{"k":1,"\\u006b":1}']
    )
    assert TWICE in fault(text.replace(f'"{marker}"', twice).encode())


@given(st.binary())
def test_whatever_bytes_come_there_is_a_value_or_a_reason(payload: bytes) -> None:
    try:
        decode_json(payload)
    except DecodeFailed as failure:
        assert str(failure)  # noqa: PT017 - both are fine
