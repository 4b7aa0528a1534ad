"""A JSON Schema (draft 2020-12) of events: validating them, and what it says of their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind

from consumer.core.files.problems import suggestion
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.json_shape import JsonShape
from consumer.core.formats.schema_document import read_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.paths import Step

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_STEPS_SHOWN = 20
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")


class JsonSchema:
    """One schema file: a `Validator`, and the `shape` of the events.

    Raises:
        SchemaInvalid: not JSON, not a schema of draft 2020-12, or with references to other files.
    """

    def __init__(self, content: bytes) -> None:
        root = read_document(content)
        if not isinstance(root, (dict, bool)):
            raise SchemaInvalid("a JSON Schema is an object")
        draft = root.get("$schema", _DRAFT) if isinstance(root, dict) else _DRAFT
        if not isinstance(draft, str) or draft.rstrip("#") != _DRAFT:
            hint = "most schemas of older drafts stay as they are; a list under items becomes prefixItems"
            raise SchemaInvalid(
                f'$schema names another draft; only 2020-12 is understood: "$schema": "{_DRAFT}" ({hint})'
            )
        try:
            self._validator = jsonschema_rs.Draft202012Validator(root, retriever=_refuse_to_fetch)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise SchemaInvalid(f"not a JSON Schema: {_explained(error)}") from None
        self._names = frozenset(_property_names(root))
        self.shape = JsonShape(root, root)
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


def _explained(error: Exception) -> str:
    """What is wrong with a schema, and where."""
    reason = str(error).splitlines()[0]
    if "registry" in reason:
        return f"{reason}; put what is referred to under $defs of this file"
    if not isinstance(error, jsonschema_rs.ValidationError) or not error.instance_path:
        return reason
    if error.instance_path[-1] == "type" and isinstance(error.instance, str):
        reason = f"no type {error.instance!r}; {suggestion(error.instance, _TYPES)}"
    return f"#{''.join(f'/{step}' for step in error.instance_path)}: {reason}"


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise ValueError(f"{uri} is another file")


def _property_names(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                yield from value
            yield from _property_names(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _property_names(item)
