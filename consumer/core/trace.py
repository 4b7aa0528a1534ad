"""What `Mappings.map` does with a record, step by step, by the same compiled mappings: for `explain` and for coverage.

Nothing is decided here. The result is what `map` says; the steps are run once more, one at a time, to be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from consumer.core.event import DecodeFailed
from consumer.core.mapping import Steps
from consumer.core.paths import path_text, read_path
from consumer.core.profile import Identity, IdentityKind, Rejection, Result, SchemaWanted, identity_fault
from consumer.core.transforms import apply_transforms
from consumer.core.values import Fault, constant_of, constant_value, text_of

if TYPE_CHECKING:
    from consumer.core.mapping import Attribute, Mapping, Mappings
    from consumer.core.record import Record


class Condition(NamedTuple):
    """One condition of a mapping: what it looks at, the constants that it wants, what is there, whether that is one."""

    subject: str
    wanted: tuple[Any, ...]
    value: Any
    holds: bool


class Candidate(NamedTuple):
    """A mapping, and its conditions up to the first that does not hold; all of them hold for the one that is taken."""

    mapping: Mapping
    conditions: tuple[Condition, ...]


class Step(NamedTuple):
    """A transform with what came out; `fault` when it failed."""

    name: str
    told: str
    value: Any
    fault: Fault | None = None


class ValueTrace(NamedTuple):
    """A value on its way: what stood at its source, then each transform; `fault` is that of the step that failed."""

    source: Steps
    first: Any
    steps: tuple[Step, ...]
    fault: Fault | None = None

    @property
    def last(self) -> Any:  # noqa: ANN401 - any value of an event
        """What came out; nothing when a step failed."""
        if self.fault is not None:
            return None
        return self.steps[-1].value if self.steps else self.first


class AttributeTrace(NamedTuple):
    """How an attribute ended: with the text of its value, with its default, left out, or as a reason to reject."""

    attribute: Attribute
    value: ValueTrace
    ending: Literal["value", "default", "left_out", "rejected"]
    text: str | None = None
    fault: Fault | None = None


class IdentityTrace(NamedTuple):
    """One way to know the visitor, tried: it was taken, there was nothing, or what was there is a reason to reject."""

    kind: IdentityKind
    value: ValueTrace
    ending: Literal["taken", "nothing", "rejected"]
    fault: Fault | None = None


UNREAD: Final = object()
"""In place of an event: there is none, or its bytes are no event."""


class Trace(NamedTuple):
    """One record's way. `event` is `UNREAD` when it could not be read, `candidate` None when no mapping wants it.

    Identities, time and attributes are there when the mapping got as far as that; every attribute is, even when an
    earlier one was a reason to reject.
    """

    record: Record
    result: Result | SchemaWanted
    event: Any = UNREAD
    candidate: Candidate | None = None
    when: ValueTrace | None = None
    identities: tuple[IdentityTrace, ...] = ()
    occurred_at: ValueTrace | None = None
    attributes: tuple[AttributeTrace, ...] = ()


def trace(mappings: Mappings, record: Record) -> Trace:
    """The way of a record through the mappings."""
    result = mappings.map(record)
    if record.value is None or isinstance(result, SchemaWanted):
        return Trace(record, result)
    decode = mappings.decoder(record.topic)
    try:
        event = decode(record.value) if decode else None
    except DecodeFailed:
        return Trace(record, result)
    found = mappings.find(event, record)
    if found is None:
        return Trace(record, result, event)
    seen = Trace(record, result, event, Candidate(found, _conditions(found, event, record)))
    if isinstance(result, Rejection) and result.stage == "validate":
        return seen
    if found.when is not None:
        seen = seen._replace(when=_value(Steps("cel", found.when.written, found.when.read, ()), event, record))
        if seen.when is not None and seen.when.last is not True:
            return seen
    return seen._replace(
        identities=_identities(found, event, record),
        occurred_at=_value(found.occurred_at_steps, event, record) if found.occurred_at_steps else None,
        attributes=tuple(_attribute(attribute, event, record) for attribute in found.attributes),
    )


def others(mappings: Mappings, seen: Trace) -> tuple[Candidate, ...]:
    """The mappings that do not want the event of a trace, those of its topic first; none when it could not be read."""
    if seen.event is UNREAD:
        return ()
    taken = seen.candidate.mapping if seen.candidate else None
    rest = [mapping for mapping in mappings.all if mapping is not taken]
    rest.sort(key=lambda mapping: seen.record.topic not in mapping.topics)
    return tuple(Candidate(mapping, _conditions(mapping, seen.event, seen.record)) for mapping in rest)


def _conditions(mapping: Mapping, event: Any, record: Record) -> tuple[Condition, ...]:  # noqa: ANN401 - any value of an event
    conditions = [Condition("topic", mapping.topics, record.topic, record.topic in mapping.topics)]
    if conditions[0].holds:
        for path, constants in mapping.where.items():
            value = read_path(path)(event, record)
            wanted = tuple(sorted(map(constant_value, constants), key=str))
            conditions.append(Condition(path_text(path), wanted, value, constant_of(value) in constants))
            if not conditions[-1].holds:
                break
    return tuple(conditions)


def _value(source: Steps, event: Any, record: Record) -> ValueTrace:  # noqa: ANN401 - any value of an event
    try:
        value = first = source.read(event, record)
    except Fault as fault:
        return ValueTrace(source, None, (), fault)
    steps: list[Step] = []
    for transform in source.transforms:
        if value is None or value == "":
            break
        try:
            value = apply_transforms(value, (transform,))
        except Fault as fault:
            steps.append(Step(transform.name, transform.told, None, fault))
            return ValueTrace(source, first, tuple(steps), fault)
        steps.append(Step(transform.name, transform.told, value))
    return ValueTrace(source, first, tuple(steps))


def _attribute(attribute: Attribute, event: Any, record: Record) -> AttributeTrace:  # noqa: ANN401 - any value of an event
    value = _value(attribute.steps, event, record)
    try:
        text = attribute.text(event, record)
    except Fault as fault:
        return AttributeTrace(attribute, value, "rejected", fault=fault)
    if text is None:
        return AttributeTrace(attribute, value, "left_out")
    nothing = value.last is None or value.last == ""
    return AttributeTrace(attribute, value, "default" if nothing else "value", text)


def _identities(mapping: Mapping, event: Any, record: Record) -> tuple[IdentityTrace, ...]:  # noqa: ANN401 - any value of an event
    tried: list[IdentityTrace] = []
    for kind, _, _, source in mapping.identities:
        value = _value(source, event, record)
        fault = value.fault or _identity_fault(kind, value.last)
        if fault is not None:
            return (*tried, IdentityTrace(kind, value, "rejected", fault))
        if value.last is not None and value.last != "":
            return (*tried, IdentityTrace(kind, value, "taken"))
        tried.append(IdentityTrace(kind, value, "nothing"))
    return tuple(tried)


def _identity_fault(kind: IdentityKind, value: Any) -> Fault | None:  # noqa: ANN401 - any value of an event
    if value is None or value == "":
        return None
    try:
        fault = identity_fault(Identity(kind, text_of(value)))
    except Fault as not_scalar:
        return not_scalar
    return Fault("identity_invalid", fault) if fault else None
