"""Reads the parameters of a profile update, and refuses what a client should never send."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

MAX_URL: Final = 8192
MAX_BODY: Final = 61440

_UNENCODED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]")
_PREFIX: Final = "profile."
_ECID: Final = re.compile(r"[0-9]{38}")
_RULES: Final = {
    "mboxPC": re.compile(r"[0-9A-Za-z-]{1,128}(\.[0-9]+_[0-9]+)?"),
    "mbox3rdPartyId": re.compile(r"[^+/]{1,256}", re.DOTALL),
}


class Update(NamedTuple):
    """An update as sent: `identity` as decoded `kind=value`, the `profile.` parameters as they came, joined by `&`."""

    identity: str
    encoded: bytes


class Malformed(NamedTuple):
    """Why the parameters are no update; never holds anything of what was sent."""

    message: str


NOBODY: Final = Update("", b"")


def read_update(form: bytes) -> Update | Malformed:
    """Read `name=value&…`, percent-encoded UTF-8 with `+` for a blank (page "profile-single-api").

    Refused: what is not encoded, encoded badly or not UTF-8; a name that is repeated, unknown or without `=`; not
    exactly one identity, or one that breaks its rules; no attribute at all. Empty values are fine.
    """
    if _UNENCODED.search(form):
        return Malformed("a parameter is not percent-encoded")
    if b"%" in form and not _is_utf8(form):
        return Malformed("a parameter is not UTF-8")
    identities: list[tuple[str, str]] = []
    attributes: list[bytes] = []
    names: set[str] = set()
    for pair in form.split(b"&"):
        raw, equals, value = pair.partition(b"=")
        name = _name(raw)
        if not equals:
            return Malformed("a parameter has no value")
        if name in names:
            return Malformed("a parameter is repeated")
        names.add(name)
        if name.startswith(_PREFIX) and name != _PREFIX:
            attributes.append(pair)
        elif name in _RULES:
            identities.append((name, _decoded(value)))
        else:
            return Malformed("a parameter is not known")
    return _update(identities, attributes)


def attributes_of(encoded: bytes) -> dict[str, str]:
    """Decoded names without `profile.` and values, in the order sent; of the `encoded` part of an `Update`."""
    pairs = (pair.partition(b"=") for pair in encoded.split(b"&") if pair)
    return {_name(raw)[len(_PREFIX) :]: _decoded(value) for raw, _, value in pairs}


def visitor(identity: str) -> str:
    """The identity without the location hint of an `mboxPC`, which may change while the visitor stays the same."""
    return identity.partition(".")[0] if identity.startswith("mboxPC=") else identity


def _update(identities: list[tuple[str, str]], attributes: list[bytes]) -> Update | Malformed:
    if len(identities) != 1:
        return Malformed("exactly one of mboxPC and mbox3rdPartyId is needed")
    kind, value = identities[0]
    if not _RULES[kind].fullmatch(value):
        return Malformed(f"{kind} breaks its rules")
    if _ECID.fullmatch(value):
        return Malformed("the Experience Cloud ID is not supported")
    if not attributes:
        return Malformed("a profile. parameter is needed")
    return Update(f"{kind}={value}", b"&".join(attributes))


def _is_utf8(form: bytes) -> bool:
    try:
        unquote_to_bytes(form).decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode() if b"%" in raw or b"+" in raw else raw.decode("ascii")


_name = lru_cache(maxsize=4096)(_decoded)
