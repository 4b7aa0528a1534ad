"""What Avro and Protobuf schemas say of paths before any event is read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from consumer.core.formats.avro_schema import parse_avro
from consumer.core.formats.event_schema import PathImpossible, shape_at
from consumer.core.formats.proto_file import message_named, read_proto
from consumer.core.formats.proto_types import message_type
from consumer.core.formats.type_shape import TypeShape
from consumer.core.paths import parse_path
from tests.core.formats.test_avro import ENUM, field, logical, record
from tests.core.formats.test_protobuf import LOAN

ALL = {"object", "array", "string", "number", "integer", "boolean", "null", "bytes"}

AVRO = TypeShape(
    [
        parse_avro(
            orjson.dumps(
                record(
                    field("id", "string"),
                    field("count", "long"),
                    field("rate", "double"),
                    field("amount", logical("bytes", "decimal", scale=2)),
                    field("at", logical("long", "timestamp-millis")),
                    field("proof", "bytes"),
                    field("kind", ENUM),
                    field("maybe", ["null", "string"]),
                    field("list", {"type": "array", "items": ["null", "E"]}),
                    field("map", {"type": "map", "values": "int"}),
                    field("inner", ["null", "R"]),
                    field(
                        "either",
                        [
                            record(field("a", "int"), name="A"),
                            record(field("a", "string"), field("b", "boolean"), name="B"),
                        ],
                    ),
                    field("mixed", [{"type": "map", "values": "int"}, {"type": "array", "items": "string"}]),
                )
            )
        )
    ]
)
PROTO = TypeShape([message_type(message_named(read_proto("loan.proto", LOAN, {}), "Loan"))])


@pytest.mark.parametrize(
    ("shape", "path", "kinds"),
    [
        (AVRO, "event.id", {"string"}),
        (AVRO, "event.count", {"integer"}),
        (AVRO, "event.rate", {"number", "integer"}),
        (AVRO, "event.amount", {"number", "integer"}),
        (AVRO, "event.at", {"string"}),
        (AVRO, "event.proof", {"bytes"}),
        (AVRO, "event.kind", {"string"}),
        (AVRO, "event.maybe", {"null", "string"}),
        (AVRO, "event.list", {"array"}),
        (AVRO, "event.list[0]", {"null", "string"}),
        (AVRO, "event.list[-7]", {"null", "string"}),
        (AVRO, "event.map", {"object"}),
        (AVRO, "event.map.anything", {"integer"}),
        (AVRO, "event.inner.inner.id", {"string"}),
        (AVRO, "event.either.a", {"integer", "string"}),
        (AVRO, "event.either.b", {"boolean"}),
        (AVRO, "event.mixed", {"object", "array"}),
        (AVRO, "event.mixed[0]", {"string"}),
        (AVRO, "event.mixed.x", {"integer"}),
        (PROTO, "event.cents", {"integer"}),
        (PROTO, "event.number", {"integer"}),
        (PROTO, "event.months", {"integer"}),
        (PROTO, "event.rate", {"number", "integer"}),
        (PROTO, "event.funded", {"boolean"}),
        (PROTO, "event.proof", {"bytes"}),
        (PROTO, "event.status", {"string"}),
        (PROTO, "event.branches[0].code", {"string"}),
        (PROTO, "event.branch.first.branch.code", {"string"}),
        (PROTO, "event.labels.a", {"string"}),
        (PROTO, 'event.by_number["-7"].code', {"string"}),
        (PROTO, "event.at", {"string"}),
        (PROTO, "event.took", {"string"}),
        (PROTO, "event.extra", {"object"}),
        (PROTO, "event.extra.a.b[0].c", ALL),
        (PROTO, "event.anything", ALL),
        (PROTO, "event.anything[0].x", ALL),
        (PROTO, "event.list", {"array"}),
        (PROTO, "event.nickname", {"string"}),
        (PROTO, "event.count", {"integer"}),
    ],
)
def test_a_path_has_the_kinds_of_its_type(shape: TypeShape, path: str, kinds: set[str]) -> None:
    assert shape_at(shape, parse_path(path)).kinds == kinds


@pytest.mark.parametrize(
    ("shape", "path", "message"),
    [
        (AVRO, "event.idd", "the schema has no 'idd' there"),
        (AVRO, "event.id.x", "the schema has string there, not an object"),
        (AVRO, "event.map[0]", "the schema has object there, not an array"),
        (AVRO, "event.either.c", "the schema has no 'c' there"),
        (PROTO, "event.customerId", "the schema has no 'customerId' there"),
        (PROTO, "event.at.seconds", "the schema has string there, not an object"),
    ],
)
def test_a_path_that_cannot_be_is_told(shape: TypeShape, path: str, message: str) -> None:
    with pytest.raises(PathImpossible) as impossible:
        shape_at(shape, parse_path(path))
    assert str(impossible.value) == message


def test_the_names_that_there_are_stand_with_it() -> None:
    with pytest.raises(PathImpossible) as impossible:
        AVRO.field("either").field("c")
    assert impossible.value.known == ("a", "b")
    assert PROTO.field("branch").names == ("code", "first")


@pytest.mark.parametrize(
    ("path", "constant", "allowed"),
    [
        ("event.kind", "A", True),
        ("event.kind", "C", False),
        ("event.id", "anything", True),
        ("event.id", 1, False),
        ("event.id", None, False),
        ("event.maybe", None, True),
        ("event.count", 1, True),
        ("event.count", 1.0, True),
        ("event.count", 1.5, False),
        ("event.rate", 1.5, True),
        ("event.rate", 1, True),
        ("event.id", True, False),
        ("event.either.b", True, True),
    ],
)
def test_a_constant_is_allowed_by_its_type(path: str, constant: Any, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert shape_at(AVRO, parse_path(path)).allows(constant) is allowed


def test_the_same_place_is_the_same() -> None:
    assert AVRO.field("inner").field("id").identity == AVRO.field("id").identity
    assert AVRO.field("inner").field("inner").identity == AVRO.field("inner").identity
    assert PROTO.field("before").field("before").identity == PROTO.field("before").identity
    assert AVRO.field("id").identity != AVRO.field("count").identity


def test_a_type_that_is_reached_in_many_ways_counts_once() -> None:
    one = record(field("x", ["null", "A", record(field("x", ["A", "B"]), name="B")]), name="A")
    shape = TypeShape([parse_avro(orjson.dumps(one))])
    for _ in range(100):
        shape = shape.field("x")
    assert shape.kinds == {"null", "object"}


def test_only_what_lists_no_fields_is_open() -> None:
    assert [AVRO.is_open, AVRO.field("map").is_open, AVRO.field("mixed").is_open] == [False, True, True]
    assert [PROTO.is_open, PROTO.field("extra").is_open, PROTO.field("anything").is_open] == [False, True, True]
    assert AVRO.field("list").item().kinds == {"null", "string"}


def test_a_message_of_google_that_is_none_of_the_special_ones_is_as_it_is() -> None:
    text = b'import "google/protobuf/any.proto"; message M { optional google.protobuf.Any a = 1; }'
    shape = TypeShape([message_type(message_named(read_proto("m.proto", text, {}), None))])
    assert shape.field("a").names == ("type_url", "value")


def test_a_time_says_what_kind_it_is() -> None:
    times = [logical("int", "date"), logical("long", "timestamp-millis"), logical("string", "uuid"), "string"]
    said = [TypeShape([parse_avro(orjson.dumps(schema))]).said("format") for schema in times]
    assert said == [("date",), ("date-time",), (), ()]
    assert AVRO.field("at").said("pattern") == ()


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        (logical("int", "date"), "2026-03-01"),
        (logical("long", "time-micros"), "09:30:00"),
        (logical("long", "timestamp-nanos"), "2026-03-01T09:30:00Z"),
        (logical("long", "local-timestamp-millis"), "2026-03-01T09:30:00"),
        (logical("bytes", "decimal", scale=2), 12.5),
        (logical("bytes", "decimal"), 12),
        ({"type": "fixed", "name": "F", "size": 3}, "000"),
        (logical("fixed", "uuid", name="U", size=16), "0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01"),
    ],
)
def test_an_example_stands_where_the_kind_does_not_show_how_it_is_written(schema: Any, example: Any) -> None:
    assert TypeShape([parse_avro(orjson.dumps(schema))]).said("examples") == ((example,),)


def test_what_shows_how_it_is_written_has_no_example() -> None:
    assert AVRO.field("id").said("examples") == AVRO.field("proof").said("examples") == ()


def test_the_symbols_of_an_enum_are_known() -> None:
    assert AVRO.field("kind").constants == ("A", "B")
    assert AVRO.field("id").constants == ()
