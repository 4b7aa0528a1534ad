from __future__ import annotations

import sys
from typing import Any

from consumer.simulator.history import Call, History

CALL = Call(
    sequence=0,
    received=1.5,
    epoch=1_700_000_000.25,
    method="POST",
    identity="mboxPC=12-3.28_20",
    encoded=b"profile.a=x%20y",
    status=200,
    accepted=True,
    applied=True,
    overlapped=False,
    cause="accepted",
)


def history(*changes: dict[str, Any]) -> History:
    made = History()
    for change in changes:
        made.append(CALL._replace(**change))
    return made


def test_a_call_comes_back_as_it_was_with_its_number() -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"method": "GET", "status": 0},
        {"accepted": False, "applied": False},
        {"applied": False},
        {"overlapped": True, "cause": "fault"},
    ]
    made = history(*variants)
    expected = [CALL._replace(sequence=number, **change) for number, change in enumerate(variants, start=1)]
    assert list(made) == expected
    assert len(made) == 5


def test_a_call_shows_its_attributes_decoded_and_its_visitor() -> None:
    assert CALL.attributes == {"a": "x y"}
    assert CALL.visitor == "mboxPC=12-3"


def test_the_history_is_read_in_pieces() -> None:
    made = history({}, {}, {})
    pieces = [[call.sequence for call in made.since(after, limit)] for after, limit in ((0, 2), (2, 2), (3, 2), (9, 1))]
    assert pieces == [[1, 2], [3], [], []]
    assert [call.sequence for call in made.since(1)] == [2, 3]


def test_columns_are_copies_in_the_order_of_the_history() -> None:
    made = history({"received": 2.0, "status": 503, "cause": "fault"}, {})
    times = made.times()
    made.append(CALL)
    assert list(times) == [2.0, 1.5]
    assert list(made.statuses()) == [503, 200, 200]
    assert made.causes() == ["fault", "accepted", "accepted"]


def test_equal_identities_are_kept_once() -> None:
    names = [b"mbox3rdPartyId=c".decode() for _ in range(2)]
    assert names[0] is not names[1]
    first, second = history({"identity": names[0]}, {"identity": names[1]})
    assert first.identity is second.identity


def test_a_call_of_a_known_visitor_takes_little_more_than_its_attributes() -> None:
    made = History()
    for number in range(10_000):
        made.append(CALL._replace(encoded=b"profile.a=%06d" % number))
    columns = [value for name, value in vars(made).items() if name not in {"_length", "_same"}]
    size = sum(sys.getsizeof(column) for column in columns) + sum(sys.getsizeof(one) for one in made._encoded)
    assert size / len(made) < 120
