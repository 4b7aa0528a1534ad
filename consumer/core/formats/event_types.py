"""The types of events whose format declares them, Avro and Protobuf; in Avro's words, which are the wider ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class EventField:
    """A field of a record; `default` is JSON, and there is one only if `optional`."""

    name: str
    type: EventType
    aliases: tuple[str, ...] = ()
    optional: bool = False
    default: Any = None


@dataclass(slots=True, eq=False)
class EventType:
    """One type; a recursive schema contains itself.

    `kind` is a primitive of Avro, or record, enum, fixed, array, map, union, any. `inner` are the items, values or
    branches; `aliases` are full names; `default` is an enum's.
    """

    kind: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    logical: str = ""
    scale: int = 0
    size: int = 0
    symbols: tuple[str, ...] = ()
    default: str | None = None
    inner: list[EventType] = field(default_factory=list)
    fields: list[EventField] = field(default_factory=list)
