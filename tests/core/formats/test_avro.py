"""Avro bodies: what fastavro writes is read, by the schema it was written with or a reader's, and nothing else is."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from consumer.core.event import DecodeFailed
from consumer.core.formats.avro import DEEPEST, avro_decoder
from consumer.core.formats.avro_schema import PRIMITIVES, parse_avro
from consumer.core.formats.event_schema import SchemaInvalid

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
LONG = st.integers(-(2**63), 2**63 - 1)


def record(*fields: dict[str, Any], name: str = "R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def logical(kind: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": meaning, **more}


def written(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, _force=True), value)
    return out.getvalue()


def read(body: bytes, writer: Any, reader: Any = None) -> Any:
    as_type = parse_avro(orjson.dumps(reader)) if reader is not None else None
    return avro_decoder(parse_avro(orjson.dumps(writer)), as_type)(body)


# -- every type --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value", "event"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("boolean", False, False),
        ("int", -(2**31), -(2**31)),
        ("long", 2**63 - 1, 2**63 - 1),
        ("long", -(2**63), -(2**63)),
        ("double", 0.1, 0.1),
        ("float", 0.1, 0.1),
        ("float", 16777216.0, 16777216.0),
        ("float", 3.4028234663852886e38, 3.4028235e38),
        ("float", 1.17549435e-38, 1.1754944e-38),
        ("float", float("inf"), float("inf")),
        ("string", "", ""),
        ("string", "é" * 100, "é" * 100),
        ("bytes", b"\x00\xff", b"\x00\xff"),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", b"ab"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        ({"type": "array", "items": "int"}, [1, -1], [1, -1]),
        ({"type": "map", "values": "long"}, {"a": 1}, {"a": 1}),
        (["null", "string"], None, None),
        (["null", "string"], "x", "x"),
        ({"type": {"type": "string"}}, "x", "x"),
        (record(field("a", "int"), field("b", ["null", "string"])), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
        (logical("bytes", "decimal", precision=40, scale=2), Decimal("-12.50"), Decimal("-12.50")),
        (
            logical("fixed", "decimal", name="D", size=16, precision=36, scale=3),
            Decimal("123456789012345678901234567890.125"),
            Decimal("123456789012345678901234567890.125"),
        ),
        (logical("bytes", "decimal", precision=4), Decimal(7), Decimal(7)),
        (logical("int", "date"), date(2026, 3, 1), "2026-03-01"),
        (logical("int", "date"), date(1, 1, 1), "0001-01-01"),
        (logical("int", "time-millis"), time(9, 30, 0, 250_000), "09:30:00.250"),
        (logical("long", "time-micros"), time(9, 30), "09:30:00"),
        (
            logical("long", "timestamp-millis"),
            datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC),
            "2026-03-01T09:30:00.250Z",
        ),
        (
            logical("long", "timestamp-micros"),
            datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
            "1969-12-31T23:59:59.000001Z",
        ),
        (logical("long", "timestamp-nanos"), 1_000_000_001, "1970-01-01T00:00:01.000000001Z"),
        (logical("long", "local-timestamp-millis"), datetime(2026, 3, 1, 9, 30), "2026-03-01T09:30:00"),  # noqa: DTZ001 - has none
        (logical("string", "uuid"), "1f9f0e4c-0000-4000-8000-000000000001", "1f9f0e4c-0000-4000-8000-000000000001"),
        (logical("bytes", "date"), b"x", b"x"),  # a logical type that its type can't carry is ignored
        (logical("string", "newer"), "x", "x"),
        (logical("fixed", "uuid", name="U", size=2), b"ab", b"ab"),
        (logical("bytes", "decimal", scale=-1), b"ab", b"ab"),
        (logical("bytes", "decimal", scale=1001), b"ab", b"ab"),
    ],
)  # fmt: skip
def test_a_value_is_read(schema: Any, value: Any, event: Any) -> None:
    plain = schema
    if isinstance(schema, dict) and isinstance(value, int | str | bytes) and "logicalType" in schema:
        plain = {key: each for key, each in schema.items() if key not in ("logicalType", "scale")}
    if isinstance(schema, dict) and isinstance(schema["type"], dict):
        plain = schema["type"]
    assert read(written(plain, value), schema) == event


def test_a_uuid_of_sixteen_bytes_is_text() -> None:
    number = UUID("1f9f0e4c-0000-4000-8000-000000000001")
    assert read(number.bytes, logical("fixed", "uuid", name="U", size=16)) == str(number)


@pytest.mark.parametrize(
    ("schema", "number", "event"),
    [
        (logical("long", "timestamp-millis"), 2**63 - 1, str(2**63 - 1)),
        (logical("long", "timestamp-millis"), -(2**63), str(-(2**63))),
        (logical("long", "timestamp-millis"), 253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (logical("long", "timestamp-millis"), 253_402_300_800_000, "253402300800000"),
        (logical("int", "date"), 2_932_896, "9999-12-31"),
        (logical("int", "date"), 2_932_897, "2932897"),
        (logical("int", "time-millis"), 86_399_999, "23:59:59.999"),
        (logical("int", "time-millis"), 86_400_000, "86400000"),
        (logical("int", "time-millis"), -1, "-1"),
    ],
)
def test_what_has_no_such_text_stays_a_number(schema: Any, number: int, event: str) -> None:
    assert read(written(schema["type"], number), schema) == event


@pytest.mark.parametrize("number", [0, 63, 64, -64, -65, 8191, 8192, 2**34, 2**63 - 1, -(2**63)])
def test_numbers_of_every_length(number: int) -> None:
    assert read(written("long", number), "long") == number


@untimed
@given(LONG)
def test_every_long(number: int) -> None:
    assert read(written("long", number), "long") == number


@untimed
@given(st.floats(width=32))
def test_a_float_has_the_fewest_digits_that_mean_it(number: float) -> None:
    assume(number == number)  # noqa: PLR0124 - NaN
    found = read(written("float", number), "float")
    assert struct.unpack("<f", struct.pack("<f", found))[0] == number
    assert len(f"{found!r}".replace("-", "")) <= len(f"{number!r}".replace("-", ""))


def test_nan_is_nan() -> None:
    assert str(read(written("float", float("nan")), "float")) == "nan"


def test_the_name_of_a_type_may_be_used_again_and_within_itself() -> None:
    tree = record(
        field("left", ["null", "Tree"]),
        field("kind", {"type": "enum", "name": "Kind", "symbols": ["LEAF", "KNOT"]}),
        field("other", "Kind"),
        field("more", {"type": "array", "items": "a.Tree"}),
        name="Tree",
        namespace="a",
    )
    leaf: dict[str, Any] = {"left": None, "kind": "LEAF", "other": "KNOT", "more": []}
    value = {**leaf, "left": {**leaf, "more": [leaf]}}
    assert read(written(tree, value), tree) == value


def test_references_are_types_by_name() -> None:
    customer = record(field("id", "string"), name="Customer", namespace="bank")
    loan = record(field("by", "bank.Customer"), name="Loan", namespace="other")
    found = parse_avro(orjson.dumps(loan), (orjson.dumps(customer),))
    assert avro_decoder(found)(b"\x04ab") == {"by": {"id": "ab"}}


# -- anything --------------------------------------------------------------------------------------------------------


def schemas() -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    """A schema with a strategy for its values."""
    scalars = st.sampled_from(
        [
            ("null", st.none()),
            ("boolean", st.booleans()),
            ("int", st.integers(-(2**31), 2**31 - 1)),
            ("long", LONG),
            ("double", st.floats(allow_nan=False)),
            ("string", st.text()),
            ("bytes", st.binary()),
        ]
    )

    def composed(inner: st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]) -> st.SearchStrategy[Any]:
        arrays = inner.filter(lambda one: takes_bytes(one[0])).map(
            lambda one: ({"type": "array", "items": one[0]}, st.lists(one[1], max_size=4))
        )
        maps = inner.map(
            lambda one: ({"type": "map", "values": one[0]}, st.dictionaries(st.text(), one[1], max_size=4))
        )
        unions = inner.filter(lambda one: one[0] != "null" and not isinstance(one[0], list)).map(
            lambda one: (["null", one[0]], st.none() | one[1])
        )
        records = st.lists(inner, max_size=4).map(
            lambda inners: (
                {"fields": [schema for schema, _ in inners]},
                st.fixed_dictionaries({f"f{index}": values for index, (_, values) in enumerate(inners)}),
            )
        )
        return arrays | maps | unions | records

    return st.recursive(scalars, composed, max_leaves=8)


def takes_bytes(schema: Any) -> bool:
    """A list of what takes none could be endless."""
    if isinstance(schema, dict) and "fields" in schema:
        return any(map(takes_bytes, schema["fields"]))
    return bool(schema != "null")


def named(schema: Any, names: list[int]) -> Any:
    """Records get their names, each another."""
    if isinstance(schema, list):
        return [named(branch, names) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if "fields" in schema:
        names.append(0)
        name = f"R{len(names)}"
        return record(
            *[field(f"f{index}", named(each, names)) for index, each in enumerate(schema["fields"])], name=name
        )
    return {key: value if key == "type" else named(value, names) for key, value in schema.items()}


@untimed
@given(st.data())
def test_what_fastavro_writes_is_read_and_any_shorter_or_longer_body_is_refused(data: st.DataObject) -> None:
    shape, values = data.draw(schemas())
    schema = named(shape, [])
    value = data.draw(values)
    body = written(schema, value)
    assert read(body, schema) == value
    for wrong in (body[:-1], body + b"\0"):
        if wrong != body:
            with suppress(DecodeFailed):
                assert read(wrong, schema) != value


@untimed
@given(st.data(), st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data: st.DataObject, body: bytes) -> None:
    shape, _ = data.draw(schemas())
    with suppress(DecodeFailed):
        read(body, named(shape, []))


# -- what is no body ---------------------------------------------------------------------------------------------------

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
LIST = record(field("next", ["null", "R"]))


@pytest.mark.parametrize(
    ("schema", "body", "detail"),
    [
        ("long", b"", "the body ends too early"),
        ("long", b"\x80", "the body ends too early"),
        ("double", b"\0" * 7, "the body ends too early"),
        ("float", b"\0" * 3, "the body ends too early"),
        ("boolean", b"", "the body ends too early"),
        (["null", "int"], b"", "the body ends too early"),
        ("long", b"\0\0", "bytes are left over: the body was written with another schema"),
        ("long", b"\xff" * 10 + b"\x01", "a number of more than 64 bits"),
        ("boolean", b"\x02", "a boolean is neither 0 nor 1"),
        ("string", b"\x04a", "a length reaches beyond the end of the body"),
        ("string", b"\x01a", "a length reaches beyond the end of the body"),
        ("string", b"\x80\x01" + b"a" * 63, "a length reaches beyond the end of the body"),
        ("bytes", b"\x04a", "a length reaches beyond the end of the body"),
        ("string", b"\x02\xff", "text that is not UTF-8"),
        ("string", b"\x80\x01" + b"\xff" * 64, "text that is not UTF-8"),
        (["null", "int"], b"\x04\x00", "a union has no such branch"),
        (["null", "int"], b"\x01\x00", "a union has no such branch"),
        (ENUM, b"\x04", "E has no such symbol"),
        (ENUM, b"\x01", "E has no such symbol"),
        (
            {"type": "array", "items": "null"},
            b"\xfe\xff\xff\xff\x0f\0",
            "a list announces more items than there are bytes",
        ),
        ({"type": "map", "values": "int"}, b"\x06\0", "a list announces more items than there are bytes"),
        (LIST, b"\x02" * (DEEPEST + 1) + b"\0", f"a type is nested in itself more than {DEEPEST} levels deep"),
        (LIST, b"\x02" * 1_000_000, f"a type is nested in itself more than {DEEPEST} levels deep"),
        (logical("bytes", "decimal"), b"\x82\x10" + b"\1" * 1025, "a decimal of more than 1024 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_body_is_refused(schema: Any, body: bytes, detail: str) -> None:
    with pytest.raises(DecodeFailed) as failure:
        read(body, schema)
    assert str(failure.value) == detail


def test_the_deepest_is_read() -> None:
    event = read(b"\x02" * DEEPEST + b"\0", LIST)
    for _ in range(DEEPEST):
        event = event["next"]
    assert event == {"next": None}


def test_only_what_is_inside_itself_counts() -> None:
    tree = record(field("leaves", {"type": "array", "items": "R"}))
    leaves = DEEPEST + 1
    event = read(written("long", leaves) + b"\0" * leaves + b"\0", tree)
    assert event == {"leaves": [{"leaves": []}] * leaves}


def test_blocks_may_tell_their_size() -> None:
    assert read(b"\x03\x04\x02\x04\x02\x06\0", {"type": "array", "items": "int"}) == [1, 2, 3]


# -- a reader's schema -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("writer", "value", "reader", "event"),
    [
        ("int", 1, "long", 1),
        ("int", 1, "float", 1.0),
        ("int", 1, "double", 1.0),
        ("long", 1, "double", 1.0),
        ("long", 1, "float", 1.0),
        ("float", 0.5, "double", 0.5),
        ("string", "é", "bytes", b"\xc3\xa9"),
        ("bytes", b"\xc3\xa9", "string", "é"),
        ("int", 1, ["string", "double", "long"], 1.0),
        ("int", 1, ["string", "double", "int"], 1),
        (["null", "int"], 1, "long", 1),
        (["null", "int", "string"], "x", ["string", "null"], "x"),
        (record(field("a", "int"), field("b", "string")), {"a": 1, "b": "x"}, record(field("b", "string")), {"b": "x"}),
        (
            record(field("a", "int")),
            {"a": 1},
            record(field("a", "long"), field("b", ["null", "string"], default=None)),
            {"a": 1, "b": None},
        ),
        (record(field("old", "int")), {"old": 1}, record(field("new", "int", aliases=["old"])), {"new": 1}),
        (
            record(field("a", "int"), name="Old", namespace="n"),
            {"a": 1},
            record(field("a", "int"), name="New", aliases=["n.Old"]),
            {"a": 1},
        ),
        (record(field("a", "int"), name="n.R"), {"a": 1}, record(field("a", "int"), name="m.R"), {"a": 1}),
        (ENUM, "B", {"type": "enum", "name": "E", "symbols": ["A", "X"], "default": "X"}, "X"),
        (ENUM, "B", {"type": "enum", "name": "E", "symbols": ["B", "A"]}, "B"),
        ({"type": "array", "items": "int"}, [1], {"type": "array", "items": "double"}, [1.0]),
        ({"type": "map", "values": "int"}, {"a": 1}, {"type": "map", "values": ["null", "long"]}, {"a": 1}),
        ("long", 250, logical("long", "timestamp-millis"), "1970-01-01T00:00:00.250Z"),
        ("int", 250, logical("long", "timestamp-millis"), "1970-01-01T00:00:00.250Z"),
        ("bytes", b"\x01\x00", logical("bytes", "decimal", scale=2), Decimal("2.56")),
        (
            logical("long", "timestamp-millis"),
            datetime(2026, 1, 1, tzinfo=UTC),
            logical("long", "timestamp-micros"),
            "2026-01-01T00:00:00Z",
        ),
        (
            logical("bytes", "decimal", precision=9, scale=3),
            Decimal("1.125"),
            logical("bytes", "decimal", precision=9, scale=1),
            Decimal("1.125"),
        ),
        (logical("long", "timestamp-millis"), datetime(1970, 1, 1, tzinfo=UTC), "long", 0),
    ],
)
def test_a_reader_sees_it_as_its_own_schema(writer: Any, value: Any, reader: Any, event: Any) -> None:
    assert read(written(writer, value), writer, reader) == event


@pytest.mark.parametrize(
    ("kind", "default", "event"),
    [
        ("null", None, None),
        ("boolean", True, True),
        ("int", 1, 1),
        ("double", 1, 1.0),
        ("string", "x", "x"),
        ("bytes", "\xff", b"\xff"),
        (ENUM, "A", "A"),
        ({"type": "fixed", "name": "F", "size": 1}, "a", b"a"),
        ({"type": "array", "items": "double"}, [1], [1.0]),
        ({"type": "map", "values": "bytes"}, {"a": "b"}, {"a": b"b"}),
        (["null", "string"], None, None),
        (["null", "string"], "x", "x"),
        (logical("bytes", "decimal", scale=2), "\x01\x00", Decimal("2.56")),
        (logical("long", "timestamp-millis"), 0, "1970-01-01T00:00:00Z"),
        (record(field("a", "int"), field("b", "int", default=2), name="I"), {"a": 1}, {"a": 1, "b": 2}),
    ],
)
def test_what_was_not_written_has_its_default(kind: Any, default: Any, event: Any) -> None:
    reader = record(field("a", "int"), field("added", kind, default=default))
    assert read(b"\x02", record(field("a", "int")), reader) == {"a": 1, "added": event}


@pytest.mark.parametrize(
    ("writer", "body", "reader", "detail"),
    [
        ("string", b"\0", "int", "the reader's schema has int where string was written"),
        ("long", b"\0", "int", "the reader's schema has int where long was written"),
        ("int", b"\0", ["string", "null"], "the reader's schema has string where int was written"),
        ("int", b"\0", [], "the reader's union has no place for int"),
        (["null", "int"], b"\0", "int", "the reader's schema has int where null was written"),
        (ENUM, b"\x02", {"type": "enum", "name": "E", "symbols": ["A"]}, "E has no such symbol"),
        (ENUM, b"\x02", {**ENUM, "name": "F"}, "the reader's schema has enum F where enum E was written"),
        (
            {"type": "fixed", "name": "F", "size": 1},
            b"a",
            {"type": "fixed", "name": "F", "size": 2},
            "the reader's schema has fixed F where fixed F was written",
        ),
        (
            record(),
            b"",
            record(field("a", "int")),
            "R.a was not written, and the reader's schema has no default for it",
        ),
        (record(), b"", record(field("a", "int", default="x")), "the default of R.a is none of its type"),
        (record(), b"", record(field("a", ["int"], default="x")), "the default of R.a is none of its type"),
        (record(), b"", record(field("a", "bytes", default="€")), "the default of R.a is none of its type"),
        (record(), b"", record(field("a", "R", default={})), "the default of R.a contains itself"),
        (
            record(field("a", ["null", record(field("b", "int"), name="I")])),
            b"\x02\x02",
            record(field("a", ["null", record(field("c", "int"), name="I")])),
            "I.c was not written, and the reader's schema has no default for it",
        ),
    ],
)
def test_what_a_reader_has_no_place_for_is_refused(writer: Any, body: bytes, reader: Any, detail: str) -> None:
    with pytest.raises(DecodeFailed) as failure:
        read(body, writer, reader)
    assert str(failure.value) == detail


# -- what is no schema -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON: unexpected end of data in line 1, column 2"),
        (b"1", "a type is a name, a list of types, or an object with `type`"),
        (b'{"name": "x"}', "a type is a name, a list of types, or an object with `type`"),
        (b'"strin"', "no type is named 'strin'"),
        (b'{"type": "record", "fields": []}', "a record has no name"),
        (b'{"type": "enum", "symbols": []}', "an enum has no name"),
        (b'{"type": "enum", "name": "E"}', "E: `symbols` is a list of texts"),
        (b'{"type": "enum", "name": "E", "symbols": [1]}', "E: `symbols` is a list of texts"),
        (b'{"type": "fixed", "name": "F"}', "F has no size"),
        (b'{"type": "fixed", "name": "F", "size": true}', "F has no size"),
        (b'{"type": "fixed", "name": "F", "size": -1}', "F has no size"),
        (b'{"type": "record", "name": "R"}', "R: `fields` is a list of objects with `name` and `type`"),
        (b'{"type": "record", "name": "R", "fields": [1]}', "R: `fields` is a list of objects with `name` and `type`"),
        (
            b'{"type": "record", "name": "R", "aliases": 1, "fields": []}',
            "R: `aliases` is a list of texts",
        ),
        (
            b'{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}',
            "R has the field a twice",
        ),
        (b'{"type": "array"}', "a type is a name, a list of types, or an object with `type`"),
        (b"[" * 1000 + b'"int"' + b"]" * 1000, "nested too deeply"),
    ],
)
def test_what_is_no_schema_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(SchemaInvalid) as fault:
        parse_avro(content)
    assert str(fault.value) == message


def test_every_primitive_is_a_schema() -> None:
    assert [parse_avro(orjson.dumps(kind)).kind for kind in PRIMITIVES] == list(PRIMITIVES)


def test_an_error_is_a_record() -> None:
    assert parse_avro(orjson.dumps({**record(field("a", "int")), "type": "error"})).kind == "record"
