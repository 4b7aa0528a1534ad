"""Mapping files of every format, from their text to an update: checks at load, events, cases."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from consumer.core.files.cases import outcome_of, parse_cases
from consumer.core.formats.registered import RegisteredSchema, frame, write_indexes
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import ProfileUpdate, Rejection, SchemaWanted
from consumer.core.record import Record
from consumer.core.trace import trace
from consumer.errors import MappingsInvalid
from tests.core.formats.test_avro import field, logical, record, written

if TYPE_CHECKING:
    from consumer.core.files.cases import Case
    from consumer.core.mapping import Mappings

AVSC = orjson.dumps(
    record(
        field("customer", record(field("id", "string"), name="Customer")),
        field("amount", logical("bytes", "decimal", precision=12, scale=2)),
        field("kind", {"type": "enum", "name": "Kind", "symbols": ["NEW", "PAID"]}),
        field("proof", "bytes", default=""),
        name="bank.Loan",
    )
)
PROTO = b"""\
syntax = "proto3";
package bank;
import "common.event.proto";
message Other { int32 x = 1; }
message Loan { Customer customer = 1; int64 amount = 2; Kind kind = 3; bytes proof = 4; }
enum Kind { NEW = 0; PAID = 1; }
"""
COMMON = b'syntax = "proto3"; package bank; message Customer { string id = 1; }'
JSON = b'{"type": "object", "properties": {"customer": {"type": "object"}, "amount": {"type": "number"}}}'

MAPPING = """\
version: 1
topics: [loans]
%s
identity: {mbox3rdPartyId: event.customer.id}
attributes:
  amount: {from: %s}
"""
CASES = b"""\
- name: a loan
  event: {customer: {id: c-1}, amount: %s, kind: PAID}
  expect: {identity: {mbox3rdPartyId: c-1}, attributes: {amount: "%s"}}
- {name: none, event: null, expect: skipped}
"""
HEADS = {
    "avro": "format: avro\nschema: loan.event.avsc",
    "protobuf": "format: protobuf\nschema: loan.event.proto\nmessage: Loan",
    "registry avro": "format: registry\nschema: loan.event.avsc",
    "registry protobuf": "format: registry\nschema: loan.event.proto\nmessage: Loan",
    "registry json": "format: registry\nschema: loan.event.json",
    "registry": "format: registry",
}


def files(head: str, path: str = "event.amount", **more: bytes) -> dict[str, bytes]:
    return {
        "loan.mapping.yaml": (MAPPING % (head, path)).encode(),
        "loan.event.avsc": AVSC,
        "loan.event.proto": PROTO,
        "loan.event.json": JSON,
        "common.event.proto": COMMON,
        **{f"{name}.mapping.yaml": text for name, text in more.items()},
    }


def loaded(head: str, path: str = "event.amount") -> Mappings:
    return parse_mappings(files(head, path))


def problems(head: str, path: str = "event.amount", **more: bytes) -> list[str]:
    with pytest.raises(MappingsInvalid) as invalid:
        parse_mappings(files(head, path, **more))
    return [str(problem) for problem in invalid.value.problems]


def amount(mappings: Mappings, value: bytes) -> str:
    update = mappings.map(Record("loans", 0, 0, 1, None, value))
    assert isinstance(update, ProfileUpdate), update
    return update.attributes["amount"]


def cases(mappings: Mappings, text: bytes, **more: bytes) -> tuple[Case, ...]:
    return parse_cases({"loan.cases.yaml": text, "loan.mapping.yaml": b"", **more}, mappings)


EVENT = {"customer": {"id": "c-1"}, "amount": 12.5, "kind": "PAID", "proof": b""}
AVRO_BODY = b"\x06c-1" + b"\x04\x04\xe2" + b"\x02" + b"\x00"
PROTO_BODY = b"\x0a\x05\x0a\x03c-1\x10\x0c\x18\x01"


def test_the_bodies_of_these_tests_are_what_they_seem() -> None:
    schema = orjson.loads(AVSC)
    schema["fields"][1]["type"] = "bytes"
    assert written(schema, EVENT | {"amount": b"\x04\xe2"}) == AVRO_BODY


def test_avro_is_read_by_the_schema_of_the_mapping() -> None:
    assert amount(loaded(HEADS["avro"]), AVRO_BODY) == "12.5"


def test_protobuf_is_read_by_the_message_of_the_mapping() -> None:
    assert amount(loaded(HEADS["protobuf"]), PROTO_BODY) == "12"


@pytest.mark.parametrize(
    ("head", "schema", "body", "text"),
    [
        ("registry avro", RegisteredSchema("AVRO", AVSC.decode()), AVRO_BODY, "12.5"),
        (
            "registry protobuf",
            RegisteredSchema("PROTOBUF", PROTO.decode(), (("common.event.proto", COMMON.decode()),)),
            write_indexes((1,)) + PROTO_BODY,
            "12",
        ),
        (
            "registry json",
            RegisteredSchema("JSON", JSON.decode()),
            b'{"customer": {"id": "c-1"}, "amount": 1.5}',
            "1.5",
        ),
        ("registry", RegisteredSchema("AVRO", AVSC.decode()), AVRO_BODY, "12.5"),
    ],
)
def test_a_framed_event_is_read_once_the_registry_has_told_its_schema(
    head: str, schema: RegisteredSchema, body: bytes, text: str
) -> None:
    mappings = loaded(HEADS[head])
    assert mappings.framed == ("loan",)
    event = Record("loans", 0, 0, 1, None, frame(7, body))
    assert mappings.map(event) == SchemaWanted(7)
    assert trace(mappings, event).result == SchemaWanted(7)
    mappings.schemas[7] = schema
    assert amount(mappings, frame(7, body)) == text


@pytest.mark.parametrize("head", ["avro", "protobuf", "registry avro", "registry protobuf", "registry json"])
def test_an_event_that_is_none_is_rejected(head: str) -> None:
    mappings = loaded(HEADS[head])
    for body in (b"", b"{}", b"\xff\xff\xff\xff", AVRO_BODY[:-2], AVRO_BODY + b"\xff"):
        result = mappings.map(Record("loans", 0, 0, 1, None, body))
        assert isinstance(result, Rejection), (body, result)
        assert (result.stage, result.reason) in (("decode", "decode_failed"), ("map", "identity_missing"))
    assert mappings.framed == (("loan",) if "registry" in head else ())


# -- at load -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["avro", "protobuf", "registry avro", "registry protobuf"])
def test_paths_are_checked_by_the_schema(head: str) -> None:
    line = HEADS[head].count("\n") + 6
    assert problems(HEADS[head], "event.amont") == [
        f"loan.mapping.yaml:{line}:12: event.amont: the schema has no 'amont' there; did you mean amount?"
    ]
    assert problems(HEADS[head], "event.customer.id.x") == [
        f"loan.mapping.yaml:{line}:12: event.customer.id.x: the schema has string there, not an object"
    ]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("format: avro", "3:1: format: avro needs a schema; name its file under `schema:`"),
        ("format: protobuf", "3:1: format: protobuf needs a schema; name its file under `schema:`"),
        (
            "format: avro\nschema: loan.event.proto",
            "4:1: loan.event.proto: not JSON: unexpected character, expected a JSON value in line 1, column 1",
        ),
        (
            "format: protobuf\nschema: loan.event.avsc\nmessage: Loan",
            "4:1: loan.event.avsc: line 1: expected message, enum, import or another statement of a file, found '{'",
        ),
        (
            "format: protobuf\nschema: loan.event.proto",
            "4:1: loan.event.proto: it declares several messages; write which it is: message: Other or Loan",
        ),
        (
            "format: protobuf\nschema: loan.event.proto\nmessage: Lone",
            "5:1: loan.event.proto: no message 'Lone'; did you mean Loan?",
        ),
        (
            "message: Loan",
            "3:1: message: only Protobuf has messages; remove it, or write format: protobuf",
        ),
        (
            "format: registry\nschema: loan.event.avsc\nmessage: Loan",
            "5:1: message: only Protobuf has messages; remove it, or write format: protobuf",
        ),
        (
            "format: registry\nschema: loan.mapping.yaml",
            "4:1: schema: with format: registry its name ends in .json, .avsc, .proto",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_format_is_told_at_its_place(head: str, message: str) -> None:
    assert f"loan.mapping.yaml:{message}" in problems(head)


def test_one_record_is_read_by_one_schema_in_a_topic() -> None:
    where = b"where: {event.kind: %s}\n"
    text = (MAPPING % (HEADS["registry avro"], "event.amount")).encode()
    other = text.replace(b"loan.event.avsc", b"other.event.avsc") + where % b"NEW"
    both = files(HEADS["registry avro"], other=other) | {"other.event.avsc": AVSC}
    both["loan.mapping.yaml"] += where % b"PAID"
    with pytest.raises(MappingsInvalid) as invalid:
        parse_mappings(both)
    (problem,) = invalid.value.problems
    assert problem.file == "other.mapping.yaml"
    assert problem.message == (
        "loan.mapping.yaml reads bank.Loan in the events of loans by loan.event.avsc, this mapping by "
        "other.event.avsc; name the same file in both"
    )
    both["other.event.avsc"] = AVSC.replace(b"bank.Loan", b"bank.Other")
    assert parse_mappings(both).names == ("loan", "other")
    both["other.mapping.yaml"] = text + where % b"NEW"
    assert parse_mappings(both).names == ("loan", "other")


def test_bytes_are_no_text() -> None:
    mappings = loaded(HEADS["registry"], "event.proof")
    mappings.schemas[1] = RegisteredSchema("AVRO", AVSC.decode())
    result: Any = mappings.map(Record("loans", 0, 0, 1, None, frame(1, AVRO_BODY)))
    assert result.reason == "value_not_scalar"


# -- cases -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_an_event_of_a_case_is_written_in_its_format(head: str) -> None:
    number, text = (b"12", b"12") if "protobuf" in head else (b"12.50", b"12.5")
    mappings = loaded(HEADS[head])
    found = cases(mappings, CASES % (number, text))
    assert len(found) == 2
    for case in found:
        result: Any = mappings.map(case.record)
        assert outcome_of(result) == case.expected
    assert found[0].record.value is not None
    assert found[0].record.value.startswith(b"{") is False


def test_a_case_may_have_the_bytes_themselves() -> None:
    for head, body in (("avro", AVRO_BODY), ("registry avro", frame(1234, AVRO_BODY)), ("protobuf", PROTO_BODY)):
        mappings = loaded(HEADS[head])
        text = f"- {{name: n, event_base64: {base64.b64encode(body).decode()}, expect: skipped}}".encode()
        (case,) = cases(mappings, text)
        result: Any = mappings.map(case.record)
        assert outcome_of(result) != {"rejected": "decode_failed"}


def test_a_file_of_a_case_may_be_json_or_the_bytes() -> None:
    mappings = loaded(HEADS["avro"])
    text = b"- {name: a, event_file: a.json, expect: skipped}\n- {name: b, event_file: b.bin, expect: skipped}"
    event = b' {"customer": {"id": "c-1"}, "amount": 12.5, "kind": "PAID"}'
    one, other = cases(mappings, text, **{"a.json": event, "b.bin": AVRO_BODY})
    assert one.record.value == other.record.value == AVRO_BODY


def test_bytes_of_a_case_that_are_not_framed_stay_as_they_are() -> None:
    mappings = loaded(HEADS["registry avro"])
    (case,) = cases(mappings, b"- {name: n, event_base64: /w==, expect: {rejected: decode_failed}}")
    assert case.record.value == b"\xff"


@pytest.mark.parametrize(
    ("head", "event", "message"),
    [
        (
            "avro",
            b"{customer: {id: c-1}, amount: x, kind: PAID}",
            "event.amount: the schema has decimal, not this text; write a number or text with at most 2 decimals",
        ),
        ("registry avro", b"{}", "event: the field customer is missing, and the schema has no default for it"),
        ("protobuf", b"[]", "event: bank.Loan is an object, not a list"),
    ],
)
def test_what_a_case_cannot_be_written_as_is_told(head: str, event: bytes, message: str) -> None:
    with pytest.raises(MappingsInvalid) as invalid:
        cases(loaded(HEADS[head]), b"- {name: n, event: %s, expect: skipped}" % event)
    assert [problem.message for problem in invalid.value.problems] == [message]


def test_a_case_that_is_no_json_is_told() -> None:
    with pytest.raises(MappingsInvalid, match="event: not JSON"):
        cases(loaded(HEADS["avro"]), b"- {name: n, event_file: a.json, expect: skipped}", **{"a.json": b"{"})


def test_a_framed_case_reads_as_the_mapping_has_it_whatever_its_id() -> None:
    mappings = loaded(HEADS["registry avro"])
    text = f"- {{name: n, event_base64: {base64.b64encode(frame(1, AVRO_BODY)).decode()}, expect: skipped}}".encode()
    assert cases(mappings, text)[0].record.value != frame(1, AVRO_BODY)


def test_a_case_of_a_json_mapping_is_json_as_it_is_written() -> None:
    (case,) = cases(loaded("format: json"), b"- {name: n, event_file: a.json, expect: skipped}", **{"a.json": b"{ }"})
    assert case.record.value == b"{ }"


def test_the_hash_of_a_mapping_changes_with_a_file_that_its_schema_imports() -> None:
    before = files(HEADS["protobuf"])
    after = before | {"common.event.proto": COMMON.replace(b"string id = 1", b"string id = 1; string more = 2")}
    assert parse_mappings(before).hashes != parse_mappings(after).hashes
    assert (
        parse_mappings(files(HEADS["avro"])).hashes
        == parse_mappings(files(HEADS["avro"]) | {"common.event.proto": b""}).hashes
    )
