"""The cases of a first mapping: events made up from the schema, and what becomes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.authoring.event_fields import identity_kind
from consumer.authoring.event_sample import Sampler
from consumer.authoring.first_mapping import MODELINE
from consumer.authoring.yaml_writer import block, scalar
from consumer.core.event import NotEncodable
from consumer.core.files.cases import outcome_of
from consumer.core.profile import SchemaWanted
from consumer.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from consumer.authoring.event_fields import EventField
    from consumer.authoring.first_mapping import Plan
    from consumer.core.formats.event_format import EventFormat
    from consumer.core.mapping import Mappings
    from consumer.core.paths import Step

    Steps = tuple[Step, ...]


class _Case(NamedTuple):
    name: str
    event: Any
    expected: Any


def cases_text(of: Plan, mappings: Mappings, reader: EventFormat) -> str:
    """The cases file; what each expects is what the mapping makes of its event: it passes until something changes."""
    parts = [f"{MODELINE}\n# Events made up from the schema, and what becomes of them. Is that what you want?"]
    parts += [_case_text(case) for case in _cases(of, mappings, reader)]
    parts.append("- name: a tombstone\n  event: null\n  expect: skipped")
    return "\n\n".join(parts) + "\n"


def _cases(of: Plan, mappings: Mappings, reader: EventFormat) -> Iterator[_Case]:
    for name, event in _events(of, reader) if reader.shape is not None else ():
        try:
            value = reader.written(json.dumps(event).encode())
        except NotEncodable:  # a binary format has no place for it
            continue
        result = mappings.map(Record(of.topic, 0, 0, 0, None, value))
        if not isinstance(result, SchemaWanted):
            yield _Case(name, event, outcome_of(result))


def _events(of: Plan, reader: EventFormat) -> Iterator[tuple[str, Any]]:
    """Events with what they show; those that the format has no place for are among them."""
    full, least = _samples(of, reader)
    yield "everything is there", full
    for field in of.identities[1:]:
        others = [each for each in of.identities if each is not field]
        yield f"known by {field.written} alone", _without(full, others)
    yield "only what the schema requires", least
    nobody = _without(full, of.identities)
    if not _fits(reader, nobody):  # a field that is always there may be empty
        nobody = _with(full, [field for field in of.identities if "string" in field.shape.kinds], "")
    yield "nobody known", nobody
    bare = [_only(of.kind, constant) for constant in of.kind.shape.constants[:3]] if of.kind else []
    if of.kind is not None:
        yield "another event", _only(of.kind, "another")
        yield from zip([f"only that it is {each}" for each in of.kind.shape.constants], bare, strict=False)
    strict = next((field for field in of.fields if field is not of.kind and "array" not in field.shape.kinds), None)
    if strict is not None and reader.validator is not None and all(_fits(reader, event) for event in bare):
        yield f"{strict.written} is not what the schema says", _with(full, [strict], [])


def _samples(of: Plan, reader: EventFormat) -> tuple[Any, Any]:
    """An event with all that may be there at once, and one with only what must be."""
    customer, visitor = (
        next((field for field in of.identities if (identity_kind(field) == "mboxPC") == flag), None)
        for flag in (False, True)
    )
    sampler = Sampler(customer, visitor, [field for field in of.fields if field.is_time])
    if reader.shape is None:
        return {}, {}
    full, least = sampler.event(reader.shape), sampler.event(reader.shape, everything=False)
    return _grown(least, full, (), lambda event: _fits(reader, event)) if _fits(reader, least) else full, least


def _fits(reader: EventFormat, event: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether the schema has a place for an event."""
    try:
        reader.written(json.dumps(event).encode())
    except NotEncodable:
        return False
    return reader.validator is None or reader.validator.is_valid(event)


def _grown(event: Any, full: Any, steps: Steps, fits: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON values
    """The event with as much of `full` as fits: what was made up may be wrong, and some fields exclude each other."""
    if fits(whole := _put(event, steps, full)):
        return whole
    if isinstance(full, dict):
        for name, value in full.items():
            event = _grown(event, value, (*steps, name), fits)
    return event


def _put(event: Any, steps: Steps, value: Any) -> Any:  # noqa: ANN401 - JSON values
    """A copy of the event in which the value stands there."""
    if not steps:
        return value
    first, *rest = steps
    inside = event if isinstance(event, dict) else {}
    return inside | {first: _put(inside.get(first), tuple(rest), value)}


def _with(event: Any, fields: Iterable[EventField], value: Any) -> Any:  # noqa: ANN401 - JSON values
    for field in fields:
        event = _put(event, field.path.steps, value)
    return event


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
    return _put({}, field.path.steps, constant)


def _case_text(case: _Case) -> str:
    lines = [f"- name: {scalar(case.name)}", *block("event", case.event, 2)]
    if isinstance(case.expected, str):
        return "\n".join([*lines, f"  expect: {case.expected}"])
    if "rejected" in case.expected:
        return "\n".join([*lines, f"  expect: {{rejected: {case.expected['rejected']}}}"])
    return "\n".join([*lines, *block("expect", case.expected, 2)])
