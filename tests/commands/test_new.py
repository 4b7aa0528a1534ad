from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.adapters.schema_folder import shipped_schemas
from consumer.authoring.event_sample import matching
from consumer.authoring.folder import read_folder
from consumer.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Program = Callable[..., Result]

GIFT = {
    "type": "object",
    "required": ["type", "member"],
    "properties": {
        "type": {"const": "gift.sent", "description": "What happened."},
        "member": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
        "sent_at": {"type": "string", "format": "date-time"},
        "email": {"type": ["string", "null"], "description": "As typed."},
        "amount": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "odd name": {"type": "boolean"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
    },
}
MAPPING = """\
# yaml-language-server: $schema=mapping.schema.json
# Made from gift.event.json. Look through every line, delete what no campaign needs, then run
#   profile-consumer test gift.mapping.yaml
version: 1
topics: [gifts]
schema: gift.event.json
where:                        # how an event finds this mapping
  event.type: gift.sent
occurred_at: event.sent_at
identity:                     # is this how Target knows the visitor?
  mbox3rdPartyId: event.member.id
attributes:
  sentAt: {from: event.sent_at, transform: [{date: "%Y-%m-%d"}]}
  email: {from: event.email, transform: [trim, lower, sha256]}  # personal data, so only its hash; As typed.
  amount: {from: event.amount, transform: [{round: 2}]}
  tags: {from: event.tags, transform: [{join: ","}, {truncate: 256}]}
  oddName: {from: 'event["odd name"]'}
  # a list of objects: name an item and what you want of it, such as {from: 'event.lines[0].sku'}
"""


def written(folder: Path, content: object, name: str = "new.json") -> str:
    path = folder.parent / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_what_is_written_is_told_and_passes_check_and_test_at_once(program: Program, folder: Path) -> None:
    result = program("new", "gift", "--schema", written(folder, GIFT), "--topic", "gifts")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "wrote schemas/gift.mapping.yaml",
        "wrote schemas/gift.cases.yaml",
        "wrote schemas/gift.event.json",
        "wrote schemas/mapping.schema.json",
        "Look through them; then: profile-consumer test schemas/gift.mapping.yaml",
    ]
    assert (folder / "gift.mapping.yaml").read_text(encoding="utf-8") == MAPPING
    assert program("check").exit_code == 0
    tested = program("test", "schemas/gift.mapping.yaml")
    assert tested.exit_code == 0
    assert "branches.\n" in tested.stdout


@pytest.mark.parametrize("path", sorted(shipped_schemas().glob("*.event.json")), ids=lambda path: path.name)
def test_a_shipped_schema_gives_cases_that_reach_every_branch(program: Program, folder: Path, path: Path) -> None:
    (folder / "visit.mapping.yaml").unlink()
    (folder / "visit.cases.yaml").unlink()

    assert program("new", "x", "--schema", str(path)).exit_code == 0

    tested = program("test", "schemas")
    assert (tested.exit_code, "not by any case" in tested.stdout) == (0, False), tested.stdout


AVRO = {
    "type": "record",
    "name": "Gift",
    "fields": [
        {"name": "memberId", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["GIFT", "CARD"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "raw", "type": "bytes"},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "extra", "type": {"type": "map", "values": "string"}},
    ],
}
PROTO = """\
syntax = "proto3";
enum Kind { KIND_UNKNOWN = 0; GIFT = 1; }
message Gift {
  string member_id = 1;
  Kind kind = 2;
  int64 at = 3;
  optional double amount = 4;
  repeated string tags = 5;
  message Store { string name = 1; }
  Store store = 6;
}
"""


@pytest.mark.parametrize(("content", "suffix"), [(AVRO, "avsc"), (PROTO, "proto")])
def test_binary_formats_get_a_mapping_and_cases_too(
    program: Program, folder: Path, content: object, suffix: str
) -> None:
    message = ["--message", "Gift"] if suffix == "proto" else []
    result = program("new", "gift", "--schema", written(folder, content, f"gift.{suffix}"), *message)

    assert (result.exit_code, result.stderr) == (0, "")
    assert program("check").exit_code == 0
    tested = program("test", "schemas/gift.mapping.yaml")
    assert tested.exit_code == 0
    assert "mbox3rdPartyId: c-1001" in (folder / "gift.cases.yaml").read_text(encoding="utf-8")


def test_made_up_values_keep_to_the_schema(program: Program, folder: Path) -> None:
    schema = {
        "type": "object",
        "required": ["customerId", "note", "answer", "count"],
        "properties": {
            "customerId": {"type": "string", "minLength": 10, "maxLength": 12},
            "note": {"type": "string", "maxLength": 2},
            "answer": {"enum": ["yes", "no"]},
            "count": {"type": "integer", "minimum": 100},
            "sizes": {"type": "array", "examples": [[1, 2], [3]], "items": {"type": "integer"}},
            "parent": {"$ref": "#"},
        },
    }
    assert program("new", "gift", "--schema", written(folder, schema)).exit_code == 0

    cases = (folder / "gift.cases.yaml").read_text(encoding="utf-8")
    assert cases.split("\n\n")[1].splitlines()[:7] == [
        "- name: everything is there",
        "  event:",
        "    customerId: c-1001xxxx",
        '    note: "no"',
        '    answer: "yes"',
        "    count: 100",
        "    sizes: [1, 2]",
    ]
    assert "identity: {mbox3rdPartyId: c-1001xxxx}" in cases
    mapping = (folder / "gift.mapping.yaml").read_text(encoding="utf-8")
    assert "parentNote" in mapping
    assert "parentParent" not in mapping + cases


def first_case(folder: Path, name: str = "gift") -> Any:
    """The event of the first case, and what it expects."""
    (case, *_) = read_folder(folder, 256, frozenset({name})).cases
    return case.expected


@pytest.mark.parametrize(
    ("content", "suffix", "attributes"),
    [
        (
            """
            syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
            import "google/protobuf/duration.proto"; import "google/protobuf/struct.proto";
            message M {
              string customer_id = 1; oneof choice { string one = 2; int32 two = 3; }
              google.protobuf.Timestamp happened = 4; google.protobuf.Duration took = 5;
              google.protobuf.StringValue wrapped = 6; google.protobuf.ListValue list = 7;
              google.protobuf.Value any = 8;
              M self = 9; repeated M more = 10;
            }
            """,
            "proto",
            {"one": "one", "happened": "2026-03-01", "took": "1.500s", "wrapped": "wrapped", "list": "list"},
        ),
        (
            {
                "type": "record",
                "name": "R",
                "fields": [
                    {"name": "customerId", "type": "string"},
                    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
                    {"name": "clock", "type": {"type": "int", "logicalType": "time-millis"}},
                    {"name": "moment", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
                    {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
                    {"name": "key", "type": {"type": "fixed", "name": "K", "size": 16, "logicalType": "uuid"}},
                    {"name": "raw", "type": {"type": "fixed", "name": "F", "size": 3}},
                    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9}},
                    {"name": "kids", "type": {"type": "array", "items": "R"}},
                ],
            },
            "avsc",
            {
                "day": "2026-03-01",
                "clock": "09:30:00",
                "moment": "2026-03-01",
                "local": "2026-03-01T09:30:00",
                "key": "0b0e2f0a-3d0c-4d50-9a5e-8f2b6f1f7a01",
                "price": "12",
            },
        ),
        (
            {
                "type": "object",
                "properties": {
                    "customerId": {"type": "string"},
                    "tags": {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string"}},
                    "steps": {"type": "integer", "multipleOf": 7},
                    "odd": {"type": "string", "pattern": "^(?!odd)", "maxLength": 3},
                    "box": {"type": "object", "properties": {"good": {"type": "string"}, "bad": {"not": {}}}},
                    "none": False,
                },
                "unevaluatedProperties": False,
                "allOf": [{"properties": {"more": {"type": "string"}}}],
            },
            "json",
            {"tags": "tags,tags2,tags3", "steps": "14", "boxGood": "good", "more": "more"},
        ),
    ],
)  # fmt: skip
def test_the_first_case_has_all_that_may_be_there_at_once(
    program: Program, folder: Path, content: object, suffix: str, attributes: dict[str, str]
) -> None:
    result = program("new", "gift", "--schema", written(folder, content, f"g.{suffix}"))

    assert (result.exit_code, result.stderr) == (0, "")
    expected = first_case(folder)
    assert expected.get("attributes", expected).items() >= attributes.items()


def test_names_with_any_character_can_be_read_back(program: Program, folder: Path) -> None:
    names = [
        "new\nline",
        "q\"uo'te",
        "tab\t",
        "\u2028",
        "",
        " ",
        "a: b",
        "#",
        "日本",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ]
    schema = {
        "type": "object",
        "properties": {"customerId": {"type": "string"}, **{name: {"type": "string"} for name in names}},
    }
    assert program("new", "gift", "--schema", written(folder, schema)).exit_code == 0
    tested = program("test", "schemas/gift.mapping.yaml")
    assert (tested.exit_code, "not by any case" in tested.stdout) == (0, False), tested.stdout
    assert len(first_case(folder)["attributes"]) == len(names)


def test_what_a_proto_file_imports_comes_with_it(program: Program, folder: Path) -> None:
    common = folder.parent / "common"
    common.mkdir()
    (common / "money.proto").write_text('syntax = "proto3";\nimport "unit.proto";\nmessage Money { Unit unit = 1; }')
    written(folder, 'syntax = "proto3";\nmessage Unit { string name = 1; }', "unit.proto")
    imports = 'import "common/money.proto";\nimport "none.proto";\n'
    order = f'syntax = "proto3";\n{imports}message Order {{ string id = 1; Money m = 2; }}'
    result = program("new", "order", "--schema", written(folder, order, "order.proto"))

    assert (result.exit_code, result.stderr) == (0, "")
    assert {"wrote schemas/money.proto", "wrote schemas/unit.proto"} <= set(result.stdout.splitlines())
    assert program("test", "schemas/order.mapping.yaml").exit_code == 0
    assert first_case(folder, "order")["attributes"]["mUnitName"] == "name"

    (common / "money.proto").write_text('syntax = "proto3";\nimport "order.proto";\nmessage Money {}')
    circle = program("new", "again", "--schema", "order.proto", "--schemas", "elsewhere")
    assert circle.stderr.startswith("Error: again.event.proto: it imports common/money.proto: it imports order.proto")


def test_of_several_messages_one_must_be_named(program: Program, folder: Path) -> None:
    result = program("new", "gift", "--schema", written(folder, PROTO, "gift.proto"))

    assert result.exit_code == 1
    assert "message" in result.stderr
    assert "Gift" in result.stderr


def test_a_schema_that_lies_in_the_folder_is_used_where_it_is(program: Program, folder: Path) -> None:
    (folder / "gift.v2.event.json").write_text(json.dumps(GIFT), encoding="utf-8")

    result = program("new", "gift", "--schema", "schemas/gift.v2.event.json")

    assert result.exit_code == 0
    assert not (folder / "gift.event.json").exists()
    assert "schema: gift.v2.event.json" in (folder / "gift.mapping.yaml").read_text(encoding="utf-8")
    assert program("check").exit_code == 0


@pytest.mark.parametrize("existing", ["gift.mapping.yaml", "gift.cases.yaml", "gift.event.json"])
def test_nothing_is_overwritten_or_written_when_a_file_exists(program: Program, folder: Path, existing: str) -> None:
    (folder / existing).write_text("mine", encoding="utf-8")
    before = sorted(folder.iterdir())

    result = program("new", "gift", "--schema", written(folder, GIFT))

    assert (result.exit_code, result.stderr) == (1, f"Error: schemas/{existing} exists; nothing was written\n")
    assert sorted(folder.iterdir()) == before
    assert (folder / existing).read_text(encoding="utf-8") == "mine"


def test_a_mapping_that_another_one_stands_in_the_way_of_is_not_written(program: Program, folder: Path) -> None:
    schema = {"properties": {"customerId": {"type": "string"}}}

    result = program("new", "gift", "--schema", written(folder, schema), "--topic", "visits")

    assert result.exit_code == 1
    assert "could match both" in result.stderr
    assert not (folder / "gift.mapping.yaml").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "new.event.json: not JSON"),
        ('{"type": 3}', "new.event.json: not a JSON Schema"),
        ("{}", "new.event.json: the schema lists no field that could tell who somebody is"),
        ('{"type": "array"}', "new.event.json: the schema lists no field that could tell who somebody is"),
    ],
)
def test_a_schema_of_which_nothing_can_be_made_is_an_error(
    program: Program, folder: Path, content: str, message: str
) -> None:
    result = program("new", "new", "--schema", written(folder, content))

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert not (folder / "new.mapping.yaml").exists()


@pytest.mark.parametrize(
    "arguments",
    [["gift"], ["a/b", "--schema", "a.json"], ["../a", "--schema", "a.json"], ["gift", "--schema", "a.xsd"]],
)
def test_what_makes_no_sense_is_a_usage_error(program: Program, arguments: list[str]) -> None:
    assert program("new", *arguments).exit_code == 2


def test_a_folder_that_is_none_is_named(program: Program, folder: Path) -> None:
    result = program("new", "gift", "--schema", written(folder, GIFT), "--schemas", "new.json")

    assert (result.exit_code, result.stderr) == (1, "Error: new.json: can't be written: File exists\n")


def test_a_schema_that_is_missing_is_named(program: Program) -> None:
    result = program("new", "gift", "--schema", "nowhere.json")

    assert (result.exit_code, result.stderr) == (1, "Error: nowhere.json: can't be read: No such file or directory\n")


@pytest.mark.parametrize(
    "pattern", ["^[A-Z]{3}$", "^C-[0-9]{4,}$", r"^\d{2}-\w+$", "^[^a-z]x?$", "^[A-Z_]*$", r"^a\.b$"]
)
def test_a_text_is_made_up_that_a_simple_pattern_matches(pattern: str) -> None:
    assert re.search(pattern, matching(pattern))


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
        {"type": "string", "minLength": 3, "maxLength": 5},
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "number", "exclusiveMaximum": 0},
        {"type": ["boolean", "null"]},
        {"enum": ["yes", "no"]},
        {"const": 'a "quoted": #text'},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "array"}},
        {"$ref": "#"},
        True,
        {},
    ]
)
NAMES = st.sampled_from(
    ["type", "id", "customer", "customerId", "tntId", "at", "email", "odd name", "é", "a", "on", "x.y"]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(NAMES, inner, min_size=1, max_size=4).map(
        lambda fields: {"type": "object", "properties": fields}
    )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=50
)
@given(st.recursive(LEAVES, objects, max_leaves=12))
def test_whatever_the_schema_what_is_written_passes(tmp_path_factory: pytest.TempPathFactory, schema: Any) -> None:
    folder = tmp_path_factory.mktemp("new")
    (folder / "new.json").write_text(json.dumps(schema), encoding="utf-8")

    result = CliRunner().invoke(
        cli, ["new", "x", "--schema", str(folder / "new.json"), "--schemas", str(folder / "to")]
    )

    if result.exit_code:
        assert "lists no field" in result.stderr, result.stderr
    else:
        assert read_folder(folder / "to", 256).problems == ()
        tested = CliRunner().invoke(cli, ["test", str(folder / "to")])
        assert tested.exit_code == 0, tested.stdout
