"""Protobuf messages: every kind of field as an event has it, and what is no message refused."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.core.event import DecodeFailed, NotEncodable
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.proto_file import indexes_of, message_at, message_named, read_proto
from consumer.core.formats.proto_text import parse_proto
from consumer.core.formats.protobuf import encode_proto, proto_decoder

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LOAN = b"""\
syntax = "proto3";
package bank;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
message Zebra { int32 stripes = 1; }
message Loan {
  string customer_id = 1;
  int64 cents = 2;
  uint64 number = 3;
  double amount = 4;
  float rate = 5;
  bool funded = 6;
  bytes proof = 7;
  Status status = 8;
  optional string note = 9;
  optional int32 months = 10;
  Branch branch = 11;
  oneof channel { string web = 12; Branch desk = 13; }
  repeated string tags = 14;
  repeated Branch branches = 15;
  repeated Status history = 16;
  map<string, string> labels = 17;
  map<int64, Branch> by_number = 18;
  map<bool, Status> by_truth = 19;
  google.protobuf.Timestamp at = 20;
  google.protobuf.Duration took = 21;
  google.protobuf.Struct extra = 22;
  google.protobuf.Value anything = 23;
  google.protobuf.ListValue list = 24;
  google.protobuf.StringValue nickname = 25;
  google.protobuf.FloatValue score = 26;
  google.protobuf.Int64Value count = 27;
  Loan before = 28;
  message Branch { string code = 1; Loan first = 2; message Desk { int32 number = 1; } }
  enum Status { UNKNOWN = 0; OPEN = 1; CLOSED = -1; }
}
"""
EMPTY: dict[str, Any] = {
    "customer_id": "", "cents": 0, "number": 0, "amount": 0.0, "rate": 0.0, "funded": False, "proof": b"",
    "status": "UNKNOWN", "tags": [], "branches": [], "history": [], "labels": {}, "by_number": {}, "by_truth": {},
}  # fmt: skip


def message(name: str = "Loan", text: bytes = LOAN, **imports: bytes) -> Descriptor:
    return message_named(read_proto("loan.proto", text, {f"{key}.proto": each for key, each in imports.items()}), name)


LOAN_TYPE = message()
decode = proto_decoder(LOAN_TYPE)


def made(of: Descriptor = LOAN_TYPE, **fields: Any) -> Message:
    return GetMessageClass(of)(**fields)


def test_what_is_not_set_has_its_default_or_is_missing() -> None:
    assert decode(b"") == EMPTY


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"customer_id": "c-1"}, {"customer_id": "c-1"}),
        ({"cents": -(2**63)}, {"cents": -(2**63)}),
        ({"cents": 2**53 + 1}, {"cents": 2**53 + 1}),
        ({"number": 2**64 - 1}, {"number": 2**64 - 1}),
        ({"amount": 0.1}, {"amount": 0.1}),
        ({"rate": 0.1}, {"rate": 0.1}),
        ({"funded": True}, {"funded": True}),
        ({"proof": b"\0\xff"}, {"proof": b"\0\xff"}),
        ({"status": -1}, {"status": "CLOSED"}),
        ({"status": 77}, {"status": "77"}),
        ({"note": ""}, {"note": ""}),
        ({"months": 0}, {"months": 0}),
        ({"branch": {}}, {"branch": {"code": ""}}),
        ({"branch": {"code": "a", "first": {}}}, {"branch": {"code": "a", "first": EMPTY}}),
        ({"web": ""}, {"web": ""}),
        ({"desk": {"code": "d"}}, {"desk": {"code": "d"}}),
        ({"tags": ["a", "b"]}, {"tags": ["a", "b"]}),
        ({"branches": [{"code": "a"}]}, {"branches": [{"code": "a"}]}),
        ({"history": [1, 0, 5]}, {"history": ["OPEN", "UNKNOWN", "5"]}),
        ({"labels": {"a": "b"}}, {"labels": {"a": "b"}}),
        ({"by_number": {-7: {"code": "a"}}}, {"by_number": {"-7": {"code": "a"}}}),
        ({"by_truth": {True: 1, False: 0}}, {"by_truth": {"true": "OPEN", "false": "UNKNOWN"}}),
        ({"at": {"seconds": 1772357400, "nanos": 250_000_000}}, {"at": "2026-03-01T09:30:00.250Z"}),
        ({"at": {}}, {"at": "1970-01-01T00:00:00Z"}),
        ({"took": {"seconds": -1, "nanos": -500_000_000}}, {"took": "-1.500s"}),
        (
            {"extra": {"a": 1, "b": [None, True, "x"], "c": {"d": 0.5}}},
            {"extra": {"a": 1.0, "b": [None, True, "x"], "c": {"d": 0.5}}},
        ),
        ({"anything": {"string_value": "x"}}, {"anything": "x"}),
        ({"anything": {}}, {"anything": None}),
        ({"list": [1, "x"]}, {"list": [1.0, "x"]}),
        ({"nickname": {"value": "n"}}, {"nickname": "n"}),
        ({"nickname": {}}, {"nickname": ""}),
        ({"score": {"value": 0.1}}, {"score": 0.1}),
        ({"count": {"value": 5}}, {"count": 5}),
        ({"before": {"before": {"cents": 1}}}, {"before": {**EMPTY, "before": {**EMPTY, "cents": 1}}}),
    ],
)
def test_a_field_is_read(fields: dict[str, Any], event: dict[str, Any]) -> None:
    assert decode(made(**fields).SerializeToString()) == EMPTY | event


def test_proto2_has_presence_everywhere() -> None:
    text = b"""message Old {
        optional int32 a = 1 [default = 5]; optional string b = 2; repeated group G = 3 { optional int32 x = 1; }
    }"""
    old = message("Old", text)
    assert proto_decoder(old)(b"") == {"g": []}
    assert proto_decoder(old)(made(old, a=0, b="x", g=[{"x": 1}]).SerializeToString()) == {
        "a": 0,
        "b": "x",
        "g": [{"x": 1}],
    }


def test_an_edition_says_what_has_presence() -> None:
    text = b"""edition = "2023"; option features.field_presence = IMPLICIT;
        message M { int32 a = 1; int32 b = 2 [features.field_presence = EXPLICIT]; }"""
    assert proto_decoder(message("M", text))(b"") == {"a": 0}


def test_a_required_field_is_required() -> None:
    text = b"message M { required int32 a = 1; optional M inner = 2; } message N { repeated M all = 1; }"
    for name in ("M", "N"):
        needs = message(name, text)
        body = b"" if name == "M" else b"\x0a\x00"
        with pytest.raises(DecodeFailed, match="a required field is missing"):
            proto_decoder(needs)(body)
    assert proto_decoder(message("M", text))(b"\x08\x05") == {"a": 5}


def test_a_single_plain_field_is_read() -> None:
    assert proto_decoder(message("Zebra"))(b"\x08\x05") == {"stripes": 5}


@pytest.mark.parametrize(
    "body",
    [
        made(customer_id="secret-1").SerializeToString()[:-1],
        b"\xff",
        b"\x0a\x02\xff\xfe",  # no UTF-8
        b"\x0c",
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeFailed) as failure:
        decode(body)
    assert str(failure.value) == "no bank.Loan: truncated, or of another type"


def test_a_message_nested_too_deeply_is_refused() -> None:
    body = b""
    for _ in range(200):
        body = bytes([0xE2, 0x01]) + _varint(len(body)) + body  # field 28, `before`
    with pytest.raises(DecodeFailed):
        decode(body)


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


@untimed
@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with suppress(DecodeFailed):
        decode(body)


EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "customer_id": st.text(st.characters(exclude_categories=["Cs"])),
        "cents": st.integers(-(2**63), 2**63 - 1),
        "number": st.integers(0, 2**64 - 1),
        "amount": st.floats(allow_nan=False, allow_infinity=False),
        "funded": st.booleans(),
        "status": st.sampled_from(["UNKNOWN", "OPEN", "CLOSED"]),
        "months": st.integers(-(2**31), 2**31 - 1),
        "tags": st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
        "branch": st.fixed_dictionaries({"code": st.text(st.characters(exclude_categories=["Cs"]))}),
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    },
)


@untimed
@given(EVENTS)
def test_an_event_written_as_json_is_read_back(event: dict[str, Any]) -> None:
    assert decode(encode_proto(LOAN_TYPE, event)) == EMPTY | event


def test_a_field_may_be_written_by_its_name_in_json_and_is_read_by_its_own() -> None:
    found = message("M", b'syntax = "proto3"; message M { string card_no = 1; string tier = 2 [json_name = "class"]; }')
    event = {"card_no": "4", "tier": "gold"}
    for written in (event, {"cardNo": "4", "class": "gold"}):
        assert proto_decoder(found)(encode_proto(found, written)) == event


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"custmer_id": "x"}, "the schema has no field 'custmer_id'; did you mean customer_id?"),
        ({"cents": "x"}, "cents"),
        ({"status": "NEW"}, "NEW"),
        ([], "event: bank.Loan is an object, not a list"),
        ({"at": "tomorrow"}, "at"),
    ],
)
def test_what_the_message_has_no_place_for_is_told(event: Any, text: str) -> None:
    with pytest.raises(NotEncodable) as fault:
        encode_proto(LOAN_TYPE, event)
    assert text in str(fault.value)
    assert str(fault.value).isprintable()


def test_names_that_the_library_uses_are_fields_all_the_same() -> None:
    found = message("M", b'syntax = "proto3"; message M { optional string HasField = 1; string DESCRIPTOR = 2; }')
    assert proto_decoder(found)(b"\x0a\x01a\x12\x01b") == {"HasField": "a", "DESCRIPTOR": "b"}
    with pytest.raises(NotEncodable):  # no name for a field of a case
        encode_proto(found, {"DESCRIPTOR": "b"})


def test_an_event_without_a_required_field_is_told() -> None:
    with pytest.raises(NotEncodable, match="missing required fields"):
        encode_proto(message("M", b"message M { required int32 a = 1; }"), {})


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_imports_others() -> None:
    text = (
        b'syntax = "proto3"; import "common.proto"; import "more.proto"; message M { common.Id id = 1; Kind kind = 2; }'
    )
    common = b'syntax = "proto3"; package common; import "more.proto"; message Id { string value = 1; Kind kind = 2; }'
    more = b'syntax = "proto3"; enum Kind { NONE = 0; }'
    found = message("M", text, common=common, more=more)
    assert proto_decoder(found)(b"\x0a\x02\x0a\x00") == {"id": {"value": "", "kind": "NONE"}, "kind": "NONE"}


def test_an_import_in_a_folder_is_the_file_beside_it() -> None:
    text = b'syntax = "proto3"; import "bank/v1/common.proto"; message M { Id id = 1; }'
    beside = {"common.proto": b'syntax = "proto3"; message Id { string value = 1; }'}
    found = message_named(read_proto("m.proto", text, beside), "M")
    assert proto_decoder(found)(b"\x0a\x00") == {"id": {"value": ""}}
    exact = {"bank/v1/common.proto": b'syntax = "proto3"; message Id { string name = 1; }'}
    found = message_named(read_proto("m.proto", text, beside | exact), "M")
    assert proto_decoder(found)(b"\x0a\x00") == {"id": {"name": ""}}


def test_a_byte_order_mark_is_accepted() -> None:
    assert message("M", b"\xef\xbb\xbfmessage M {}").full_name == "M"


def test_an_import_of_nothing_but_options_may_be_missing() -> None:
    text = b'syntax = "proto3"; import "validate.proto"; message M { string id = 1 [(validate.min) = 1]; }'
    assert proto_decoder(message("M", text))(b"") == {"id": ""}


def test_a_serialized_descriptor_is_a_file_in_base64() -> None:
    described = parse_proto("other-name.proto", LOAN.decode())
    plain = base64.b64encode(described.SerializeToString())
    assert proto_decoder(message(text=plain))(b"") == EMPTY


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"message M {", "line 1: expected a name, found the end of the file"),
        (b"\xff", "not UTF-8"),
        (b"message M { optional Nix n = 1; }", "couldn't resolve name 'Nix'"),
        (
            b'import "a.proto"; message M { optional a.B b = 1; }',
            "couldn't resolve name 'a.B'; not found: a.proto",
        ),
        (b'import "common.proto"; message M {}', "it imports common.proto: it imports more.proto: not UTF-8"),
        (b"message M {} message M {}", "duplicate symbol 'M'"),
        (b'import "m.proto"; message M {}', "it imports m.proto: it imports m.proto, which imports it again"),
        (
            b'import "circle.proto"; message M {}',
            "it imports circle.proto: it imports m.proto: it imports circle.proto, which imports it again",
        ),
    ],
)
def test_what_is_no_file_is_told(text: bytes, fault: str) -> None:
    with pytest.raises(SchemaInvalid) as invalid:
        message("M", text, common=b'import "more.proto";', more=b"\xff", circle=b'import "m.proto";', m=text)
    assert str(invalid.value) == fault
    assert invalid.value.key == "schema"


@pytest.mark.parametrize("name", ["Loan", "bank.Loan", "Loan.Branch", "Loan.Branch.Desk", "bank.Loan.Branch"])
def test_a_message_is_found_by_its_name(name: str) -> None:
    assert message(name).full_name == f"bank.{name.removeprefix('bank.')}"


def test_the_only_message_needs_no_name() -> None:
    file = read_proto("m.proto", b"message M { map<string, int32> a = 1; }", {})
    assert message_named(file, None).full_name == "M"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Lone", "no message 'Lone'; did you mean Loan?"),
        ("Car", "no message 'Car'; there are Zebra, Loan, Loan.Branch, Loan.Branch.Desk"),
    ],
)
def test_a_message_that_is_not_there_is_told(name: str | None, fault: str) -> None:
    with pytest.raises(SchemaInvalid) as invalid:
        message_named(LOAN_TYPE.file, name)
    assert (str(invalid.value), invalid.value.key) == (fault, "message")


def test_of_several_messages_one_is_to_be_named() -> None:
    with pytest.raises(SchemaInvalid) as invalid:
        message_named(LOAN_TYPE.file, None)
    several = "it declares several messages; write which it is: message: Zebra or Loan or Loan.Branch or"
    assert str(invalid.value).startswith(several)
    assert invalid.value.key == "schema"


def test_a_file_without_messages_is_told() -> None:
    with pytest.raises(SchemaInvalid, match="it declares no message"):
        message_named(read_proto("m.proto", b'package p; import "x";', {}), None)


@pytest.mark.parametrize("name", ["Zebra", "Loan", "Loan.Branch", "Loan.Branch.Desk"])
def test_indexes_lead_to_a_message(name: str) -> None:
    there = message(name)
    assert message_at(there.file, indexes_of(there)).full_name == there.full_name


def test_indexes_count_as_the_messages_stand() -> None:
    assert [indexes_of(message(name)) for name in ("Zebra", "Loan", "Loan.Branch")] == [(0,), (1,), (1, 0)]


def test_a_serialized_descriptor_has_the_entries_of_maps_as_messages() -> None:
    assert message_at(LOAN_TYPE.file, (1, 3), entries=True).name == "Branch"
    assert message_at(LOAN_TYPE.file, (1, 0), entries=True).name == "LabelsEntry"


@pytest.mark.parametrize("indexes", [(), (2,), (-1,), (1, 9), (0, 0)])
def test_indexes_that_lead_nowhere_are_refused(indexes: tuple[int, ...]) -> None:
    with pytest.raises(DecodeFailed):
        message_at(LOAN_TYPE.file, indexes)


def test_a_descriptor_of_a_file_is_not_changed_by_reading_it() -> None:
    assert isinstance(parse_proto("x", "message M {}"), FileDescriptorProto)
