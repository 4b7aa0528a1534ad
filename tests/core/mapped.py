"""Small mapping files, loaded and put to work: what tests of the mapping language share."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from consumer.core.formats.json_schema import JsonSchema
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import ProfileUpdate, Rejection
from consumer.core.record import Record
from consumer.errors import MappingsInvalid

if TYPE_CHECKING:
    from consumer.core.formats.json_shape import JsonShape
    from consumer.core.mapping import Mappings
    from consumer.core.profile import Result, SchemaWanted

HEAD = "version: 1\ntopics: [t]\nidentity: {mbox3rdPartyId: event.id}\n"
BODY = "attributes: {a: {const: x}}\n"


def record(value: Any = None, **fields: Any) -> Record:
    """A record of topic `t`; a value that is no bytes is written as JSON."""
    payload = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return Record("t", 0, 0, 0, None, payload)._replace(**fields)


def shape(schema: Any) -> JsonShape:
    """The shape of a JSON Schema that is written in Python."""
    return JsonSchema(json.dumps(schema).encode()).shape


def load(text: str, **files: Any) -> Mappings:
    """The mappings of one file `m.mapping.yaml`, and of files whose names end as written here: `schema={…}`."""
    return parse_mappings(as_files(text, **files))


def as_files(text: str, schema: Any = None, **mappings: str) -> dict[str, bytes]:
    files = {"m.mapping.yaml": textwrap.dedent(text).encode()}
    files |= {f"{name}.mapping.yaml": textwrap.dedent(other).encode() for name, other in mappings.items()}
    return files if schema is None else files | {"m.event.json": json.dumps(schema).encode()}


def problems(text: str, schema: Any = None, **mappings: str) -> list[str]:
    """Every problem of these files, as `line:column: message` of `m.mapping.yaml`, with the file's name for others."""
    try:
        parse_mappings(as_files(text, schema, **mappings))
    except MappingsInvalid as invalid:
        return [str(problem).removeprefix("m.mapping.yaml:") for problem in invalid.problems]
    return []


def only_problem(text: str, schema: Any = None) -> str:
    found = problems(text, schema)
    if len(found) != 1:
        pytest.fail(f"{len(found)} problems instead of one: {found}")
    return found[0]


def mapped(attribute: str, event: Any, schema: Any = None, **fields: Any) -> str | None:
    """The text that an attribute `a`, written as its map, gets of an event; a rejection as `REASON: detail`."""
    head = HEAD + ("schema: m.event.json\n" if schema is not None else "")
    return of_result(
        load(f"{head}attributes: {{a: {attribute}, b: {{const: x}}}}\n", schema=schema).map(record(event, **fields))
    )


def of_result(result: Result | SchemaWanted) -> str | None:
    if isinstance(result, Rejection):
        return f"{result.reason}: {result.detail}"
    if not isinstance(result, ProfileUpdate):
        pytest.fail(f"neither mapped nor rejected: {result}")
    return result.attributes.get("a")
