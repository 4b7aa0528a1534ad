from __future__ import annotations

from typing import Any

import pytest

from consumer.core.formats.event_schema import PathImpossible, shape_at
from consumer.core.formats.record_shape import RECORD_SHAPE
from consumer.core.paths import parse_path
from tests.core.mapped import shape

ALL = {"object", "array", "string", "number", "integer", "boolean", "null"}
STRING = {"type": "string"}
NUMBER = {"type": "number"}
A = {"type": "object", "properties": {"a": STRING}}
B = {"type": "object", "properties": {"b": NUMBER}}
LIST = {"items": STRING}
IN = {"$id": "https://x.example/in"}
TREE = {"properties": {"v": NUMBER, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "type": "object"}


def kinds(schema: Any, path: str) -> set[str]:
    return set(shape_at(shape(schema), parse_path(path)).kinds)


def impossible(schema: Any, path: str) -> PathImpossible:
    with pytest.raises(PathImpossible) as found:
        kinds(schema, path)
    return found.value


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, ALL),
        (False, set()),
        ({}, ALL),
        ({"type": "string"}, {"string"}),
        ({"type": ["object", "null"]}, {"object", "null"}),
        ({"type": "number"}, {"number", "integer"}),
        ({"type": "integer"}, {"integer"}),
        ({"const": "x"}, {"string"}),
        ({"const": None}, {"null"}),
        ({"enum": ["a", 1, 2.0]}, {"string", "integer"}),
        ({"enum": [0.5]}, {"number", "integer"}),
        ({"enum": [{"a": 1}, []]}, {"object", "array"}),
        ({"type": "string", "enum": ["a", 1]}, {"string"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": ["string", "number"]}]}, {"string"}),
        ({"anyOf": [STRING, {"type": "null"}]}, {"string", "null"}),
        ({"oneOf": [STRING, {"type": "null"}], "type": "string"}, {"string"}),
        ({"$ref": "#/$defs/s", "$defs": {"s": STRING}}, {"string"}),
        ({"$ref": "#s", "$defs": {"s": {"$anchor": "s", "type": "string"}}}, {"string"}),
        ({"$dynamicRef": "#s", "$defs": {"s": {"$dynamicAnchor": "s", "type": "string"}}}, {"string"}),
        ({"$ref": "#/$defs/a~1b~0c%25", "$defs": {"a/b~c%": STRING}}, {"string"}),
        ({"$ref": "#/allOf/0", "allOf": [STRING]}, {"string"}),
        ({"$id": "https://x.example/1", "$ref": "https://x.example/1#/$defs/s", "$defs": {"s": STRING}}, {"string"}),
        ({"$ref": "#/$defs/loop", "$defs": {"loop": {"$ref": "#/$defs/loop"}}}, ALL),
        ({"$ref": "#/$defs/t", "$defs": {"t": True}}, ALL),
        ({"$defs": {"inner": {**IN, "$defs": {"s": STRING}, "$ref": "#/$defs/s"}}, "$ref": "#/$defs/inner"}, ALL),
        ({"$defs": {"inner": {**IN, "type": "string"}}, "$ref": "https://x.example/in"}, ALL),
        ({"required": ["x"], "allOf": [{"minLength": 1}, {"$anchor": "s", **STRING}], "$ref": "#s"}, {"string"}),
    ],
)  # fmt: skip
def test_the_kinds_that_a_schema_leaves(schema: Any, expected: set[str]) -> None:
    assert shape(schema).kinds == expected


@pytest.mark.parametrize(
    ("schema", "path", "expected"),
    [
        ({}, "event.x.y[0]", ALL),
        (A, "event.a", {"string"}),
        ({"properties": {"a": True}}, "event.a.b", ALL),
        ({**A, "additionalProperties": True}, "event.x", ALL),
        ({**A, "additionalProperties": NUMBER}, "event.x", {"number", "integer"}),
        ({**A, "additionalProperties": NUMBER}, "event.a", {"string"}),
        ({**A, "unevaluatedProperties": True}, "event.x", ALL),
        ({"allOf": [A, B], "unevaluatedProperties": False}, "event.a", {"string"}),
        ({"$ref": "#/$defs/a", "$defs": {"a": A}, **B, "unevaluatedProperties": False}, "event.a", {"string"}),
        ({"oneOf": [A, B], "unevaluatedProperties": False}, "event.b", {"number", "integer"}),
        ({**A, "if": True, "then": B, "unevaluatedProperties": False}, "event.b", {"number", "integer"}),
        ({"allOf": [A], "unevaluatedProperties": NUMBER}, "event.a", {"string"}),
        ({"allOf": [A], "unevaluatedProperties": NUMBER}, "event.x", {"number", "integer"}),
        ({**A, "patternProperties": {"^x": NUMBER}}, "event.x1", {"number", "integer"}),
        ({**A, "patternProperties": {"^x": NUMBER}}, "event.y", ALL),
        ({**A, "patternProperties": {"^a": {"type": ["string", "null"]}}}, "event.a", {"string"}),
        ({"patternProperties": {r"\p{Lu}": STRING}}, "event.y", {"string"}),  # no pattern that Python knows
        ({"type": ["object", "null"], "properties": {"a": STRING}}, "event.a", {"string"}),
        ({"allOf": [A, B]}, "event.b", {"number", "integer"}),
        ({"allOf": [A, {"properties": {"a": {"type": ["string", "null"]}}}]}, "event.a", {"string"}),
        ({"allOf": [A, {"properties": {"a": {"maxLength": 3}}}]}, "event.a", {"string"}),
        ({"oneOf": [A, B]}, "event.b", {"number", "integer"}),
        ({"oneOf": [A, {"properties": {"a": NUMBER}}]}, "event.a", {"string", "number", "integer"}),
        ({"oneOf": [A, {"type": "null"}]}, "event.a", {"string"}),
        ({"anyOf": [A, {"type": "object"}]}, "event.x", ALL),
        ({"anyOf": [A, {"required": ["a"]}]}, "event.a", ALL),
        ({**A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "event.a", {"string"}),
        ({"anyOf": [A, {**B, "additionalProperties": True}]}, "event.x", ALL),
        ({"anyOf": [STRING, {"type": "null"}]}, "event.x", set()),
        ({"$ref": "#/$defs/a", "$defs": {"a": A}}, "event.a", {"string"}),
        ({**A, "if": {"properties": {"t": {"const": 1}}}, "then": B}, "event.b", {"number", "integer"}),
        ({**A, "if": {"properties": {"t": {"const": 1}}}, "then": B}, "event.t", {"integer"}),
        ({**A, "if": True, "then": {"properties": {"a": {"const": "x"}}}}, "event.a", {"string"}),
        ({**A, "if": A, "then": B, "else": {"properties": {"b": STRING}}}, "event.b", {"string", "number", "integer"}),
        ({**A, "dependentSchemas": {"a": B}}, "event.b", {"number", "integer"}),
        ({"type": "array", "items": STRING}, "event[0]", {"string"}),
        ({"type": "array", "items": STRING}, "event[-1]", {"string"}),
        ({"type": "array"}, "event[0].x", ALL),
        ({"prefixItems": [STRING, NUMBER], "items": {"type": "null"}}, "event[1]", {"number", "integer"}),
        ({"prefixItems": [STRING, NUMBER], "items": {"type": "null"}}, "event[2]", {"null"}),
        ({"prefixItems": [STRING], "items": {"type": "null"}}, "event[-1]", {"string", "null"}),
        ({"prefixItems": [STRING]}, "event[-1]", ALL),
        ({"prefixItems": [STRING], "items": False}, "event[-1]", {"string"}),
        ({"allOf": [{"items": STRING}, {"items": {"type": ["string", "null"]}}]}, "event[0]", {"string"}),
        ({"anyOf": [{"items": STRING}, {"items": {"type": "null"}}, STRING]}, "event[0]", {"string", "null"}),
        ({"$ref": "#/$defs/tree", "$defs": {"tree": TREE}}, "event.kids[0].kids[3].v", {"number", "integer"}),
        ({"$ref": "#/$defs/l", "$defs": {"l": {"anyOf": [{"$ref": "#/$defs/l"}, A]}}}, "event.a", ALL),
        ({"$ref": "#/$defs/l", "$defs": {"l": {"allOf": [{"$ref": "#/$defs/l"}, LIST]}}}, "event[0]", {"string"}),
    ],
)  # fmt: skip
def test_what_may_stand_at_a_path(schema: Any, path: str, expected: set[str]) -> None:
    if expected:
        assert kinds(schema, path) == expected
    else:
        impossible(schema, path)


@pytest.mark.parametrize(
    ("schema", "path", "known", "message"),
    [
        (A, "event.b", ("a",), "the schema has no 'b' there"),
        ({"allOf": [A, B]}, "event.c", ("a", "b"), "the schema has no 'c' there"),
        ({"oneOf": [A, B]}, "event.c", ("a", "b"), "the schema has no 'c' there"),
        ({**A, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "event.b", ("a",), "the schema has no 'b' there"),
        ({**A, "if": True, "then": B}, "event.c", ("a", "b"), "the schema has no 'c' there"),
        ({"additionalProperties": False}, "event.c", (), "the schema has no 'c' there"),
        ({"unevaluatedProperties": False, "allOf": [A]}, "event.c", ("a",), "the schema has no 'c' there"),
        ({**A, "additionalProperties": False, "anyOf": [B]}, "event.b", (), "refuses what only allOf lists"),
        ({**A, "additionalProperties": False, "anyOf": [B]}, "event.c", ("a",), "the schema has no 'c' there"),
        ({**A, "patternProperties": {"^x": NUMBER}, "additionalProperties": False}, "event.y", ("a",), "no 'y'"),
        ({"properties": {"a": False}}, "event.a", (), "the schema lists 'a', but lets nothing stand there"),
        (STRING, "event.a", (), "the schema has string there, not an object"),
        (NUMBER, "event[0]", (), "the schema has integer or number there, not an array"),
        (False, "event.a", (), "the schema has nothing there, not an object"),
        ({"prefixItems": [STRING], "items": False}, "event[1]", (), "the schema's list has no item 1"),
        ({"maxItems": 2}, "event[2]", (), "the schema's list has no item 2"),
    ],
)
def test_paths_that_no_event_can_have(schema: Any, path: str, known: tuple[str, ...], message: str) -> None:
    fault = impossible(schema, path)
    assert fault.known == known
    assert message in str(fault)


@pytest.mark.parametrize(
    ("schema", "constant", "allowed"),
    [
        (STRING, "x", True),
        (STRING, 1, False),
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        (NUMBER, 1, True),
        ({"enum": ["a", "b"]}, "a", True),
        ({"enum": ["a", "b"]}, "c", False),
        ({"const": 1}, 1.0, True),
        ({"const": 1}, True, False),
        ({"const": True}, True, True),
        ({"anyOf": [{"const": "a"}, {"type": "null"}]}, None, True),
        ({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, "a", False),
        ({}, "x", True),
    ],
)
def test_constants(schema: Any, constant: Any, allowed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert shape(schema).allows(constant) is allowed


def test_the_constants_listed_anywhere() -> None:
    found = shape(
        {"enum": ["a", "b"], "anyOf": [{"const": "b"}, {"$ref": "#/$defs/c"}], "$defs": {"c": {"const": "c"}}}
    )
    assert found.constants == ("a", "b", "b", "c")
    assert shape(STRING).constants == ()


@pytest.mark.parametrize(
    ("schema", "names", "is_open"),
    [
        (A, ("a",), False),
        ({}, (), True),
        ({"allOf": [A], "oneOf": [B], "then": {"properties": {"c": True}}}, ("a", "b", "c"), False),
        ({**A, "additionalProperties": True}, ("a",), True),
        ({**A, "additionalProperties": False}, ("a",), False),
        ({"$ref": "#", "properties": {"a": True}}, ("a",), False),
    ],
)
def test_names_and_openness(schema: Any, names: tuple[str, ...], is_open: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = shape(schema)
    assert (set(found.names), found.is_open) == (set(names), is_open)


def test_the_same_place_of_a_schema_is_known_again() -> None:
    tree = shape({"$ref": "#/$defs/tree", "$defs": {"tree": TREE}})
    once = tree.field("kids").item()
    assert once.identity == once.field("kids").item().identity
    assert once.identity != tree.field("v").identity
    both = shape({"allOf": [A, {"properties": {"a": {"maxLength": 3}}}]})
    assert both.field("a").identity == both.field("a").identity
    assert both.field("a") is both.field("a")


def test_a_schema_that_is_reached_in_many_ways_is_looked_at_once() -> None:
    definitions: dict[str, Any] = {"d0": {**A, "type": ["object", "array"], "items": STRING}}
    for number in range(1, 60):  # 2^59 ways from the last to the first
        before = {"$ref": f"#/$defs/d{number - 1}"}
        definitions[f"d{number}"] = {"allOf": [before, before]} if number % 2 else {"anyOf": [before, {**before}]}
    found = shape({"$ref": "#/$defs/d59", "$defs": definitions})
    assert found.names == ("a",)
    assert found.field("a").kinds == found.item().kinds == {"string"}
    assert found.field("a").allows("x")


def test_any_item_of_a_list_may_be_asked_for() -> None:
    assert shape({"prefixItems": [STRING], "items": False}).item().kinds == {"string"}
    assert shape({"items": False}).item().kinds == set()


@pytest.mark.parametrize(
    ("path", "expected"),
    [("record.topic", {"string"}), ("record.offset", {"integer"}), ("record.headers.x", {"string"})],
)
def test_a_record_has_a_shape_too(path: str, expected: set[str]) -> None:
    assert shape_at(RECORD_SHAPE, parse_path(path)).kinds == expected
