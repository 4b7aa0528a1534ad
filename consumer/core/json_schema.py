"""A JSON Schema (draft 2020-12) of events: validating them, and asking beforehand what they can hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind

from consumer.core.event import DecodeFailed, decode_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.paths import Path, Step

Schema = dict[str, Any] | bool

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): ("null",),
}
_SAMPLES: dict[str, Any] = {
    "object": {}, "array": [], "string": "", "number": 0.5, "integer": 1, "boolean": True, "null": None,
}  # fmt: skip
_STEPS_SHOWN = 20
_OPENING = ("additionalProperties", "unevaluatedProperties")


class SchemaInvalid(ValueError):
    """The file is no JSON Schema that can be used; the message says why."""


class PathImpossible(ValueError):
    """The schema leaves no room for a path; `known` are the names that stand where it leaves the schema."""

    def __init__(self, step: Step, known: tuple[str, ...], message: str) -> None:
        self.step = step
        self.known = known
        super().__init__(message)


class EventSchema:
    """One schema file.

    Raises:
        SchemaInvalid: not JSON, not a schema of draft 2020-12, or with references to other files.
    """

    def __init__(self, content: bytes) -> None:
        try:
            root = decode_json(content)
        except DecodeFailed as error:
            raise SchemaInvalid(str(error)) from None
        if not isinstance(root, (dict, bool)):
            raise SchemaInvalid("a JSON Schema is an object")
        self._root: Schema = root
        draft = root.get("$schema", _DRAFT) if isinstance(root, dict) else _DRAFT
        if not isinstance(draft, str) or draft.rstrip("#") != _DRAFT:
            raise SchemaInvalid(f'$schema names another draft; only 2020-12 is understood: "$schema": "{_DRAFT}"')
        try:
            self._validator = jsonschema_rs.Draft202012Validator(root, retriever=_refuse_to_fetch)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaInvalid(f"not a JSON Schema: {str(error).splitlines()[0]}") from None
        self._names = frozenset(_property_names(root))
        self.is_valid = self._validator.is_valid

    def fault(self, event: Any) -> str:  # noqa: ANN401 - any JSON value
        """Where and by which keyword the first fault of an invalid event stands; holds nothing of the event."""
        try:
            errors = self._validator.iter_errors(event)
            error = next(errors)
        except ValueError:  # jsonschema-rs copies the faulty part into the error, down to 255 levels
            return "event: invalid by the schema, and nested too deeply to say where"
        more = ", and more" if next(errors, None) else ""
        place = "".join(map(self._shown, error.instance_path[:_STEPS_SHOWN]))
        keyword = str(error.schema_path[-1]) if error.schema_path else "false"
        missing = f" {error.kind.property}" if isinstance(error.kind, ValidationErrorKind.Required) else ""
        return f"event{place}: {keyword}{missing} (schema #{''.join(f'/{step}' for step in error.schema_path)}){more}"

    def _shown(self, step: Step) -> str:
        """A step of an instance path; a name that the schema does not list could be a value, and stays hidden."""
        if isinstance(step, int):
            return f"[{step}]"
        return f".{step}" if step in self._names else ".*"

    def at(self, path: Path) -> tuple[Schema, ...]:
        """What the schema says of the value at an event path: any of these may hold.

        Raises:
            PathImpossible: no valid event has the path. An object that lists `properties` is taken as closed.
        """
        schemas: tuple[Schema, ...] = (self._root,)
        for step in path.steps:
            schemas = self._below(schemas, step)
        return schemas

    def kinds(self, schemas: tuple[Schema, ...]) -> frozenset[str]:
        """The JSON types that a value may have: object, array, string, number, integer, boolean, null."""
        return frozenset(
            kind for kind, sample in _SAMPLES.items() if any(self._allows(each, sample, ()) for each in schemas)
        )

    def allows(self, schemas: tuple[Schema, ...], constant: Any) -> bool:  # noqa: ANN401 - any JSON scalar
        """Whether a value may be this constant, by `type`, `enum` and `const`."""
        return any(self._allows(each, constant, ("enum", "const")) for each in schemas)

    def _allows(self, schema: Schema, value: Any, exact: tuple[str, ...], seen: tuple[int, ...] = ()) -> bool:  # noqa: ANN401
        if isinstance(schema, bool):
            return schema
        if id(schema) in seen:
            return True
        seen = (*seen, id(schema))
        if not _own_keywords_allow(schema, value, exact):
            return False
        groups = [[each] for each in (*_listed(schema, "allOf"), *self._referenced(schema))]
        groups += [alternatives for key in ("anyOf", "oneOf") if (alternatives := _listed(schema, key))]
        return all(any(self._allows(each, value, exact, seen) for each in group) for group in groups)

    def _below(self, schemas: tuple[Schema, ...], step: Step) -> tuple[Schema, ...]:
        container = "array" if isinstance(step, int) else "object"
        if not any(self._allows(each, _SAMPLES[container], ()) for each in schemas):
            have = " or ".join(sorted(self.kinds(schemas))) or "nothing"
            raise PathImpossible(step, (), f"the schema has {have} there, not an {container}")
        parts = [part for schema in schemas for part in self._parts(schema, set())]
        if isinstance(step, int):
            return _items(parts, step)
        return _properties(parts, step)

    def _parts(self, schema: Schema, seen: set[int]) -> Iterator[Schema]:
        """The schema and all that it applies to the same value."""
        if id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        if isinstance(schema, bool):
            return
        applied = [*self._referenced(schema)]
        for key in ("allOf", "anyOf", "oneOf"):
            applied += _listed(schema, key)
        applied += [schema[key] for key in ("if", "then", "else") if key in schema]
        applied += schema.get("dependentSchemas", {}).values()
        for each in applied:
            yield from self._parts(each, seen)

    def _referenced(self, schema: dict[str, Any]) -> Iterator[Schema]:
        for key in ("$ref", "$dynamicRef"):
            if key in schema:
                yield self._resolve(schema[key])

    def _resolve(self, reference: str) -> Schema:
        """The schema that a reference within the file means; anything may stand behind another one."""
        base, _, fragment = reference.partition("#")
        own = self._root.get("$id", "") if isinstance(self._root, dict) else ""
        if base not in ("", own):
            return True
        if fragment and not fragment.startswith("/"):
            return next(_anchored(self._root, fragment), True)
        found: Any = self._root
        for token in unquote(fragment).split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            found = found[int(name) if isinstance(found, list) else name]
        return found if isinstance(found, (dict, bool)) else True


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is another file; put it under $defs of this one")


def _listed(schema: dict[str, Any], key: str) -> list[Schema]:
    return list(schema.get(key, ()))


def _own_keywords_allow(schema: dict[str, Any], value: Any, exact: tuple[str, ...]) -> bool:  # noqa: ANN401 - a JSON value
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if kinds and not set(kinds).intersection(_types_of(value)):
        return False
    constants = [schema["const"]] if "const" in schema else schema.get("enum")
    if constants is None:
        return True
    if exact:
        return any(_same(value, constant) for constant in constants)
    return any(set(_types_of(value)).intersection(_types_of(constant)) for constant in constants)


def _types_of(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - any JSON value
    if isinstance(value, (dict, list)):
        return ("object",) if isinstance(value, dict) else ("array",)
    if isinstance(value, float) and value.is_integer():
        return ("integer", "number")
    return _TYPES[value.__class__]


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON values
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _properties(parts: list[Schema], name: str) -> tuple[Schema, ...]:
    objects = [part for part in parts if isinstance(part, dict)]
    found: list[Schema] = []
    for part in objects:
        patterns = part.get("patternProperties", {})
        listed = [part["properties"][name]] if name in part.get("properties", {}) else []
        listed += [schema for pattern, schema in patterns.items() if _matches(pattern, name)]
        found += listed or [part[key] for key in _OPENING if isinstance(part.get(key), dict)]
    if found:
        return tuple(found)
    opened = any(part.get(key) is True for part in objects for key in _OPENING)
    if opened or True in parts or any("patternProperties" in part for part in objects):
        return (True,)
    known = tuple(dict.fromkeys(key for part in objects for key in part.get("properties", {})))
    if known or any(part.get(key) is False for part in objects for key in _OPENING):
        raise PathImpossible(name, known, f"the schema has no {name!r} there")
    return (True,)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # ECMA-262 syntax that Python does not know
        return True


def _items(parts: list[Schema], index: int) -> tuple[Schema, ...]:
    found: list[Schema] = []
    closed = False
    for part in parts:
        if not isinstance(part, dict):
            continue
        prefix = _listed(part, "prefixItems")
        if index < 0:
            found += prefix
        elif index < len(prefix):
            found.append(prefix[index])
            continue
        rest = part.get("items")
        if rest is False:
            closed = True
        elif rest is not None:
            found.append(rest)
    if not found and closed:
        raise PathImpossible(index, (), f"the schema's list has no item {index}")
    return tuple(found) or (True,)


def _property_names(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                yield from value
            yield from _property_names(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _property_names(item)


def _anchored(schema: Any, anchor: str) -> Iterator[Schema]:  # noqa: ANN401 - any JSON value
    if isinstance(schema, dict):
        if anchor in (schema.get("$anchor"), schema.get("$dynamicAnchor")):
            yield schema
        for value in schema.values():
            yield from _anchored(value, anchor)
    elif isinstance(schema, list):
        for item in schema:
            yield from _anchored(item, anchor)
