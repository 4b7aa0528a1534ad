"""A first mapping of events, and its cases, made from their schema: to be looked through, not to be trusted blindly."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.authoring.event_fields import (
    EventField,
    Lists,
    fields_of,
    first_of,
    identity_kind,
    is_personal,
)
from consumer.authoring.event_sample import Sampler
from consumer.core.cases import outcome_of
from consumer.core.event import NotEncodable
from consumer.core.profile import SchemaWanted
from consumer.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.core.event_format import Declared, EventFormat
    from consumer.core.event_schema import Shape
    from consumer.core.mapping import Mappings

MODELINE = "# yaml-language-server: $schema=mapping.schema.json"

_MOST_ATTRIBUTES = 40
_LONGEST_COMMENT = 70
_WIDEST = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # for YAML 1.1 too, which others read


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


class _Case(NamedTuple):
    name: str
    event: Any
    expected: Any


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
        f"topics: [{_text(of.topic)}]",
        f"schema: {_text(of.declared.schema)}",
    ]
    if of.declared.message is not None:
        lines.append(f"message: {_text(of.declared.message)}")
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
    constants = [_text(constant) for constant in of.kind.shape.constants]
    wanted = constants[0] if len(constants) == 1 else f"[{', '.join(constants)}]"
    yield "where:                        # how an event finds this mapping"
    yield f"  {_key(of.kind.written)}: {wanted}"


def _occurred_at(of: Plan) -> Iterator[str]:
    if of.time is not None:
        yield f"occurred_at: {_key(of.time.written)}"


def _identity(of: Plan) -> Iterator[str]:
    yield "identity:                     # is this how Target knows the visitor?"
    dash = "- " if len(of.identities) > 1 else ""
    for field in of.identities:
        yield f"  {dash}{identity_kind(field)}: {_key(field.written)}"


def _attributes(of: Plan) -> Iterator[str]:
    taken: set[str] = set()
    wanted = [field for field in of.fields if field not in of.identities and field is not of.kind]
    for number, field in enumerate(wanted or of.identities):
        name = _name(field, taken)
        source = f"from: {_flow(field.written)}"
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


def cases_text(of: Plan, mappings: Mappings, reader: EventFormat) -> str:
    """The cases file; what each expects is what the mapping makes of its event: it passes until something changes."""
    parts = [f"{MODELINE}\n# Events made up from the schema, and what becomes of them. Is that what you want?"]
    parts += [_case_text(case) for case in _cases(of, mappings, reader)]
    parts.append("- name: a tombstone\n  event: null\n  expect: skipped")
    return "\n\n".join(parts) + "\n"


def _cases(of: Plan, mappings: Mappings, reader: EventFormat) -> Iterator[_Case]:
    customer, visitor = (
        next((field for field in of.identities if (identity_kind(field) == "mboxPC") == flag), None)
        for flag in (False, True)
    )
    times = [field for field in of.fields if field.is_time]
    sampler = Sampler(customer, visitor, times)
    if reader.shape is None:
        return
    full = sampler.event(reader.shape)
    events = [("everything is there", full)]
    events += [
        (f"known by {field.written} alone", _without(full, [each for each in of.identities if each is not field]))
        for field in of.identities[1:]
    ]
    events += [
        ("only what the schema requires", sampler.event(reader.shape, everything=False)),
        ("nobody known", _without(full, of.identities)),
    ]
    if of.kind is not None:
        events.append(("another event", _only(of.kind, "another")))
        events += [
            (f"only that it is {constant}", _only(of.kind, constant)) for constant in of.kind.shape.constants[:3]
        ]
    for name, event in events:
        try:
            value = reader.written(json.dumps(event).encode())
        except NotEncodable:  # a binary format has no place for it
            continue
        result = mappings.map(Record(of.topic, 0, 0, 0, None, value))
        if not isinstance(result, SchemaWanted):
            yield _Case(name, event, outcome_of(result))


def _without(event: Any, fields: Iterable[EventField]) -> Any:  # noqa: ANN401 - any JSON value
    event = json.loads(json.dumps(event))
    for field in fields:
        *way, last = field.path.steps
        place = event
        for step in way:
            place = place[step] if isinstance(place, dict) and step in place else {}
        if isinstance(place, dict):
            place.pop(last, None)
    return event


def _only(field: EventField, constant: object) -> Any:  # noqa: ANN401 - any JSON value
    """An event with this field and no other."""
    event: Any = constant
    for step in reversed(field.path.steps):
        event = {step: event}
    return event


def _case_text(case: _Case) -> str:
    lines = [f"- name: {_text(case.name)}", *_block("event", case.event, 2)]
    if isinstance(case.expected, str):
        return "\n".join([*lines, f"  expect: {case.expected}"])
    if "rejected" in case.expected:
        return "\n".join([*lines, f"  expect: {{rejected: {case.expected['rejected']}}}"])
    return "\n".join([*lines, *_block("expect", case.expected, 2)])


def _block(key: str, value: Any, indent: int) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """A key with its value: on one line when it fits, else one line for each key in it."""
    line = f"{' ' * indent}{_key(key)}: {_flow_value(value)}"
    if len(line) <= _WIDEST or not isinstance(value, dict):
        yield line
        return
    yield f"{' ' * indent}{_key(key)}:"
    for name, inner in value.items():
        yield from _block(name, inner, indent + 2)


def _flow_value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)}: {_flow_value(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow_value, value))}]"
    return _text(value)


def _text(value: Any) -> str:  # noqa: ANN401 - a JSON scalar
    """A scalar as YAML reads it back."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def _key(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _flow(text)


def _flow(path: str) -> str:
    """A path within { }: brackets need quotes."""
    return path if _PLAIN.fullmatch(path) else "'" + path.replace("'", "''") + "'"
