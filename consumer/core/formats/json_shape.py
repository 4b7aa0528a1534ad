"""What a JSON Schema says of one place of an event: kinds, fields, items, constants.

Several schemas may speak of one place. What they say together is written as one schema again, with `allOf` and
`anyOf`; so there is one way to ask, however the schemas came together.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from consumer.core.formats.event_schema import Kind, PathImpossible
from consumer.core.formats.json_fields import (
    NOTHING_SAID,
    UNEVALUATED,
    Fields,
    Schema,
    all_of,
    any_of,
    both,
    either,
    own_fields,
    where_listed,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_SAMPLES: dict[Kind, Any] = {
    "object": {}, "array": [], "string": "", "number": 0.5, "integer": 1, "boolean": True, "null": None,
}  # fmt: skip
_TYPES: dict[type, tuple[str, ...]] = {
    dict: ("object",),
    list: ("array",),
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): ("null",),
}
_CHOICES = ("anyOf", "oneOf")
_SAYING_MORE = frozenset({"$ref", "$dynamicRef", "allOf", "const", "enum", *_CHOICES})


class JsonShape:
    """The shape that `schema` gives to a place; references are looked up in `root`."""

    def __init__(self, schema: Schema, root: Schema) -> None:
        self._schema = schema
        self._root = root
        self._fields: dict[str, JsonShape | None] = {}

    @cached_property
    def identity(self) -> Hashable:
        """The places of the schema that speak of this one."""
        return _identity(self._schema)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The JSON types that a value may have."""
        schema = self._schema
        if isinstance(schema, dict) and "type" in schema and schema.keys().isdisjoint(_SAYING_MORE):
            return _kinds_of_type(schema["type"])  # most places; it takes a tenth of the time
        return frozenset(kind for kind, sample in _SAMPLES.items() if self._allows(schema, sample, {}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields that `properties` list, wherever they stand, and where something may be."""
        return tuple(name for name in self._listed if self._field(name) is not None)

    @cached_property
    def is_open(self) -> bool:
        """Whether an object may have other fields; one that lists `properties` is taken as closed."""
        return self._object(self._schema, None, {}).open_to_others

    def field(self, name: str) -> JsonShape:
        """What stands in the field `name`."""
        shape = self._field(name)
        if shape is None and name in self._listed:
            raise PathImpossible(name, (), f"the schema lists {name!r}, but lets nothing stand there{self._refusal()}")
        if shape is None:
            raise PathImpossible(name, self.names, f"the schema has no {name!r} there")
        return shape

    @cached_property
    def _listed(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(name for each in self._applied(self._schema, set()) for name in each.get("properties", ()))
        )

    def _field(self, name: str) -> JsonShape | None:
        if name not in self._fields:
            found = self._object(self._schema, name, {})
            shape = JsonShape(all_of(found.schemas), self._root)
            impossible = (not found.listed and not found.open_to_others) or not shape.kinds
            self._fields[name] = None if impossible else shape
        return self._fields[name]

    def _refusal(self) -> str:
        if any(each.get("additionalProperties") is False for each in self._applied(self._schema, set())):
            return ": additionalProperties: false refuses what only allOf lists, unevaluatedProperties: false does not"
        return ""

    def item(self, index: int | None = None) -> JsonShape:
        """What stands at an index, or at any."""
        shape = JsonShape(self._item(self._schema, index, {}), self._root)
        if index is not None and not shape.kinds:
            raise PathImpossible(index, (), f"the schema's list has no item {index}")
        return shape

    @cached_property
    def constants(self) -> tuple[Any, ...]:
        """What `const` and `enum` list, wherever they stand."""
        return tuple(constant for each in self._applied(self._schema, set()) for constant in _constants(each) or ())

    def said(self, keyword: str) -> tuple[Any, ...]:
        """What the schema says under a keyword such as `description`, wherever it stands."""
        return tuple(each[keyword] for each in self._applied(self._schema, set()) if keyword in each)

    def allows(self, constant: Any) -> bool:  # noqa: ANN401 - any JSON scalar
        """Whether a value may be this constant, by `type`, `enum` and `const`."""
        return self._allows(self._schema, constant, {}, exact=True)

    # Each of these three goes through the schemas of one place, and through every one once: `known` holds what was
    # found, and what says least for one that is being looked at, since a schema may refer to itself.

    def _allows(self, schema: Schema, value: Any, known: dict[int, bool], *, exact: bool = False) -> bool:  # noqa: ANN401 - any JSON value
        if isinstance(schema, bool):
            return schema
        if id(schema) in known:
            return known[id(schema)]
        known[id(schema)] = True
        groups = [[each] for each in self._together(schema)] + [schema[key] for key in _CHOICES if key in schema]
        known[id(schema)] = _own_keywords_allow(schema, value, exact=exact) and all(
            any(self._allows(each, value, known, exact=exact) for each in group) for group in groups
        )
        return known[id(schema)]

    def _object(self, schema: Schema, name: str | None, known: dict[int, Fields]) -> Fields:
        """What the schema says of the field `name` of an object (None: one that nobody lists)."""
        if isinstance(schema, bool):
            return NOTHING_SAID
        if id(schema) in known:
            return known[id(schema)]
        known[id(schema)] = NOTHING_SAID
        said = [own_fields(schema, name)]
        said += [self._object(each, name, known) for each in self._together(schema)]
        for key in _CHOICES:
            branches = [each for each in schema.get(key, ()) if self._allows(each, {}, {})]
            if branches:
                said.append(either([self._object(each, name, known) for each in branches]))
        found = both(said)
        conditional = [self._object(each, name, known) for each in _conditional(schema)]
        if conditional and not found.listed:
            found = both([found, where_listed(conditional)])
        if UNEVALUATED in schema and not found.listed:
            found = both([found, found._replace(schemas=(schema[UNEVALUATED],))])
        known[id(schema)] = found
        return found

    def _item(self, schema: Schema, index: int | None, known: dict[int, Schema]) -> Schema:
        if isinstance(schema, bool):
            return True
        if id(schema) in known:
            return known[id(schema)]
        known[id(schema)] = True
        said = [_own_item(schema, index), *[self._item(each, index, known) for each in self._together(schema)]]
        for key in _CHOICES:
            branches = [each for each in schema.get(key, ()) if self._allows(each, [], {})]
            if branches:
                said.append(any_of([self._item(each, index, known) for each in branches]))
        known[id(schema)] = all_of(said)
        return known[id(schema)]

    def _applied(self, schema: Schema, seen: set[int]) -> Iterator[dict[str, Any]]:
        """The schema and all that may apply to the same value."""
        if isinstance(schema, bool) or id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        choices = [each for key in _CHOICES for each in schema.get(key, ())]
        for each in (*choices, *self._together(schema), *_conditional(schema)):
            yield from self._applied(each, seen)

    def _together(self, schema: dict[str, Any]) -> list[Schema]:
        """The schemas that hold besides the own keywords of `schema`."""
        references = [schema[key] for key in ("$ref", "$dynamicRef") if key in schema]
        return [*schema.get("allOf", ()), *map(self._resolve, references)]

    def _resolve(self, reference: str) -> Schema:
        """The schema that a reference within the file means; anything may stand behind another one."""
        base, _, fragment = reference.partition("#")
        own = self._root.get("$id", "") if isinstance(self._root, dict) else ""
        if base not in ("", own):
            return True
        if fragment and not fragment.startswith("/"):
            return next(_anchored(self._root, fragment), True)
        found: Any = self._root
        try:
            for token in unquote(fragment).split("/")[1:]:
                name = token.replace("~1", "/").replace("~0", "~")
                found = found[int(name) if isinstance(found, list) else name]
        except (LookupError, ValueError):  # counted from an `$id` further down
            return True
        return found if isinstance(found, (dict, bool)) else True


def _kinds_of_type(types: str | list[str]) -> frozenset[Kind]:
    named = {types} if isinstance(types, str) else set(types)
    return frozenset(kind for kind, sample in _SAMPLES.items() if not named.isdisjoint(_types_of(sample)))


def _conditional(schema: dict[str, Any]) -> list[Schema]:
    return [schema[key] for key in ("if", "then", "else") if key in schema] + [
        *schema.get("dependentSchemas", {}).values()
    ]


def _own_item(schema: dict[str, Any], index: int | None) -> Schema:
    prefix: list[Schema] = schema.get("prefixItems", [])
    rest: Schema = schema.get("items", True)
    most = schema.get("maxItems")
    if index is None or index < 0:
        return any_of([*prefix, rest]) if prefix else rest
    if most is not None and index >= most:
        return False
    return prefix[index] if index < len(prefix) else rest


def _identity(schema: Schema) -> Hashable:
    """The same for schemas that were written together anew from the same parts."""
    if isinstance(schema, dict) and schema.keys() <= {"allOf", "anyOf"} and schema:
        return tuple((key, tuple(map(_identity, parts))) for key, parts in schema.items())
    return id(schema)


def _own_keywords_allow(schema: dict[str, Any], value: Any, *, exact: bool) -> bool:  # noqa: ANN401 - a JSON value
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if kinds and not set(kinds).intersection(_types_of(value)):
        return False
    constants = _constants(schema)
    if constants is None:
        return True
    if exact:
        return any(_same(value, constant) for constant in constants)
    return any(_types_of(constant)[0] in _types_of(value) for constant in constants)


def _constants(schema: dict[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _types_of(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    if isinstance(value, float) and value.is_integer():
        return ("integer", "number")
    return _TYPES[value.__class__]


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON values
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _anchored(schema: Any, anchor: str) -> Iterator[Schema]:  # noqa: ANN401 - any JSON value
    if isinstance(schema, dict):
        if anchor in (schema.get("$anchor"), schema.get("$dynamicAnchor")):
            yield schema
        for value in schema.values():
            yield from _anchored(value, anchor)
    elif isinstance(schema, list):
        for item in schema:
            yield from _anchored(item, anchor)
