"""What the schemas that speak of one object say of its fields, put together: all of them, one of them, or perhaps."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Schema = dict[str, Any] | bool

UNEVALUATED = "unevaluatedProperties"
_OPENING = ("additionalProperties", UNEVALUATED)


class Fields(NamedTuple):
    """What is said of a field: what it must be, whether it is listed, whether fields are listed at all or free."""

    schemas: tuple[Schema, ...] = ()
    listed: bool = False
    lists: bool = False
    opens: bool = False

    @property
    def open_to_others(self) -> bool:
        """Whether fields may be there that nobody lists."""
        return self.opens or not self.lists


NOTHING_SAID = Fields()


def own_fields(schema: dict[str, Any], name: str | None) -> Fields:
    """What a schema's own keywords say of the field `name` (None: one that nobody lists), all but `UNEVALUATED`.

    That one says something of what no other schema of the same place lists.
    """
    patterns = schema.get("patternProperties", {})
    properties = schema.get("properties", {})
    listed = [properties[name]] if name in properties else []
    if name is not None:
        listed += [each for pattern, each in patterns.items() if _matches(pattern, name)]
    others = [schema["additionalProperties"]] if "additionalProperties" in schema and not listed else []
    opens = bool(patterns) or any(schema.get(key, False) is not False for key in _OPENING)
    lists = bool(properties) or any(schema.get(key) is False for key in _OPENING)
    return Fields((*listed, *others), bool(listed), lists, opens)


def both(said: list[Fields]) -> Fields:
    """Of schemas that hold together."""
    return Fields(
        tuple({id(schema): schema for each in said for schema in each.schemas}.values()),
        any(each.listed for each in said),
        any(each.lists for each in said),
        any(each.opens for each in said),
    )


def either(said: list[Fields]) -> Fields:
    """Of alternatives: one that lists other fields does not have this one; one that says nothing leaves it free."""
    possible = [each for each in said if each.listed or each.open_to_others]
    schemas = (any_of([all_of(each.schemas) for each in possible]),) if possible else ()
    lists = all(each.lists for each in said) or any(each.listed for each in said)
    return Fields(schemas, any(each.listed for each in said), lists, any(each.opens for each in said))


def where_listed(said: list[Fields]) -> Fields:
    """Of schemas that hold only under a condition: what those say that list the field."""
    together = both(said)
    schemas = [all_of(each.schemas) for each in said if each.listed]
    return together._replace(schemas=(any_of(schemas),) if schemas else ())


def all_of(schemas: list[Schema] | tuple[Schema, ...]) -> Schema:
    """One schema that says what all of these say."""
    said = list({id(schema): schema for schema in schemas if schema is not True}.values())
    if not said:
        return True
    return said[0] if len(said) == 1 else {"allOf": said}


def any_of(schemas: list[Schema]) -> Schema:
    """One schema that says what at least one of these says."""
    said = list({id(schema): schema for schema in schemas}.values())
    if any(schema is True for schema in said):
        return True
    return said[0] if len(said) == 1 else {"anyOf": said}


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:  # ECMA-262 syntax that Python does not know
        return True
