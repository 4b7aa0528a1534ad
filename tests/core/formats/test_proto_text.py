"""Our reading of `.proto` files, compared with what Protobuf's own compiler makes of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_tools import protoc

from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.proto_text import parse_proto

if TYPE_CHECKING:
    from collections.abc import Iterator

INCLUDED = Path(grpc_tools.__file__).parent / "_proto"
FILES = sorted(str(path.relative_to(INCLUDED)) for path in INCLUDED.rglob("*.proto"))

OURS = {
    "everything.proto": """\
syntax = "proto3"; // a comment; with { marks }
/* another
   "one" */
package a.b;
import public "google/protobuf/timestamp.proto";
import weak 'google/protobuf/any.proto';
option java_package = "x" "y";
option (custom).deep = { a: 1 b { c: "}" } };
option optimize_for = SPEED;
extend google.protobuf.FileOptions { string custom = 50000; }
message Outer {
  option deprecated = true;
  reserved 2, 15, 9 to 11, 1000 to max;
  reserved "foo", "bar";
  optional int32 maybe = 1 [deprecated = true, (x.y) = -1.5e3, json_name = "oth" 'er'];
  repeated .a.b.Outer.Inner inners = 3;
  map<string, Inner> by_name_of_it = 4;
  map < int64 , .a.b.Kind > kinds = 0x5;
  oneof choice { option (o) = 1; string message = 6; Inner enum = 7; google.protobuf.Timestamp at = 010; };
  message Inner { Inner again = 1; Outer.Inner other = 2; Kind kind = 3; enum Kind { NONE = 0; } ; }
  optional string second_maybe = 12;
  string package = 13; bool option = 14; bytes import = 16;
  uint32 a = 17; uint64 b = 18; sint32 c = 19; sint64 d = 20; fixed32 e = 21; fixed64 f = 22; sfixed32 g = 23;
  sfixed64 h = 24; float i = 25; double j = 26; repeated int32 packed = 27 [packed = false];
}
enum Kind { option allow_alias = true; ZERO = 0; ; MINUS = -1; ALSO = -1 [deprecated = true];
  reserved 5 to 7; reserved "X"; };
service S { option deprecated = true; rpc Do (Outer) returns (stream Outer) { option deprecated = true; } ;
  rpc No (Outer) returns (Outer); }
;
""",
    "old.proto": """\
syntax = "proto2";
message Old {
  required string id = 1;
  optional int32 number = 2 [default = -7];
  repeated group Item = 3 { optional string name = 1; optional group Deep = 2 {} }
  oneof x { group Choice = 4 { optional int32 y = 1; } }
  extensions 100 to 199, 300;
  extensions 500 to max [verification = UNVERIFIED];
  extend Old { optional string added = 100; }
  optional Mood mood = 5 [default = GOOD];
  enum Mood { GOOD = 1; }
}
""",
    "without.proto": "message Unmarked { optional string reserved_word = 1; }",
    "newest.proto": """\
edition = "2023";
option features.field_presence = IMPLICIT;
message M {
  string plain = 1;
  string known = 2 [features.field_presence = EXPLICIT];
  Closed closed = 3 [features = {}, features.field_presence = EXPLICIT];
  oneof one { option features.(x).y = 1; string a = 4; }
}
enum Closed { option features.enum_type = CLOSED; ONE = 1; }
""",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    folder = tmp_path_factory.mktemp("protos")
    for name, text in OURS.items():
        lines = [line for line in text.splitlines() if "(custom)" not in line and "extend google" not in line]
        plain = "\n".join(lines).replace(", (x.y) = -1.5e3", "").replace("option (o) = 1;", "")
        (folder / name).write_text(plain.replace("option features.(x).y = 1;", "").replace("features = {}, ", ""))
    out = folder / "out"
    paths = [f"-I{folder}", f"-I{INCLUDED}"]
    done = protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={out}", *OURS, *FILES])
    assert done == 0
    return {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}


@pytest.mark.parametrize("name", [*OURS, *FILES])
def test_a_file_is_read_as_the_compiler_reads_it(name: str, compiled: dict[str, FileDescriptorProto]) -> None:
    text = OURS.get(name) or (INCLUDED / name).read_text()
    ours = parse_proto(name, text)
    assert resolved(ours, compiled) == resolved(compiled[name], compiled)


def resolved(file: FileDescriptorProto, others: dict[str, FileDescriptorProto]) -> FileDescriptorProto:
    """As the pool has it, its names looked up, without what decoding does not need."""
    pool = DescriptorPool()
    _add(pool, file, others, set())
    found = FileDescriptorProto()
    pool.FindFileByName(file.name).CopyToProto(found)
    for field in ("options", "service", "extension", "public_dependency", "weak_dependency"):
        if field != "options" or not found.options.HasField("features"):
            found.ClearField(field)
    if found.HasField("options"):
        features = found.options.features
        found.ClearField("options")
        found.options.features.CopyFrom(features)
    for message in found.message_type:
        _strip(message)
    for enum in found.enum_type:
        _strip_enum(enum)
    return found


def _add(
    pool: DescriptorPool, file: FileDescriptorProto, others: dict[str, FileDescriptorProto], added: set[str]
) -> None:
    for needed in file.dependency:
        if needed not in added:
            _add(pool, others[needed], others, added)
    added.add(file.name)
    pool.AddSerializedFile(file.SerializeToString())


def _strip(message: DescriptorProto) -> None:
    entry = message.options.map_entry
    for name in ("options", "extension", "extension_range", "reserved_range", "reserved_name"):
        message.ClearField(name)
    message.options.map_entry = entry
    for field in message.field:
        features = field.options.features if field.options.HasField("features") else None
        field.ClearField("options")
        if field.json_name == re.sub("_+(.?)", lambda match: match[1].upper(), field.name):
            field.ClearField("json_name")  # the compiler also writes those that nobody has chosen
        field.ClearField("default_value")
        if features is not None:
            field.options.features.CopyFrom(features)
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for nested in message.nested_type:
        _strip(nested)
    for enum in message.enum_type:
        _strip_enum(enum)


def _strip_enum(enum: EnumDescriptorProto) -> None:
    features = enum.options.features if enum.options.HasField("features") else None
    alias = enum.options.allow_alias
    for name in ("options", "reserved_range", "reserved_name"):
        enum.ClearField(name)
    enum.options.allow_alias = alias
    if features is not None:
        enum.options.features.CopyFrom(features)
    for value in enum.value:
        value.ClearField("options")


def test_there_is_something_to_compare() -> None:
    assert len(FILES) > 10
    fields = [field for text in OURS.values() for field in _fields(parse_proto("x", text).message_type)]
    assert len(fields) > 40


def _fields(messages: object) -> Iterator[FieldDescriptorProto]:
    for message in messages:  # type: ignore[attr-defined]  # DescriptorProtos
        yield from message.field
        yield from _fields(message.nested_type)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('syntax = "proto4";', "line 1: expected proto2 or proto3, found '\"proto4\"'"),
        ("syntax = proto3;", "line 1: expected a text in quotes, found 'proto3'"),
        ('syntax "proto3";', "line 1: expected '=', found '\"proto3\"'"),
        ('edition = "1999";', "line 1: expected an edition such as 2023, found '\"1999\"'"),
        ("\n\nmesage M {}", "line 3: expected message, enum, import or another statement of a file, found 'mesage'"),
        ("message M {", "line 1: expected a name, found the end of the file"),
        ("message M {\n string = 1; }", "line 2: expected a name, found '='"),
        ("message M {\n string a = x; }", "line 2: expected a whole number, found 'x'"),
        ("message M {\n string a = 08; }", "line 2: expected a whole number, found '08'"),
        ("message M { string a = 1 }", "line 1: expected ';', found '}'"),
        ("message M { reserved 1", "line 1: expected ';' or '}', found the end of the file"),
        ("option x = {", "line 1: expected '}', found the end of the file"),
        ("enum E { A = 0", "line 1: expected ';', found the end of the file"),
        ("message M {}\n€", "line 2: '€' has no meaning here"),
        ("message M {}\n/* more", "line 2: this comment is never closed"),
        ('message M {}\nimport "x;\n', "line 2: this text in quotes does not end in its line"),
        ("message M {\n string a = 2147483648; }", "line 2: expected a whole number of 32 bits, found '2147483648'"),
        ("enum E {\n A = -2147483649; }", "line 2: expected a whole number of 32 bits, found '2147483649'"),
        (
            'edition = "2023";option features.field_presence = MAYBE;',
            "line 1: expected one of FIELD_PRESENCE_UNKNOWN, EXPLICIT, IMPLICIT, LEGACY_REQUIRED, found 'MAYBE'",
        ),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SchemaInvalid) as fault:
        parse_proto("x.proto", text)
    assert str(fault.value) == message
