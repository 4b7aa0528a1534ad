"""Moments of a service, one for each state, with all that the status page can show; nothing in them is random."""

from __future__ import annotations

from math import pi, sin
from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters.history import Sample
from consumer.adapters.status import DeadLettered, MappingStatus, PartitionStatus, QuotaStatus, Snapshot, Status
from consumer.core.state import SERVICE_STATES, State

if TYPE_CHECKING:
    from collections.abc import Sequence

WALL = 1_772_361_900.0
"""2026-03-01T10:45:00Z, the moment shown."""

GROUP, CLIENT = "loyalty-and-loans", "acmebank"
LIMIT, WINDOW = 1_000_000, 86_400
MINUTES = 24 * 60
_USED = 612_408

_TOPICS = {"customer.loans": 4, "loyalty.card-used": 3, "store.kiosk.accessed": 1}


class _Shown(NamedTuple):
    """What one partition of a topic shows in a state: its reason, events pending, calls in flight and lag."""

    reason: str | None = None
    pending: int = 0
    in_flight: int = 0
    lag: int = 0


_PARTITIONS = {
    State.DEAD_LETTER_BLOCKED: _Shown("the topic loyalty-and-loans.dead-letters can't be written", 311, 2, 4_120),
    State.CREDENTIALS_REFUSED: _Shown("Target answered 401 to our token", 12_400, 0, 18_230),
    State.SCHEMA_REGISTRY_UNAVAILABLE: _Shown("no answer about the schema with id 42", 1, 0, 640),
    State.BREAKER_OPEN: _Shown(None, 2_030, 1, 2_114),
    State.QUOTA_BLOCKED: _Shown("the next call comes free at 14:05 UTC", 41_213, 0, 183_006),
    State.THROTTLED: _Shown(None, 870, 8, 1_002),
    State.PARKED: _Shown(None, 26_112, 1, 31_877),
    State.PACED: _Shown(None, 9_310, 3, 12_504),
    State.PROGRESSING: _Shown(None, 23, 4, 31),
    State.IDLE: _Shown(),
}


def moment(state: State, wall: float = WALL) -> Snapshot:
    """The service in a state; partitions beside the first are as they may be meanwhile."""
    status = _status(state, wall)
    joined = state not in (State.STARTING, State.KAFKA_UNREACHABLE)
    letters = tuple(letter._replace(at=letter.at - WALL + wall) for letter in _DEAD_LETTERS)
    return Snapshot(
        status=status,
        joined=joined,
        credentials_refused=state is State.CREDENTIALS_REFUSED,
        kafka_failing_why="" if joined else "no broker answers at kafka-1:9093",
        pending_events=sum(part.pending for part in status.partitions),
        in_flight_calls=sum(part.in_flight for part in status.partitions),
        oldest_pending_seconds=6_751.0 if state is State.QUOTA_BLOCKED else 1.4,
        dead_letters=letters if joined else (),
        unmapped={"unmatched": 1_304, "dead_lettered": 2} if joined else {},
    )


def day(state: State, wall: float = WALL) -> Sequence[Sample]:
    """The 24 hours before `wall`, minute by minute: few calls at night, many in the evening; an hour's gap."""
    now = int(wall // 60)
    blocked = state is State.QUOTA_BLOCKED
    samples = []
    for minute in range(now - MINUTES, now):
        light = max(0.0, sin(pi * ((minute / 60 - 6) % 24) / 18))
        unrest = sin(minute / 17) + sin(minute / 5.3)
        calls = int(40 + light * (760 + 60 * unrest))
        used = int(_USED + 190_000 * (sin(2 * pi * (minute - now + 400) / MINUTES) - sin(2 * pi * 400 / MINUTES)))
        if blocked:
            used = min(LIMIT, used + 400 * max(0, minute - now + MINUTES - 300))
            calls = 0 if used == LIMIT else calls
        samples.append(Sample(minute, calls, used))
    return [sample for sample in samples if not now - 600 <= sample.minute < now - 540]


def _status(state: State, wall: float) -> Status:
    partitions = () if state in (State.STARTING, State.KAFKA_UNREACHABLE) else _partitions(state, wall)
    blocked = state is State.QUOTA_BLOCKED
    used = LIMIT if blocked else _USED
    return Status(
        state=state,
        since=wall - 5_580,
        version="1.0.0",
        mappings=_MAPPINGS,
        partitions=partitions,
        calls={"delivered": 588_104, "throttled": 31, "transient": 212, "refused": 7},
        quota=QuotaStatus(
            limit=LIMIT,
            window_seconds=WINDOW,
            used=used,
            left=LIMIT - used,
            next_free_at=wall + 12_000 if blocked else None,
        ),
    )


def _partitions(state: State, wall: float) -> tuple[PartitionStatus, ...]:
    """The first of each topic in the state (all, when it concerns all); the others go on."""
    own = State.PROGRESSING if state in SERVICE_STATES else state
    of_all = own in (State.QUOTA_BLOCKED, State.CREDENTIALS_REFUSED, State.BREAKER_OPEN, State.IDLE)
    return tuple(
        _partition(topic, number, own if of_all or not number else State.PROGRESSING, wall)
        for topic, count in _TOPICS.items()
        for number in range(count)
    )


def _partition(topic: str, number: int, state: State, wall: float) -> PartitionStatus:
    shown, busy, end = _PARTITIONS[state], 5 + (7 * number + len(topic)) % 8, 8_402_117 + 931 * number + 77 * len(topic)
    lag, pending = shown.lag * busy // 10, shown.pending * busy // 10
    return PartitionStatus(
        topic=topic,
        partition=number,
        state=state,
        since=wall - 5_580 - 60 * number,
        committed=end - lag,
        position=end - lag + pending,
        end=end,
        lag=lag,
        pending=pending,
        in_flight=shown.in_flight,
        reason=shown.reason,
    )


_MAPPINGS = tuple(
    MappingStatus(name=name, hash=digest, records=records)
    for name, digest, records in (
        ("call-center-contact", "4be20c9917aa", {"delivered": 91_870, "skipped": 3_112}),
        ("kiosk-accessed", "a0c31f5d2290", {"delivered": 12_006, "skipped": 40, "dead_lettered": 5}),
        ("loan-funded", "9f3ac01b77de", {"delivered": 4_218, "dead_lettered": 1}),
        ("loyalty-card-used", "c11d8e4470b3", {"delivered": 1_904_377, "skipped": 208}),
    )
)
_DEAD_LETTERS = (
    DeadLettered(WALL - 1_260, "store.kiosk.accessed", 0, 8_399_804, "map", "identity_missing", "kiosk-accessed"),
    DeadLettered(WALL - 9_410, "customer.loans", 2, 8_300_071, "decode", "decode_failed", None),
    DeadLettered(WALL - 40_100, "customer.loans", 1, 8_211_650, "send", "target_refused", "loan-funded"),
)
