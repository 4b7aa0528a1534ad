"""A first mapping of events, made from their schema: to be looked through, not to be trusted blindly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.authoring.event_fields import (
    EventField,
    Lists,
    fields_of,
    first_of,
    identity_kind,
    is_personal,
)
from consumer.authoring.yaml_writer import in_braces, key, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.formats.event_format import Declared
    from consumer.core.formats.event_schema import Shape

MODELINE = "# yaml-language-server: $schema=mapping.schema.json"

_MOST_ATTRIBUTES = 40
_LONGEST_COMMENT = 70


class NoField(ValueError):
    """The schema lists no field that could tell who somebody is."""


class Plan(NamedTuple):
    """What the mapping will be of; `identities` are in the order in which they are tried."""

    name: str
    topic: str
    declared: Declared
    fields: tuple[EventField, ...]
    lists: tuple[Lists, ...]
    kind: EventField | None
    identities: tuple[EventField, ...]
    time: EventField | None


def plan(name: str, topic: str, declared: Declared, shape: Shape | None) -> Plan:
    """What is to be written; a schema is among what is declared.

    Raises:
        NoField: there is nothing to make a mapping of.
    """
    found = list(fields_of(shape)) if shape else []
    fields = tuple(field for field in found if isinstance(field, EventField))
    scalars = [field for field in fields if not field.is_list]
    known = [first_of(scalars, "customer"), first_of(scalars, "visitor")]
    identities = tuple(field for field in known if field) or tuple(scalars[:1])
    if not identities:
        raise NoField("the schema lists no field that could tell who somebody is")
    lists = tuple(each for each in found if isinstance(each, Lists))
    kind, time = first_of(scalars, "mapping"), first_of(scalars, "time")
    return Plan(name, topic, declared, fields, lists, kind, identities, time)


def mapping_text(of: Plan) -> str:
    """The mapping file."""
    lines = [
        MODELINE,
        f"# Made from {of.declared.schema}. Look through every line, delete what no campaign needs, then run",
        f"#   profile-consumer test {of.name}.mapping.yaml",
        "version: 1",
        f"topics: [{scalar(of.topic)}]",
        f"schema: {scalar(of.declared.schema)}",
    ]
    if of.declared.message is not None:
        lines.append(f"message: {scalar(of.declared.message)}")
    if of.declared.format != "json":
        lines.append(
            f"format: {of.declared.format}            # registry, when events begin with the id of their schema"
        )
    lines += [*_where(of), *_occurred_at(of), *_identity(of), "attributes:", *_attributes(of)]
    return "\n".join(lines) + "\n"


def _where(of: Plan) -> Iterator[str]:
    if of.kind is None:
        yield "# where: {event.type: …}      # if other events share the topic: what tells these from those"
        return
    constants = [scalar(constant) for constant in of.kind.shape.constants]
    wanted = constants[0] if len(constants) == 1 else f"[{', '.join(constants)}]"
    yield "where:                        # how an event finds this mapping"
    yield f"  {key(of.kind.written)}: {wanted}"


def _occurred_at(of: Plan) -> Iterator[str]:
    if of.time is not None:
        yield f"occurred_at: {key(of.time.written)}"


def _identity(of: Plan) -> Iterator[str]:
    yield "identity:                     # is this how Target knows the visitor?"
    dash = "- " if len(of.identities) > 1 else ""
    for field in of.identities:
        yield f"  {dash}{identity_kind(field)}: {key(field.written)}"


def _attributes(of: Plan) -> Iterator[str]:
    taken: set[str] = set()
    wanted = [field for field in of.fields if field not in of.identities and field is not of.kind]
    for number, field in enumerate(wanted or of.identities):
        name = _name(field, taken)
        source = f"from: {in_braces(field.written)}"
        if transforms := _transforms(field):
            source += f", transform: [{transforms}]"
        line = f"  {name}: {{{source}}}"
        if comment := _comment(field):
            line += f"  # {comment}"
        yield (
            line if number < _MOST_ATTRIBUTES and not field.shape.kinds <= {"bytes", "null"} else f"  # {line.lstrip()}"
        )
    for each in of.lists:
        example = f"event{''.join(f'.{step}' for step in each.path.steps)}[0].{each.names[0]}"
        yield f"  # a list of objects: name an item and what you want of it, such as {{from: '{example}'}}"


def _transforms(field: EventField) -> str:
    kinds = field.shape.kinds
    if field.is_list:
        return '{join: ","}, {truncate: 256}'
    if field.is_time:
        return '{date: "%Y-%m-%d"}'
    if is_personal(field):
        return "trim, lower, sha256"
    if "number" in kinds and "string" not in kinds:
        return "{round: 2}"
    return ""


def _comment(field: EventField) -> str:
    said = [text for text in field.shape.said("description") if isinstance(text, str)]
    text = " ".join(said[0].split()) if said else ""
    personal = "personal data, so only its hash" if is_personal(field) and not field.is_time else ""
    text = "; ".join(part for part in (personal, text) if part)
    return text if len(text) <= _LONGEST_COMMENT else f"{text[: _LONGEST_COMMENT - 1]}…"


def _name(field: EventField, taken: set[str]) -> str:
    first, *rest = field.words or ["value"]
    name = base = first + "".join(word.capitalize() for word in rest)
    number = 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    taken.add(name)
    return name
