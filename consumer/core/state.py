"""The one named state that every partition, and the whole service, is in: progress or a named reason."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


class State(StrEnum):
    """Why something moves or does not; in the order of precedence, the three of the service alone at the end."""

    DEAD_LETTER_BLOCKED = "dead_letter_blocked"
    CREDENTIALS_REFUSED = "credentials_refused"
    SCHEMA_REGISTRY_UNAVAILABLE = "schema_registry_unavailable"
    BREAKER_OPEN = "breaker_open"
    QUOTA_BLOCKED = "quota_blocked"
    THROTTLED = "throttled"
    PARKED = "parked"
    PACED = "paced"
    PROGRESSING = "progressing"
    IDLE = "idle"
    STARTING = "starting"
    KAFKA_UNREACHABLE = "kafka_unreachable"
    STOPPING = "stopping"


SERVICE_STATES = (State.STOPPING, State.KAFKA_UNREACHABLE, State.STARTING)
"""What only the whole service can show, in the order of precedence."""

PARTITION_STATES = tuple(state for state in State if state not in SERVICE_STATES)
"""What a partition can show, in the order of precedence."""

_RANK = {state: rank for rank, state in enumerate((*SERVICE_STATES, *PARTITION_STATES))}


def first(holding: Iterable[State]) -> State:
    """The state that is shown when several hold; `idle` when none does.

    Serves a partition (of the states that hold for it) and the service (of what its partitions show, with
    `starting`, `kafka_unreachable` or `stopping` added where they hold: these outrank every partition's).
    """
    return min(holding, key=_RANK.__getitem__, default=State.IDLE)


class Entered(NamedTuple):
    """A state and the wall clock's epoch seconds at which it began."""

    state: State
    since: float


K = TypeVar("K", bound="Hashable")


class StateBook(Generic[K]):
    """Remembers the state of each key and since when, and tells what changed."""

    def __init__(self) -> None:
        self._entered: dict[K, Entered] = {}

    def enter(self, key: K, state: State, wall: float) -> Entered | None:
        """Note what `key` shows at `wall`; the state that it left, None when it stays (or is new)."""
        left = self._entered.get(key)
        if left is not None and left.state == state:
            return None
        self._entered[key] = Entered(state, wall)
        return left

    def __getitem__(self, key: K) -> Entered:
        return self._entered[key]

    def forget(self, key: K) -> None:
        """Drop a key, known or not: its partition is no longer ours."""
        self._entered.pop(key, None)


class NotNow(NamedTuple):
    """Why no call may leave, and in how many seconds it is worth asking again (infinite: after the next answer)."""

    state: State
    seconds: float
