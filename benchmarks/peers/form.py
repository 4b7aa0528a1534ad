"""What a peer sends of an event: the same five attributes as our mapping."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote


def form(event: dict[str, Any]) -> bytes:
    """The body of a POST."""
    values = {
        "mbox3rdPartyId": event["customer"]["id"],
        "profile.number": str(event["number"]),
        "profile.at": event["at"],
        "profile.lastStore": event["store"]["id"].upper(),
        "profile.lastCity": event["store"]["city"],
        "profile.lastVisitOn": event["occurred_at"][:10],
    }
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items()).encode()
