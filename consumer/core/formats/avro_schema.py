"""An Avro schema as types: names resolved, defaults and logical types kept. Lenient where other libraries are."""

from __future__ import annotations

from typing import Any

from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.event_types import EventField, EventType
from consumer.core.formats.schema_document import read_document

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")

_NAMED = ("record", "error", "enum", "fixed")
_LOGICAL = {
    "decimal": ("bytes", "fixed"),
    "uuid": ("string", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "timestamp-millis": ("long",),
    "timestamp-micros": ("long",),
    "timestamp-nanos": ("long",),
    "local-timestamp-millis": ("long",),
    "local-timestamp-micros": ("long",),
    "local-timestamp-nanos": ("long",),
}
_LOGICAL_SIZES = {"uuid": 16}
_MOST_DIGITS = 1000  # behind the point of a decimal; their zeros would be written out


def parse_avro(content: bytes, references: tuple[bytes, ...] = ()) -> EventType:
    """The type that a schema (JSON) declares; it may use the names that `references` declare, each those before it.

    Raises:
        SchemaInvalid: no JSON, or no Avro schema.
    """
    parser = _Parser()
    try:
        for reference in references:
            parser.parse(read_document(reference), "")
        return parser.parse(read_document(content), "")
    except RecursionError:
        raise SchemaInvalid("nested too deeply") from None


class _Parser:
    """Knows the names declared so far."""

    def __init__(self) -> None:
        self._names: dict[str, EventType] = {}

    def parse(self, schema: Any, namespace: str) -> EventType:  # noqa: ANN401 - any JSON value
        if isinstance(schema, str):
            return EventType(schema) if schema in PRIMITIVES else self._named(schema, namespace)
        if isinstance(schema, list):
            return EventType("union", inner=[self.parse(branch, namespace) for branch in schema])
        if not isinstance(schema, dict) or "type" not in schema:
            raise SchemaInvalid("a type is a name, a list of types, or an object with `type`")
        kind = schema["type"]
        if kind in PRIMITIVES:
            return _with_logical_type(EventType(str(kind)), schema)
        if kind in ("array", "map"):
            inner = schema.get("items" if kind == "array" else "values")
            return EventType(str(kind), inner=[self.parse(inner, namespace)])
        return self._declared(schema, namespace) if kind in _NAMED else self.parse(kind, namespace)

    def _named(self, name: str, namespace: str) -> EventType:
        found = self._names.get(_full(name, namespace)) or self._names.get(name)
        if found is None:
            raise SchemaInvalid(f"no type is named {name!r}")
        return found

    def _declared(self, schema: dict[str, Any], namespace: str) -> EventType:
        kind = "record" if schema["type"] == "error" else schema["type"]
        if not isinstance(schema.get("name"), str):
            raise SchemaInvalid(f"{'an' if kind == 'enum' else 'a'} {kind} has no name")
        given = schema.get("namespace")
        name = _full(schema["name"], given if isinstance(given, str) else namespace)
        namespace = name.rpartition(".")[0]
        aliases = tuple(_full(alias, namespace) for alias in _texts(schema.get("aliases", []), name, "aliases"))
        declared = self._names[name] = EventType(kind, name, aliases)
        if kind == "record":
            declared.fields = self._fields(schema, name, namespace)
        elif kind == "enum":
            declared.symbols = _texts(schema.get("symbols"), name, "symbols")
            declared.default = schema["default"] if schema.get("default") in declared.symbols else None
        else:
            declared.size = schema.get("size", -1)
            if declared.size.__class__ is not int or declared.size < 0:
                raise SchemaInvalid(f"{name} has no size")
            _with_logical_type(declared, schema)
        return declared

    def _fields(self, schema: dict[str, Any], name: str, namespace: str) -> list[EventField]:
        fields: dict[str, EventField] = {}
        declared = schema.get("fields")
        for each in declared if isinstance(declared, list) else [None]:
            if not isinstance(each, dict) or not isinstance(each.get("name"), str) or "type" not in each:
                raise SchemaInvalid(f"{name}: `fields` is a list of objects with `name` and `type`")
            aliases = _texts(each.get("aliases", []), name, "aliases")
            kind = self.parse(each["type"], namespace)
            if each["name"] in fields:
                raise SchemaInvalid(f"{name} has the field {each['name']} twice")
            fields[each["name"]] = EventField(each["name"], kind, aliases, "default" in each, each.get("default"))
        return list(fields.values())


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _texts(value: Any, name: str, what: str) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SchemaInvalid(f"{name}: `{what}` is a list of texts")
    return tuple(value)


def _with_logical_type(declared: EventType, schema: dict[str, Any]) -> EventType:
    """Note the logical type; one that its type can't carry is ignored, as the specification says."""
    logical = schema.get("logicalType")
    if not isinstance(logical, str) or declared.kind not in _LOGICAL.get(logical, ()):
        return declared
    scale = schema.get("scale", 0)
    sized = declared.kind != "fixed" or declared.size == _LOGICAL_SIZES.get(logical, declared.size)
    if sized and scale.__class__ is int and 0 <= scale <= _MOST_DIGITS:
        declared.logical, declared.scale = logical, scale
    return declared
