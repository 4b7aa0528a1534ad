"""Framed events: read by the schema that they name, once it is known, as the schema that a mapping names sees them."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.event import DecodeFailed
from consumer.core.formats.framed import FramedDecoder, declared_names
from consumer.core.formats.proto_text import parse_proto
from consumer.core.formats.registered import (
    RegisteredSchema,
    RegisteredSchemas,
    SchemaUnknown,
    frame,
    message_indexes,
    own_id,
    write_indexes,
)
from tests.core.formats.test_avro import field, record, written
from tests.core.formats.test_protobuf import EMPTY, LOAN, made, message

OLD = record(field("id", "string"), field("name", "string"), name="bank.Customer")
NEW = record(
    field("id", "string"),
    field("title", "string", aliases=["name"]),
    field("tier", "string", default="none"),
    name="bank.Customer",
)
VALUE = {"id": "c-1", "name": "Ann"}


def avro(schema: Any, *references: tuple[str, Any]) -> RegisteredSchema:
    return RegisteredSchema(
        "AVRO", orjson.dumps(schema).decode(), tuple((name, orjson.dumps(each).decode()) for name, each in references)
    )


PROTO = RegisteredSchema("PROTOBUF", LOAN.decode())


def decoder(schemas: dict[int, RegisteredSchema], *readers: RegisteredSchema) -> FramedDecoder:
    return FramedDecoder(RegisteredSchemas(schemas), readers)


def test_a_schema_that_is_not_known_is_named_until_it_is() -> None:
    schemas = RegisteredSchemas()
    decode = FramedDecoder(schemas, [])
    payload = frame(7, written(OLD, VALUE))
    for _ in range(2):
        with pytest.raises(SchemaUnknown) as unknown:
            decode(payload)
        assert unknown.value.id == 7
    schemas[7] = avro(OLD)
    assert decode(payload) == VALUE


def test_an_event_is_read_as_the_schema_of_the_same_name_sees_it() -> None:
    other = record(field("x", "int"), name="bank.Other")
    decode = decoder({1: avro(OLD), 2: avro(other)}, avro(NEW))
    assert decode(frame(1, written(OLD, VALUE))) == {"id": "c-1", "title": "Ann", "tier": "none"}
    assert decode(frame(2, written(other, {"x": 1}))) == {"x": 1}


def test_an_alias_is_a_name_too() -> None:
    renamed = NEW | {"name": "bank.Client", "aliases": ["Customer"]}
    assert decoder({1: avro(OLD)}, avro(renamed))(frame(1, written(OLD, VALUE)))["title"] == "Ann"


def test_references_are_part_of_a_schema() -> None:
    loan = record(field("by", "bank.Customer"), name="Loan")
    decode = decoder({1: avro(loan, ("bank.Customer", OLD))})
    assert decode(frame(1, written(OLD, VALUE))) == {"by": VALUE}


def test_json_is_json() -> None:
    decode = decoder({1: RegisteredSchema("JSON", "{}")}, RegisteredSchema("JSON", '{"type": "object"}'))
    assert decode(frame(1, b'{"a": 1}')) == {"a": 1}
    with pytest.raises(DecodeFailed, match="not JSON"):
        decode(frame(1, b"{"))


@pytest.mark.parametrize(
    ("name", "body", "event"),
    [
        ("Loan", made(cents=5).SerializeToString(), EMPTY | {"cents": 5}),
        ("Zebra", b"\x08\x05", {"stripes": 5}),
        ("Loan.Branch.Desk", b"\x08\x05", {"number": 5}),
    ],
)
@pytest.mark.parametrize("form", ["text", "descriptor"])
def test_a_message_is_found_by_its_indexes(name: str, body: bytes, event: Any, form: str) -> None:
    indexes = {"Loan": (1,), "Zebra": (0,), "Loan.Branch.Desk": (1, 0, 0) if form == "text" else (1, 3, 0)}[name]
    described = base64.b64encode(parse_proto("a.proto", LOAN.decode()).SerializeToString()).decode()
    schema = PROTO if form == "text" else RegisteredSchema("PROTOBUF", described)
    decode = decoder({1: schema})
    for _ in range(2):
        assert decode(frame(1, write_indexes(indexes) + body)) == event


def test_a_message_is_read_as_the_file_of_a_mapping_has_it() -> None:
    newer = RegisteredSchema("PROTOBUF", LOAN.decode().replace("int32 stripes = 1", "int32 lines = 1"))
    assert decoder({1: PROTO}, newer)(frame(1, b"\0\x08\x05")) == {"lines": 5}


def test_a_protobuf_schema_may_refer_to_others() -> None:
    text = 'syntax = "proto3"; import "bank/loan.proto"; message Wrapper { bank.Zebra zebra = 1; }'
    schema = RegisteredSchema("PROTOBUF", text, (("bank/loan.proto", LOAN.decode()),))
    assert decoder({1: schema})(frame(1, b"\0\x0a\x02\x08\x05")) == {"zebra": {"stripes": 5}}


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"", "not framed by a schema registry: a zero byte and the four bytes of a schema's id are missing"),
        (b"\0\0\0\1", "not framed by a schema registry: a zero byte and the four bytes of a schema's id are missing"),
        (b'{"a": 1}', "not framed by a schema registry: a zero byte and the four bytes of a schema's id are missing"),
        (frame(1, b""), "the body ends too early (schema 1)"),
        (frame(2, b""), "the indexes of a Protobuf message are unreadable (schema 2)"),
        (frame(2, b"\x80"), "the indexes of a Protobuf message are unreadable (schema 2)"),
        (frame(2, b"\x80" * 5 + b"\0"), "the indexes of a Protobuf message are unreadable (schema 2)"),
        (frame(2, b"\x01"), "the indexes of a Protobuf message are unreadable (schema 2)"),
        (frame(2, b"\x08\0"), "the indexes of a Protobuf message are unreadable (schema 2)"),
        (frame(2, b"\x02\x08"), "the schema has no such message (schema 2)"),
        (frame(2, b"\x02\x02\xff"), "no bank.Loan: truncated, or of another type (schema 2)"),
        (frame(3, b"\0"), "the schema as the registry has it can't be used: no type is named 'nix' (schema 3)"),
        (
            frame(4, b"\0"),
            "the schema as the registry has it can't be used: line 1: expected '=', found 'x' (schema 4)",
        ),
    ],
)
def test_what_is_no_framed_event_is_refused(payload: bytes, detail: str) -> None:
    decode = decoder({1: avro(OLD), 2: PROTO, 3: avro("nix"), 4: RegisteredSchema("PROTOBUF", "syntax x")})
    with pytest.raises(DecodeFailed) as failure:
        decode(payload)
    assert str(failure.value) == detail


def test_a_schema_of_a_file_has_no_number_to_be_told() -> None:
    schema = avro(OLD)
    with pytest.raises(DecodeFailed, match=r"^the body ends too early$"):
        decoder({own_id(schema): schema})(frame(own_id(schema), b""))


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9).map(tuple), st.binary(max_size=4))
def test_indexes_are_read_as_they_are_written(indexes: tuple[int, ...], body: bytes) -> None:
    head = write_indexes(indexes)
    assert message_indexes(head + b"\0" * 9 + body) == (indexes, len(head))


def test_the_first_message_is_a_single_zero() -> None:
    assert write_indexes((0,)) == b"\0"
    assert message_indexes(b"\2\0") == ((0,), 2)


def test_a_schema_of_ones_own_has_an_id_that_no_registry_gives() -> None:
    assert own_id(PROTO) >= 2**31
    assert own_id(PROTO) == own_id(PROTO) != own_id(avro(OLD))


def test_names_under_which_events_are_read() -> None:
    assert declared_names(avro(NEW | {"aliases": ["x.Old"]})) == {"bank.Customer", "x.Old"}
    assert declared_names(avro("string")) == frozenset()
    assert declared_names(RegisteredSchema("JSON", "{}")) == frozenset()
    assert "bank.Loan.Branch" in declared_names(PROTO)
    assert message("Zebra").full_name in declared_names(PROTO)
