"""Mappings at work: finding the one that wants an event, and making its profile update. Pure, and never raising."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from consumer.core.event import DecodeFailed
from consumer.core.formats.registered import RegisteredSchemas, SchemaUnknown, own_id
from consumer.core.paths import Path, Read, read_path
from consumer.core.profile import (
    Identity,
    IdentityKind,
    ProfileUpdate,
    Rejection,
    Result,
    SchemaWanted,
    Skipped,
    Unmatched,
    identity_fault,
)
from consumer.core.times import TimeInvalid, epoch_milliseconds, read_moment
from consumer.core.transforms import Transform, apply_transforms
from consumer.core.values import Fault, constant_of, kind_of, text_of

if TYPE_CHECKING:
    from consumer.core.event import Decoder
    from consumer.core.expression import Expression
    from consumer.core.formats.event_format import EventFormat
    from consumer.core.record import Record

ReadText = Callable[[Any, "Record"], str | None]

_new = tuple.__new__  # a named tuple without the call that takes its fields by name, for what is made for every event
_CLOCK_TOLERANCE = 5 * 60 * 1000  # milliseconds that an event's own time may be ahead of its record's


class Steps(NamedTuple):
    """How a value comes about, one step at a time, for whoever explains it: its source as written, then transforms."""

    word: Literal["from", "const", "cel"]
    written: str
    read: Read
    transforms: tuple[Transform, ...]


class IdentitySource(NamedTuple):
    """One way to know the visitor; `origin` is where the value comes from, as written."""

    kind: IdentityKind
    origin: str
    value: Read
    steps: Steps


class Attribute(NamedTuple):
    """One attribute; `origin` is where its value comes from as written, `text` reads it with all that is done to it."""

    name: str
    origin: str
    text: ReadText
    steps: Steps
    default: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, compiled. `where` holds, for each path, the constants that it may equal (`constant_of`)."""

    name: str
    index: int
    content_hash: str
    topics: tuple[str, ...]
    where: dict[Path, frozenset[Any]]
    format: EventFormat
    when: Expression | None
    identities: tuple[IdentitySource, ...]
    occurred_at: Read | None
    occurred_at_steps: Steps | None
    attributes: tuple[Attribute, ...]
    _texts: tuple[tuple[str, ReadText], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_texts", tuple([(attribute.name, attribute.text) for attribute in self.attributes]))

    def apply(self, event: Any, record: Record) -> Result:  # noqa: ANN401 - any value of an event
        """The update of an event that `where` lets in, or why there is none."""
        validator = self.format.validator
        if validator is not None and not validator.is_valid(event):
            detail = f"{self.name}: {validator.fault(event)}"
            return Rejection("validate", "schema_invalid", detail, self.index)
        part = "when"
        try:
            if self.when is not None and not _truth(self.when.read(event, record)):
                return Skipped(self.index)
            part = "identity"
            identity = self._identify(event, record)
            part = "occurred_at"
            occurred_at = self._time(event, record)
            attributes = {}
            for part, read in self._texts:
                text = read(event, record)
                if text is not None:
                    attributes[part] = text
        except Fault as fault:
            return Rejection("map", fault.reason, f"{self.name}: {part}: {fault.detail}", self.index)
        if not attributes:
            return Skipped(self.index)
        return _new(ProfileUpdate, (identity, attributes, occurred_at, self.index))

    def _identify(self, event: Any, record: Record) -> Identity:  # noqa: ANN401 - any value of an event
        for kind, _, read, _ in self.identities:
            value = read(event, record)
            if value is None or value == "":
                continue
            identity = _new(Identity, (kind, value if value.__class__ is str else text_of(value)))
            if fault := identity_fault(identity):
                raise Fault("identity_invalid", fault)
            return identity
        raise Fault("identity_missing", f"nothing at {' or '.join([identity.origin for identity in self.identities])}")

    def _time(self, event: Any, record: Record) -> int:  # noqa: ANN401 - any value of an event
        value = self.occurred_at(event, record) if self.occurred_at else None
        if value is None or value == "":
            return record.timestamp
        try:
            time = epoch_milliseconds(read_moment(value))
        except TimeInvalid as fault:
            raise Fault("occurred_at_invalid", str(fault)) from None
        return record.timestamp if 0 < record.timestamp < time - _CLOCK_TOLERANCE else time


def _truth(value: Any) -> bool:  # noqa: ANN401 - any result of an expression
    if value.__class__ is not bool:
        raise Fault("expression_failed", f"the condition gives {kind_of(value)}, neither true nor false")
    return bool(value)


def _read_constants(paths: tuple[Path, ...]) -> Read:
    """What reads the key of a table: a tuple of constants, or, where there is one path, the constant itself."""
    reads = [read_path(path) for path in paths]
    if len(reads) == 1:
        return partial(_read_constant, reads[0])
    return lambda event, record: tuple([_read_constant(read, event, record) for read in reads])


def _read_constant(read: Read, event: Any, record: Record) -> Any:  # noqa: ANN401 - any value of an event
    value = read(event, record)
    return value if value.__class__ is str else constant_of(value)


class _Topic:
    """The mappings of one topic: a table per set of `where` paths, from the values there to the mapping."""

    def __init__(self, mappings: list[Mapping], schemas: RegisteredSchemas) -> None:
        self.decode = mappings[0].format.decode  # they all name the same
        if readers := [mapping.format.registered for mapping in mappings if mapping.format.registered]:
            from consumer.core.formats.framed import FramedDecoder  # noqa: PLC0415  # see event_format

            self.decode = FramedDecoder(schemas, readers)
        tables: dict[tuple[Path, ...], dict[Any, Mapping]] = {}
        for mapping in mappings:
            paths = tuple(sorted(mapping.where, key=repr))
            table = tables.setdefault(paths, {})
            wanted = mapping.where[paths[0]] if len(paths) == 1 else product(*[mapping.where[path] for path in paths])
            table.update(dict.fromkeys(wanted, mapping))
        self._tables = [(_read_constants(paths), table) for paths, table in tables.items()]

    def find(self, event: Any, record: Record) -> Mapping | None:  # noqa: ANN401 - any value of an event
        for read, table in self._tables:
            mapping = table.get(read(event, record))
            if mapping is not None:
                return mapping
        return None


class Mappings:
    """All mappings of a deployment; they never overlap (`parse_mappings` sees to it).

    `all` in the order of their files' names, `topics` sorted; `names`, `hashes` (content of mapping and schema) by
    index; `hash` of all together. `framed` are the names of those whose events name a schema of a registry; `schemas`
    are those that it has told, and are added to. (A case is framed with the id of the mapping's own schema.)
    """

    def __init__(self, mappings: tuple[Mapping, ...]) -> None:
        self.all = mappings
        self.topics = tuple(sorted({topic for mapping in mappings for topic in mapping.topics}))
        self.names = tuple(mapping.name for mapping in mappings)
        self.hashes = tuple(mapping.content_hash for mapping in mappings)
        self.hash = content_hash(*[f"{mapping.name} {mapping.content_hash}".encode() for mapping in mappings])
        self.framed = tuple(mapping.name for mapping in mappings if mapping.format.registered)
        own = [mapping.format.registered for mapping in mappings if mapping.format.registered]
        self.schemas = RegisteredSchemas({own_id(schema): schema for schema in own})
        self._by_topic = {
            topic: _Topic([mapping for mapping in mappings if topic in mapping.topics], self.schemas)
            for topic in self.topics
        }

    def decoder(self, topic: str) -> Decoder | None:
        """What reads the events of a topic; None when no mapping wants any of them."""
        known = self._by_topic.get(topic)
        return known.decode if known else None

    def find(self, event: Any, record: Record) -> Mapping | None:  # noqa: ANN401 - any value of an event
        """The mapping that wants the event of a record."""
        topic = self._by_topic.get(record.topic)
        return topic.find(event, record) if topic else None

    def map(self, record: Record) -> Result | SchemaWanted:
        """What a record means; the same record always gives the same result, and no record raises.

        Only what a registry has not told yet must be had first: `SchemaWanted`, until it is among `schemas`.
        """
        payload = record.value
        if payload is None:
            return Skipped()
        topic = self._by_topic.get(record.topic)
        if topic is None:
            return Unmatched()
        try:
            event = topic.decode(payload)
        except DecodeFailed as failure:
            return Rejection("decode", "decode_failed", str(failure))
        except SchemaUnknown as unknown:
            return SchemaWanted(unknown.id)
        mapping = topic.find(event, record)
        return mapping.apply(event, record) if mapping else Unmatched()


def attribute_text(
    value: Read, transforms: tuple[Transform, ...], default: str | None, *, required: bool, limit: int
) -> ReadText:
    """Reads a transformed value's text of at most `limit` characters; nothing gives the default, None, or a `Fault`."""

    def read(event: Any, record: Record) -> str | None:  # noqa: ANN401 - any value of an event
        text: Any = value(event, record)
        if transforms:
            text = apply_transforms(text, transforms)
        if text is None or text == "":
            if required and default is None:
                raise Fault("required_missing", "required, and nothing is there")
            return default
        if text.__class__ is not str:
            text = text_of(text)
        if len(text) > limit:
            raise Fault("value_too_long", f"longer than {limit} characters; a mapping may truncate")
        return text  # type: ignore[no-any-return]  # str by now; a call to say so costs time

    return read


def content_hash(*contents: bytes) -> str:
    """Sixteen hex digits that change when any of the contents does."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8) + content)
    return digest.hexdigest()[:16]
