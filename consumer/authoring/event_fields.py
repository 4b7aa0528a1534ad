"""The fields of an event by its schema, and what each is good for: finding the mapping, the visitor, the time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from consumer.core.paths import Path, path_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.core.formats.event_schema import Shape
    from consumer.core.paths import Step
    from consumer.core.profile import IdentityKind

Role = Literal["mapping", "customer", "visitor", "time", "personal", "attribute"]

_DEEPEST = 6
_SCALARS = frozenset({"string", "integer", "boolean"})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WHOSE = {"customer", "member", "user", "client", "subscriber", "person", "party", "crm", "account", "profile", "guest"}
_NUMBERS = {"id", "number", "no", "nr", "key", "uuid", "code"}
_VISITOR = {"tnt", "mbox", "visitor"}
_TYPES = {"type", "kind", "event", "action"}
_TIMES = {"at", "time", "timestamp", "ts", "date", "when", "datetime"}
_PERSONAL = {"email", "mail", "phone", "mobile", "msisdn", "iban", "ssn", "bsn", "passport", "birth", "street", "ip"}


class EventField(NamedTuple):
    """A scalar, or a list of scalars, with its path and the shape of what stands there."""

    path: Path
    shape: Shape

    @property
    def written(self) -> str:
        """The path as it is written in a mapping."""
        return path_text(self.path)

    @property
    def words(self) -> list[str]:
        """The words that the names on the way consist of, in lower case: `loan.termMonths` has loan, term, months."""
        return [word.lower() for step in self.path.steps for word in _WORDS.findall(str(step))]

    @property
    def last_words(self) -> set[str]:
        """Those of the last name."""
        return {word.lower() for word in _WORDS.findall(str(self.path.steps[-1]))}

    @property
    def is_list(self) -> bool:
        """Whether it is a list of scalars."""
        return "array" in self.shape.kinds and not self.shape.kinds & _SCALARS

    @property
    def is_time(self) -> bool:
        """Whether it looks like a moment."""
        if set(self.shape.said("format")) & {"date-time", "date"}:
            return True
        return bool(self.last_words & _TIMES) and bool(self.shape.kinds & {"string", "integer"}) and not self.is_list


class Lists(NamedTuple):
    """A list of objects: which of its items is wanted, a person has to say."""

    path: Path
    names: tuple[str, ...]


def fields_of(
    shape: Shape, steps: tuple[Step, ...] = (), seen: tuple[object, ...] = ()
) -> Iterator[EventField | Lists]:
    """The fields in the order of the schema; one that contains itself is followed once."""
    if len(steps) >= _DEEPEST or shape.identity in seen:
        return
    if shape.names and "object" in shape.kinds:
        for name in shape.names:
            yield from fields_of(shape.field(name), (*steps, name), (*seen, shape.identity))
    elif steps and shape.kinds & _SCALARS:
        yield EventField(Path("event", steps), shape)
    elif "array" in shape.kinds and steps:
        item = shape.item()
        if item.kinds & _SCALARS and not item.names:
            yield EventField(Path("event", steps), shape)
        elif item.names:
            yield Lists(Path("event", steps), item.names)


def first_of(fields: Iterable[EventField], role: Role) -> EventField | None:
    """The field that fits a role best, None when none does."""
    ranked = [(rank, field) for field in fields if (rank := _RANKS[role](field))]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def is_personal(field: EventField) -> bool:
    """Whether it may tell who somebody is."""
    return bool(set(field.words) & _PERSONAL)


def identity_kind(field: EventField) -> IdentityKind:
    """How Target would know the visitor by this field."""
    return "mboxPC" if _visitor(field) else "mbox3rdPartyId"


def _depth(field: EventField) -> int:
    return _DEEPEST - len(field.path.steps)


def _mapping(field: EventField) -> int:
    return _depth(field) * bool(field.shape.constants) * bool(field.last_words & _TYPES) * (not field.is_list)


def _customer(field: EventField) -> int:
    if field.is_list or not field.shape.kinds & {"string", "integer"} or field.is_time or field.shape.constants:
        return 0
    words = field.words
    whose, number = bool(set(words) & _WHOSE), bool(field.last_words & _NUMBERS)
    return (10 + _depth(field)) * (whose and number and not _visitor(field))


def _visitor(field: EventField) -> int:
    return _depth(field) * bool(set(field.words) & _VISITOR) * bool(field.last_words & (_NUMBERS | {"pc"}))


def _time(field: EventField) -> int:
    return (1 + _depth(field) + 10 * ("occurred" in field.words)) * field.is_time


_RANKS = {"mapping": _mapping, "customer": _customer, "visitor": _visitor, "time": _time}
