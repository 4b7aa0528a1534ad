from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.json_schema import JsonSchema

SECRET = "secret-value"
LOAN = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "maxLength": 5},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "nested": {"anyOf": [{"type": "null"}, {"properties": {"x": {"type": "boolean"}}}]},
    },
    "additionalProperties": {"type": "number"},
    "patternProperties": {"^secret": {"type": "number"}},
}


def schema(content: Any) -> JsonSchema:
    return JsonSchema(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON: unexpected end of data in line 1, column 2"),
        ('{"é": 1,\n "ü": x}'.encode(), "in line 2, column 7"),
        ('{"é": {\n"a": 1,\n "a": 2}}'.encode(), "an object has a key twice, in line 3, column 2"),
        (b"{\n \xff}", "not JSON: not UTF-8 in line 2, column 2"),
        (b"", "the value is empty"),
        (b'{"type": "string", "type": "number"}', "a key twice"),
        (b'"string"', "a JSON Schema is an object"),
        (b'{"properties": {"a": {"type": "objekt"}}}', "#/properties/a/type: no type 'objekt'; did you mean object?"),
        (b'{"type": 5}', "not a JSON Schema: #/type: 5 is not valid"),
        (b'{"properties": {"a": []}}', '#/properties/a: [] is not of types "boolean", "object"'),
        (b'{"$ref": "#/$defs/none"}', "'/$defs/none' does not exist"),
        (b'{"$ref": "other.json"}', "'other.json' is not present in a registry"),
        (b'{"$id": "https://x.example/a", "$ref": "other.json"}', "put what is referred to under $defs of this file"),
        (b'{"properties": {"a": {"pattern": "("}}}', "not a JSON Schema"),
        (b'{"$schema": "http://json-schema.org/draft-07/schema#"}', "$schema names another draft; only 2020-12"),
        (b'{"$schema": 5}', "$schema names another draft"),
    ],
)
def test_what_is_no_schema_is_told(content: bytes, message: str) -> None:
    with pytest.raises(SchemaInvalid) as fault:
        JsonSchema(content)
    assert message in str(fault.value)
    assert fault.value.key == "schema"


def test_a_byte_order_mark_is_accepted() -> None:
    assert JsonSchema(b'\xef\xbb\xbf{"type": "string"}').is_valid("x")


@pytest.mark.parametrize("content", [True, {}, {"$schema": "https://json-schema.org/draft/2020-12/schema#"}])
def test_schemas_that_let_everything_pass(content: Any) -> None:
    assert schema(content).is_valid({"a": [1]})


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({}, "event: required id (schema #/required)"),
        ({"id": SECRET}, "event.id: maxLength (schema #/properties/id/maxLength)"),
        ({"id": 1}, "event.id: type (schema #/properties/id/type)"),
        ({"id": "a", "lines": [{}, {"n": SECRET}]}, "event.lines[1].n: type (schema #/properties/lines/items/"),
        ({"id": "a", SECRET: SECRET}, "event.*: type"),
        ({"id": 1, "lines": 1}, "and more"),
        ({"id": "a", "nested": {"x": SECRET}}, "event.nested: anyOf"),
    ],
)  # fmt: skip
def test_a_fault_names_place_and_rule_and_nothing_of_the_event(event: Any, fault: str) -> None:
    loan = schema(LOAN)
    assert not loan.is_valid(event)
    assert fault in loan.fault(event)
    assert SECRET not in loan.fault(event)


def test_a_schema_that_lets_nothing_pass_says_so() -> None:
    nothing: Any = False
    assert schema(nothing).fault({}) == "event: false (schema #)"


def test_format_is_an_annotation() -> None:
    assert schema({"type": "string", "format": "date-time"}).is_valid("yesterday")


def test_a_fault_deep_down_is_a_fault_without_a_place() -> None:
    deep: Any = {"v": "x"}
    for _ in range(1_000):
        deep = {"v": deep}
    level = {"type": "object", "properties": {"v": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/n"}]}}}
    nested = schema({"$ref": "#/$defs/n", "$defs": {"n": level}})
    assert not nested.is_valid(deep)
    assert "nested too deeply to say where" in nested.fault(deep)


def test_a_long_place_is_cut() -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    found = schema({"$ref": "#/$defs/n", "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}}).fault(deep)
    assert found.startswith(f"event{'[0]' * 20}: type")
