from __future__ import annotations

from random import Random
from typing import Any

from consumer.simulator.behaviour import Fault
from consumer.simulator.faults import Faults
from consumer.simulator.update import Update

ANYBODY = Update("mbox3rdPartyId=c-1", b"profile.tier=gold")


def faults(*given: dict[str, Any], seed: int = 0) -> Faults:
    return Faults([Fault.model_validate(one) for one in given], now=100.0, chance=Random(seed))  # noqa: S311  seeded on purpose


def someone(identity: str, encoded: bytes = b"profile.tier=gold") -> Update:
    return Update(identity, encoded)


def test_without_faults_nothing_happens() -> None:
    assert faults().pick(ANYBODY, 100.0) is None


def test_the_first_fault_that_meets_a_call_answers_it() -> None:
    armed = faults({"status": 500, "identities": ["c-2"]}, {"status": 503}, {"status": 504})
    picked = [armed.pick(someone(f"mbox3rdPartyId=c-{number}"), 100.0) for number in (1, 2)]
    assert [fault and fault.status for fault in picked] == [503, 500]


def test_a_fault_meets_as_many_calls_as_it_was_given() -> None:
    for calls in (0, 1, 3):
        armed = faults({"calls": calls})
        assert [armed.pick(ANYBODY, 100.0) is not None for _ in range(5)] == [True] * calls + [False] * (5 - calls)


def test_calls_that_a_fault_does_not_meet_do_not_use_it_up() -> None:
    armed = faults({"calls": 1, "identities": ["c-2"]})
    assert armed.pick(ANYBODY, 100.0) is None
    assert armed.pick(someone("mbox3rdPartyId=c-2"), 100.0) is not None


def test_a_fault_ends_after_its_seconds() -> None:
    armed = faults({"seconds": "2s"})
    assert armed.pick(ANYBODY, 101.999) is not None
    assert armed.pick(ANYBODY, 102.0) is None


def test_identities_are_ids_of_either_kind_with_or_without_the_location_hint() -> None:
    armed = faults({"identities": ["1-2", "3-4.28_20"]})
    met = [
        armed.pick(someone(f"mboxPC={value}"), 100.0) is not None for value in ("1-2", "1-2.28_20", "3-4.28_20", "3-4")
    ]
    assert met == [True, True, True, False]


def test_a_regular_expression_is_searched_in_the_id_alone() -> None:
    armed = faults({"matching": "[0-4]$|mbox"})
    assert armed.pick(someone("mbox3rdPartyId=c-4"), 100.0) is not None
    assert armed.pick(someone("mbox3rdPartyId=c-5"), 100.0) is None


def test_a_share_is_met_about_as_often_and_the_same_calls_with_the_same_seed() -> None:
    drawn = [[faults_.pick(ANYBODY, 100.0) is not None for _ in range(2000)] for faults_ in (
        faults({"share": 0.25}, seed=5), faults({"share": 0.25}, seed=5), faults({"share": 0.25}, seed=6)
    )]  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2]
    assert 400 < sum(drawn[0]) < 600
    assert faults({"share": 0}).pick(ANYBODY, 100.0) is None
    assert faults({"share": 1}).pick(ANYBODY, 100.0) is not None


def test_a_fault_of_attributes_meets_only_updates_that_set_one_of_them() -> None:
    armed = faults({"setting": ["flaw", "other"]})
    assert armed.pick(ANYBODY, 100.0) is None
    assert armed.pick(someone("mbox3rdPartyId=c-1", b"profile.tier=gold&profile.flaw="), 100.0) is not None
    assert armed.pick(someone("mbox3rdPartyId=c-1", b"profile.flawless=1"), 100.0) is None
