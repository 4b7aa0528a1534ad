from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from consumer.adapters.status import MappingStatus, QuotaStatus, StatusBoard, rfc3339, to_json
from consumer.core.state import State
from tests.adapters.snapshots import WALL, partition, snapshot, status


def test_status_json_has_exactly_the_keys_of_the_contract_in_their_order() -> None:
    shown = json.loads(to_json(status()))
    assert list(shown) == ["state", "since", "version", "mappings", "partitions", "calls", "quota"]
    assert list(shown["mappings"][0]) == ["name", "hash", "records"]
    assert " ".join(shown["partitions"][0]) == (
        "topic partition state since committed position end lag pending in_flight reason"
    )
    assert list(shown["quota"]) == ["limit", "window_seconds", "used", "left", "next_free_at"]


def test_status_json_holds_the_values() -> None:
    mapping = MappingStatus(name="m", hash="h", records=MappingProxyType({"delivered": 3}))
    shown = json.loads(
        to_json(
            status(
                State.QUOTA_BLOCKED,
                mappings=(mapping,),
                partitions=(partition(4, State.PARKED, reason="waits for a retry", pending=2, in_flight=1),),
                calls=MappingProxyType({"delivered": 9}),
                quota=QuotaStatus(limit=10, window_seconds=60.5, used=10, left=0, next_free_at=WALL + 30),
            )
        )
    )
    assert shown["state"] == "quota_blocked"
    assert shown["since"] == "2026-03-01T09:20:00Z"
    assert shown["mappings"] == [{"name": "m", "hash": "h", "records": {"delivered": 3}}]
    assert shown["partitions"] == [
        {
            "topic": "customer.loans",
            "partition": 4,
            "state": "parked",
            "since": "2026-03-01T09:29:00Z",
            "committed": 10,
            "position": 40,
            "end": 50,
            "lag": 40,
            "pending": 2,
            "in_flight": 1,
            "reason": "waits for a retry",
        }
    ]
    assert shown["calls"] == {"delivered": 9}
    assert shown["quota"] == {
        "limit": 10,
        "window_seconds": 60.5,
        "used": 10,
        "left": 0,
        "next_free_at": "2026-03-01T09:30:30Z",
    }


def test_what_is_not_known_is_null() -> None:
    shown = json.loads(
        to_json(
            status(
                partitions=(partition(committed=None, position=None, end=None, lag=None),),
                quota=QuotaStatus(limit=0, window_seconds=60),
            )
        )
    )
    assert [shown["partitions"][0][name] for name in ("committed", "position", "end", "lag", "reason")] == [None] * 5
    assert [shown["quota"][name] for name in ("used", "left", "next_free_at")] == [None] * 3


@pytest.mark.parametrize(
    ("wall", "text"),
    [(None, None), (0, "1970-01-01T00:00:00Z"), (WALL + 0.999, "2026-03-01T09:30:00Z")],
)
def test_times_are_rfc_3339_in_utc_with_whole_seconds(wall: float | None, text: str | None) -> None:
    assert rfc3339(wall) == text


def test_a_board_shows_the_snapshot_published_last() -> None:
    board = StatusBoard(one := snapshot(State.STARTING))
    assert board.latest is one
    board.publish(two := snapshot())
    assert board.latest is two


def test_stopping_changes_the_state_and_nothing_else() -> None:
    before = snapshot(pending_events=3)
    after = before.stopping(WALL)
    assert (after.status.state, after.status.since) == (State.STOPPING, WALL)
    assert (after.pending_events, after.status.partitions) == (3, before.status.partitions)
