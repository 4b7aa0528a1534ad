"""Events of the four use cases as customers of a bank with shops would make them, for the demo and for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TOPICS = ("customer.contacts", "customer.loans", "customer.loyalty", "customer.kiosks")

_CITIES = ("Amsterdam", "Utrecht", "Rotterdam", "Groningen", "Eindhoven")


class Sample(NamedTuple):
    """One record to produce; `customer` is the key of a valid event, None of one that is to become a dead letter."""

    topic: str
    customer: str | None
    value: bytes


def sample_events(random: Random, count: int, customers: int, start: float) -> Iterator[Sample]:
    """`count` valid events of so many customers, a second apart from `start` (epoch seconds) on.

    Every event carries its own number in some attribute, so that it can be told from all others.
    """
    makers = (_contact, _loan, _loyalty, _kiosk)
    for number in range(count):
        which = random.choices(range(4), weights=(3, 1, 5, 3))[0]
        customer = f"c-{random.randrange(customers):04}"
        at = datetime.fromtimestamp(int(start) + number, UTC)
        yield Sample(TOPICS[which], customer, orjson.dumps(makers[which](random, customer, at, number)))


def bad_events() -> list[Sample]:
    """What must become dead letters: no JSON, no customer, a broken schema, an identity that Target can't take."""
    at = "2026-03-01T09:30:00Z"
    loan = {"type": "loan.funded", "occurred_at": at, "loan": {"amount": 1}, "officer": {"name": "Jo"}, "customer": {}}
    return [
        Sample("customer.loyalty", None, b"loyalty card used, as text"),
        Sample("customer.loans", None, orjson.dumps(loan)),
        Sample("customer.contacts", None, orjson.dumps({"type": "contact.closed", "duration_minutes": "long"})),
        Sample("customer.loans", None, orjson.dumps(loan | {"customer": {"id": "a+b/c"}})),
    ]


def _contact(random: Random, customer: str, at: datetime, number: int) -> dict[str, Any]:
    return {
        "type": random.choice(("contact.closed", "contact.escalated")),
        "ended_at": int(at.timestamp() * 1000),
        "customer": {"id": customer},
        "channel": random.choice(("PHONE", "CHAT", "CALLBACK")),
        "reason": {"code": random.choice(("CARD_LOST", "NEW_LOAN", "ADDRESS")), "tags": [" Urgent", f"Case {number}"]},
        "duration_minutes": number + 0.4,
        "survey": {"satisfied": random.choice(("yes", "no"))},
        "agents": [{"team": "first line"}, {"team": f"desk {number % 7}"}],
    }


def _loan(random: Random, customer: str, at: datetime, number: int) -> dict[str, Any]:
    return {
        "type": "loan.funded",
        "occurred_at": at.isoformat(),
        "customer": {"id": customer, "email": f"{customer}@example.com"},
        "loan": {
            "product": random.choice(("MORTGAGE", "CAR", "PERSONAL")),
            "amount": 1000 + number,
            "term_months": random.choice((12, 60, 360)),
        },
        "branch": {"code": random.choice(_CITIES)[:3].upper()},
        "officer": {"name": random.choice(("Pieter de Wit", "Anna Bakker"))},
    }


def _loyalty(random: Random, customer: str, at: datetime, number: int) -> dict[str, Any]:
    return {
        "type": "loyalty.card_used",
        "customer": {"id": customer},
        "card": {
            "number": f"**** {number % 10_000:04}",
            "status": "ACTIVE",
            "tier": random.choice("GSB"),
            "points_balance": number,
        },
        "store": {"number": random.randrange(1, 400), "name": f"{random.choice(_CITIES)} "},
        "purchase": {
            "at": at.isoformat(),
            "total": round(random.uniform(1, 200), 2),
            "categories": ["Bread", "Garden"],
        },
    }


def _kiosk(random: Random, customer: str, at: datetime, number: int) -> dict[str, Any]:
    return {
        "type": "kiosk.accessed",
        "customer": {"id": customer, "phone": "+31 6 1234 5678"},
        "kiosk": {"id": f"k{random.randrange(40)}", "site": random.choice(_CITIES)},
        "session": {
            "started_at": int(at.timestamp()),
            "language": random.choice(("nl-NL", "en-GB")),
            "searches": [{"text": "Opening hours"}],
            "pages_viewed": number,
        },
    }
