"""The visitors' profiles as the updates left them, and the page of the fetch API that shows one."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from consumer.simulator.behaviour import Behaviour
    from consumer.simulator.history import History


class Value(NamedTuple):
    """One attribute's value and when it was accepted, in seconds since 1970."""

    text: str
    modified_at: float


def is_known(behaviour: Behaviour, visitor: str) -> bool:
    """Whether Target has a profile of the visitor (`kind=id`); updates make none (page "profile-single-api")."""
    known = behaviour.profiles
    if known == "every":
        return True
    identity = visitor.partition("=")[2]
    return identity in known.identities or identity.startswith(known.prefixes)


class Profiles:
    """Profiles worked out from the history when somebody looks, so that a call costs nothing here."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._seen = 0
        self._values: dict[str, dict[str, Value]] = {}
        self._lock = Lock()

    def of(self, visitor: str) -> dict[str, Value]:
        """The attributes of a visitor (`kind=id`); a copy."""
        with self._lock:
            for call in self._history.since(self._seen):
                self._seen = call.sequence
                if call.applied:
                    values = self._values.setdefault(call.visitor, {})
                    values.update({name: Value(text, call.epoch) for name, text in call.attributes.items() if text})
            return dict(self._values.get(visitor, {}))


def page(client: str, visitor: str, values: dict[str, Value]) -> dict[str, Any]:
    """What the fetch API shows of a profile (page "profiles-api")."""
    shown = {name: {"value": value.text, "modifiedAt": _iso(value.modified_at)} for name, value in values.items()}
    newest = max((value.modified_at for value in values.values()), default=0.0)
    return {
        "client": client,
        "visitorId": visitor.partition("=")[2],
        "modifiedAt": _iso(newest),
        "profileAttributes": shown,
    }


def not_found(client: str, visitor: str) -> dict[str, Any]:
    """What the fetch API says of a visitor it does not know (page "profile-fetch")."""
    kind, _, identity = visitor.partition("=")
    where = f"mboxPC={identity}" if kind == "mboxPC" else f"third party id={identity}"
    return {"status": 404, "message": f"No profile found for client {client} with {where}"}


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")
