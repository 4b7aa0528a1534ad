"""What mapping makes of an event: an update of one visitor's profile, or the reason why there is none."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

IdentityKind = Literal["mbox3rdPartyId", "mboxPC"]
Stage = Literal["decode", "validate", "map", "send"]

REASONS: dict[Stage, tuple[str, ...]] = {
    "decode": ("decode_failed",),
    "validate": ("schema_invalid",),
    "map": (
        "expression_failed",
        "identity_missing",
        "identity_invalid",
        "required_missing",
        "transform_failed",
        "value_not_scalar",
        "value_too_long",
        "value_not_exact",
        "occurred_at_invalid",
    ),
    "send": ("refused", "too_large", "gave_up"),
}
"""Every reason of a rejection, by the stage that finds it."""

_MBOX_PC = re.compile(r"[0-9A-Za-z-]{1,128}(?:\.[0-9]+_[0-9]+)?")
_unreserved = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_ECID_DIGITS = 38
_LONGEST_THIRD_PARTY_ID = 256


class Identity(NamedTuple):
    """How Target knows the visitor: exactly one of its two parameters, as text, not encoded."""

    kind: IdentityKind
    value: str

    def key(self) -> bytes:
        """The visitor's lane key: the encoded parameter; of an `mboxPC` only what stands before the edge suffix."""
        if self.kind == "mboxPC":
            return b"mboxPC=" + self.value.partition(".")[0].encode()
        return encode_identity(self)


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


class SchemaWanted(NamedTuple):
    """No result yet: the event can't be read before the registry has told the schema `id`."""

    id: int


Result = ProfileUpdate | Skipped | Unmatched | Rejection


def identity_fault(identity: Identity) -> str | None:
    """Why Target would not take this identity, None when it would; never holds the identity.

    An ECID (38 digits) is told apart because the API silently knows nobody by it ("profile-single-api").
    """
    kind, value = identity
    if len(value) == _ECID_DIGITS and value.isascii() and value.isdigit():
        return "38 digits are an Experience Cloud ID (ECID), which the Single Profile Update API does not support"
    if kind == "mboxPC":
        if _MBOX_PC.fullmatch(value):
            return None
        return "an mboxPC is 1 to 128 letters, digits and hyphens, then optionally a dot and digits_digits"
    if len(value) > _LONGEST_THIRD_PARTY_ID:
        return f"an mbox3rdPartyId has at most {_LONGEST_THIRD_PARTY_ID} characters"
    if "+" in value or "/" in value:
        return "an mbox3rdPartyId holds no plus sign and no slash"
    return None


def encode_identity(identity: Identity) -> bytes:
    """The identity parameter as it is sent: `mbox3rdPartyId=c-1`, percent-encoded ASCII."""
    return f"{identity.kind}={_percent_encoded(identity.value)}".encode()


def encode_attributes(attributes: Mapping[str, str]) -> bytes:
    """`name=value&name=value`, percent-encoded ASCII, in the order given; without the prefix `profile.`."""
    values = tuple(attributes.values())
    if not _unreserved("".join(values)):  # one look at all of them: most need no encoding
        values = tuple(map(_percent_encoded, values))
    return (_template(tuple(attributes)) % values).encode()


@lru_cache(maxsize=4096)
def _template(names: tuple[str, ...]) -> str:
    """What the values are put into; names come from mapping files, so that there are few such tuples."""
    return "&".join([_percent_encoded(name).replace("%", "%%") + "=%s" for name in names])


def _percent_encoded(text: str) -> str:
    """RFC 3986: everything but unreserved characters as the percent-encoded bytes of its UTF-8."""
    return text if _unreserved(text) else quote(text, safe="")
