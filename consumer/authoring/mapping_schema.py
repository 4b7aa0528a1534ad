"""The JSON Schema of mapping and cases files, for editors; made of the tables that the loader itself uses.

A mapping is a map and a list of cases is a list, so one schema serves both. It is draft 7, which every editor knows.
What it can't say (an event's own schema, expressions, two mappings that conflict) is left to `check`.
"""

from __future__ import annotations

import json
from typing import Any, Final, get_args

from consumer.core.files import mapping_keys
from consumer.core.files.cases import REASONS_OF_A_CASE
from consumer.core.files.claim import TOPIC
from consumer.core.files.sources import LONGEST_NAME
from consumer.core.formats.event_format import FORMATS
from consumer.core.profile import IdentityKind
from consumer.core.transforms import PLAIN, TOLD

Schema = dict[str, Any]

FILE_NAME: Final = "mapping.schema.json"
"""Beside the mappings, where their first line points to."""

_PATH: Final = r"""^(event|record)(\.[A-Za-z_][A-Za-z0-9_]*|\[-?[0-9]{1,9}\]|\["([^"\\]|\\.)*"\])+$"""
_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"], "minLength": 1}
_ANY_TEXT: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}
_WORD: Final[Schema] = {"type": "string", "minLength": 1}
_CONSTANT: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}


def mapping_schema() -> Schema:
    """The schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "profile-consumer: a mapping, or the cases of one",
        "type": ["object", "array"],
        **_map(_MAPPING, mapping_keys.MAPPING, mapping_keys.REQUIRED),
        "patternProperties": {"^x-": {"description": "Ignored; a place for anchors."}},
        "items": {"$ref": "#/definitions/case"},
        "definitions": {
            "path": {"type": "string", "pattern": _PATH},
            "source": {"anyOf": [{"$ref": "#/definitions/path"}, _source()]},
            "identity": _identity(),
            "attribute": _attribute(),
            "transform": {"anyOf": [{"enum": list(PLAIN)}, *map(_told, TOLD)]},
            "case": _case(),
        },
    }


def render() -> str:
    """The schema as the file that editors read."""
    return json.dumps(mapping_schema(), indent=2, ensure_ascii=False) + "\n"


def _map(keys: dict[str, Schema], described: dict[str, str], required: tuple[str, ...] = ()) -> Schema:
    """A map of exactly these keys, each with its description."""
    return {
        "required": list(required),
        "properties": {key: {"description": text, **keys[key]} for key, text in described.items()},
        "additionalProperties": False,
    }


_LIST_OF_CONSTANTS: Final[Schema] = {"type": "array", "minItems": 1, "items": _CONSTANT}
_MAPPING: Final[dict[str, Schema]] = {
    "version": {"const": 1},
    "topics": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {**_WORD, "pattern": TOPIC.pattern}},
    "identity": {
        "anyOf": [
            {"$ref": "#/definitions/identity"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/identity"}},
        ]
    },
    "attributes": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"maxLength": LONGEST_NAME, "pattern": r"^(?!profile\.)\S(.*\S)?$"},
        "additionalProperties": {"$ref": "#/definitions/attribute"},
    },
    "schema": _WORD,
    "format": {"enum": list(FORMATS)},
    "message": _WORD,
    "where": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"$ref": "#/definitions/path"},
        "additionalProperties": {"anyOf": [_CONSTANT, _LIST_OF_CONSTANTS]},
    },
    "when": {"type": ["string", "boolean"], "minLength": 1},
    "occurred_at": {"$ref": "#/definitions/source"},
    "description": {},
}

_SOURCE: Final[dict[str, Schema]] = {
    "from": {"$ref": "#/definitions/path"},
    "const": _TEXT,
    "cel": {"type": ["string", "number", "boolean"], "minLength": 1},
    "transform": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/transform"}},
    "default": _TEXT,
    "required": {"type": "boolean"},
}


def _one_of(keys: tuple[str, ...]) -> Schema:
    return {"oneOf": [{"required": [key]} for key in keys]}


def _source() -> Schema:
    return {"type": "object", **_map(_SOURCE, mapping_keys.SOURCE), **_one_of(("from", "cel"))}


def _attribute() -> Schema:
    return {"type": "object", **_map(_SOURCE, mapping_keys.ATTRIBUTE), **_one_of(tuple(mapping_keys.SOURCES))}


def _identity() -> Schema:
    kinds = {kind: {"$ref": "#/definitions/source"} for kind in get_args(IdentityKind)}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": kinds,
        "additionalProperties": False,
    }


def _told(name: str) -> Schema:
    argument = {"description": TOLD[name].example, **TOLD[name].schema}
    return {"type": "object", "required": [name], "properties": {name: argument}, "additionalProperties": False}


def _case() -> Schema:
    texts: Schema = {"type": "object", "additionalProperties": _ANY_TEXT}
    number: Schema = {"type": "integer"}
    record = {"topic": _WORD, "key": _ANY_TEXT, "headers": texts}
    record |= dict.fromkeys(("partition", "offset", "timestamp"), number)
    update = _map({"identity": {**texts, "minProperties": 1, "maxProperties": 1}, "attributes": texts}, _EXPECTED)
    rejected = {"rejected": {"enum": list(REASONS_OF_A_CASE)}}
    keys: dict[str, Schema] = {
        "name": _TEXT,
        "event": {},
        "event_file": _WORD,
        "event_base64": {"type": "string"},
        "record": {"type": "object", **_map(record, mapping_keys.RECORD)},
        "expect": {
            "anyOf": [
                {"enum": ["skipped", "unmatched"]},
                {"type": "object", "required": ["rejected"], "properties": rejected, "additionalProperties": False},
                {"type": "object", **update, "required": ["identity", "attributes"]},
            ]
        },
    }
    required = _map(keys, mapping_keys.CASE, ("name", "expect"))
    return {"type": "object", **required, **_one_of(tuple(mapping_keys.EVENTS))}


_EXPECTED: Final = {
    "identity": "mbox3rdPartyId or mboxPC, and the id.",
    "attributes": "All attributes with their text: nothing more, nothing less.",
}
