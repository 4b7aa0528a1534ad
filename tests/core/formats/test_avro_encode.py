"""Events written as JSON: what decoding makes of a body can be written as a body again."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from consumer.core.event import NotEncodable
from consumer.core.formats.avro import avro_decoder
from consumer.core.formats.avro_encode import encode_avro
from consumer.core.formats.avro_schema import parse_avro
from consumer.core.values import decimal_text
from tests.core.formats.test_avro import ENUM, field, logical, record


def encode(schema: Any, event: Any) -> bytes:
    return encode_avro(parse_avro(orjson.dumps(schema)), event)


DECIMAL = "write a number or text with at most 2 decimals"


@pytest.mark.parametrize(
    ("schema", "event", "back"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("float", 1, 1.0),
        ("double", 0.1, 0.1),
        ("string", "é", "é"),
        ("bytes", "\xff", b"\xff"),
        ({"type": "fixed", "name": "F", "size": 2}, "ab", b"ab"),
        (ENUM, "B", "B"),
        ({"type": "array", "items": "int"}, [], []),
        ({"type": "array", "items": "int"}, [1, 2], [1, 2]),
        ({"type": "map", "values": "int"}, {"a": 1}, {"a": 1}),
        (["null", "string"], "x", "x"),
        (["null", "long", "double"], 0.5, 0.5),
        (record(field("a", "int"), field("b", "int", default=7)), {"a": 1}, {"a": 1, "b": 7}),
        (logical("int", "date"), "2026-03-01", "2026-03-01"),
        (logical("int", "time-millis"), "09:30:00.250", "09:30:00.250"),
        (logical("long", "time-micros"), "09:30:00", "09:30:00"),
        (logical("long", "timestamp-millis"), "2026-03-01T10:30:00.250+01:00", "2026-03-01T09:30:00.250Z"),
        (logical("long", "timestamp-micros"), "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        (logical("long", "timestamp-nanos"), "2026-03-01T09:30:00.000001Z", "2026-03-01T09:30:00.000001Z"),
        (logical("long", "local-timestamp-millis"), "2026-03-01T09:30:00", "2026-03-01T09:30:00"),
        (logical("string", "uuid"), "any", "any"),
        (
            logical("fixed", "uuid", name="U", size=16),
            "1f9f0e4c-0000-4000-8000-000000000001",
            "1f9f0e4c-0000-4000-8000-000000000001",
        ),
    ],
)
def test_an_event_written_as_json_is_read_back(schema: Any, event: Any, back: Any) -> None:
    assert avro_decoder(parse_avro(orjson.dumps(schema)))(encode(schema, event)) == back


@pytest.mark.parametrize(
    "text", ["0", "127", "128", "-128", "-129", "12.5", "-0.01", "123456789012345678901234567890123456.78"]
)
@pytest.mark.parametrize(
    "schema", [logical("bytes", "decimal", scale=2), logical("fixed", "decimal", name="D", size=16, scale=2)]
)
def test_decimals_are_exact(text: str, schema: Any) -> None:
    back = avro_decoder(parse_avro(orjson.dumps(schema)))(encode(schema, text))
    assert decimal_text(back) == text


@pytest.mark.parametrize(
    ("schema", "event", "message"),
    [
        ("null", 1, "event: the schema has null, not this number"),
        ("boolean", 1, "event: the schema has boolean, not this number"),
        ("int", 2**31, "event: the schema has int, not this number"),
        ("int", True, "event: the schema has int, not this boolean"),
        ("long", 1.5, "event: the schema has long, not this number"),
        ("double", "x", "event: the schema has double, not this text"),
        ("string", 1, "event: the schema has string, not this number; write it in quotes"),
        ("string", None, "event: the schema has string, not this nothing"),
        ("bytes", "€", "event: the schema has bytes, not this text"),
        ({"type": "fixed", "name": "F", "size": 2}, "abc", "event: the schema has fixed, not this text"),
        (ENUM, "C", "event: the schema has one of A, B, not this text"),
        (ENUM, [], "event: the schema has one of A, B, not this list"),
        ({"type": "array", "items": "int"}, {}, "event: the schema has a list, not an object"),
        ({"type": "map", "values": "int"}, [], "event: the schema has an object, not a list"),
        ({"type": "array", "items": "int"}, [1, "x"], "event[1]: the schema has int, not this text"),
        ({"type": "map", "values": "int"}, {"a": "x"}, "event['a']: the schema has int, not this text"),
        (["null", "string"], 1, "event: the schema has string, not this number; write it in quotes"),
        ([], 1, "event: the schema's union is empty"),
        (record(), 1, "event: the schema has an object, R, not a number"),
        (record(field("sum", "int")), {"smu": 1}, "event: the schema has no field 'smu'; did you mean sum?"),
        (
            record(field("a", "int")),
            {},
            "event: the field a is missing, and the schema has no default for it",
        ),
        (record(field("a", "int")), {"a": "x"}, "event.a: the schema has int, not this text"),
        (logical("int", "date"), "tomorrow", 'event: the schema has date, not this text; write "2026-03-01"'),
        (logical("int", "date"), 1, 'event: the schema has date, not this number; write "2026-03-01"'),
        (
            logical("long", "timestamp-millis"),
            "2026-03-01T09:30:00",
            'event: the schema has timestamp-millis, not this text; write "2026-03-01T09:30:00Z"',
        ),
        (logical("long", "time-micros"), 5, 'event: the schema has time-micros, not this number; write "09:30:00"'),
        (
            logical("long", "local-timestamp-millis"),
            5,
            'event: the schema has local-timestamp-millis, not this number; write "2026-03-01T09:30:00"',
        ),
        (logical("bytes", "decimal", scale=2), "0.001", f"event: the schema has decimal, not this text; {DECIMAL}"),
        (logical("bytes", "decimal", scale=2), "x", f"event: the schema has decimal, not this text; {DECIMAL}"),
        (logical("bytes", "decimal", scale=2), None, f"event: the schema has decimal, not this nothing; {DECIMAL}"),
        (
            logical("fixed", "uuid", name="U", size=16),
            "x",
            'event: the schema has uuid, not this text; write "0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01"',
        ),
        (
            record(field("a", "R", default={})),
            {},
            "event: nested too deeply, or a default of the schema that contains itself",
        ),
    ],
)  # fmt: skip
def test_what_the_schema_has_no_place_for_is_told(schema: Any, event: Any, message: str) -> None:
    with pytest.raises(NotEncodable) as fault:
        encode(schema, event)
    assert str(fault.value) == message
