"""What mapping makes of an event: an update of one visitor's profile, or the reason why there is none."""

from __future__ import annotations

from typing import Literal, NamedTuple

IdentityKind = Literal["mbox3rdPartyId", "mboxPC"]
Stage = Literal["decode", "validate", "map", "send"]


class Identity(NamedTuple):
    """How Target knows the visitor: exactly one of its two parameters, as text, not encoded."""

    kind: IdentityKind
    value: str


class ProfileUpdate(NamedTuple):
    """Attribute values for one visitor, as text, not encoded, named without `profile.`; never empty.

    `occurred_at` is the event's time in integer milliseconds since the epoch; `mapping` is the index of the
    mapping in its `Mappings`.
    """

    identity: Identity
    attributes: dict[str, str]
    occurred_at: int
    mapping: int


class Skipped(NamedTuple):
    """Nothing to do: a tombstone, a false condition, or no attribute left. `mapping` is None before one is found."""

    mapping: int | None = None


class Unmatched(NamedTuple):
    """No mapping wants this event."""


class Rejection(NamedTuple):
    """The event can't be delivered; it goes to the dead letters. `detail` never holds a value of the event."""

    stage: Stage
    reason: str
    detail: str
    mapping: int | None = None


Result = ProfileUpdate | Skipped | Unmatched | Rejection
