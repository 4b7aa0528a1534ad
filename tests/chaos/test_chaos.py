"""A handful of fixed seeds, one of each theme; `make chaos` runs fresh ones, `make chaos-proof` the planted bugs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from consumer.simulator.history import Call
from tests.chaos.ledger import Disruption, Entry, Happened, Letter, Observation, judge
from tests.chaos.plan import THEMES, make
from tests.chaos.world import World
from tests.conftest import start_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka import KafkaCluster

SEEDS = (7, 8, 9, 10, 11, 12)
"""One of each theme but the mixed one, which the others make up."""


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaCluster]:
    """One for all seeds, to be hurt at will."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP names a broker that tests must not hurt")
    yield from start_kafka()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_nothing_is_lost_or_stale(broker: KafkaCluster, tmp_path: Path, seed: int) -> None:
    verdict = World(broker, tmp_path, make(seed)).run()
    assert verdict.delivered > 500


def test_a_seed_makes_the_same_plan_each_time_and_every_theme_comes_round() -> None:
    assert make(7) == make(7) != make(14)
    assert {make(seed).theme for seed in range(len(THEMES))} == set(THEMES)
    assert "7.0" not in str(make(7))
    assert str(make(7)).startswith("seed 7: rebalance, ")


# -- the judge, who must not be blind ----------------------------------------------------------------------------------

FIRST, SECOND = Entry(0, 0, "c1", 0, 1, "delivered"), Entry(0, 1, "c1", 1, 2, "delivered")


def call(*numbers: int, slots: tuple[int, ...] = (0, 1), accepted: bool = True, **changes: object) -> Call:
    """A call that carries the events of these numbers, merged."""
    pairs = [f"profile.e{slot}={number}" for number, slot in zip(numbers, slots, strict=False)]
    encoded = "&".join([f"profile.latest={numbers[-1]}", *pairs]).encode()
    made = Call(0, 10.0, 0.0, "POST", "mbox3rdPartyId=c1", encoded, 200, accepted, accepted, False, "accepted")  # noqa: FBT003  # a row
    return made._replace(**changes)  # type: ignore[arg-type]


def faults(entries: list[Entry], *calls: Call, **changes: object) -> list[str]:
    happened = Happened(calls, [], [], [], unclean=False)
    return judge(entries, happened._replace(**changes)).faults  # type: ignore[arg-type]


def test_the_judge_finds_nothing_where_nothing_is_wrong() -> None:
    assert faults([FIRST, SECOND], call(1, 2)) == []
    assert faults([FIRST, SECOND], call(1), call(2, slots=(1,))) == []
    assert faults([FIRST], call(1), letters=[], observations=[Observation(0.0, 1, {0: 1})]) == []


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([], "0@0 is lost: c1.e0 never came to 1"),
        ([call(1, accepted=False)], "0@0 is lost"),
        ([call(1, 2), call(1)], "c1.latest went back from 2 to 1"),
        ([call(1, 2), call(1, 2)], "1 calls brought nothing newer, 0 may"),
        ([call(1, 2), call(3, slots=())], "c1.latest was set to 3, which no event says"),
        ([call(1), call(2, slots=(1,), overlapped=True)], "began while another was not answered"),
    ],
)
def test_the_judge_finds_calls_that_are_wrong(calls: list[Call], words: str) -> None:
    assert any(words in fault for fault in faults([FIRST, SECOND], *calls))


def test_an_older_value_that_stays_is_found_after_a_crash_too() -> None:
    crash = [Disruption(10.0, 10.0)]
    found = faults([FIRST, SECOND], call(1, 2), call(1), unclean=True, disruptions=crash)
    assert found == ["c1.latest ends with 1, not with 2"]
    assert faults([FIRST, SECOND], call(1, 2), call(1), call(1, 2), unclean=True, disruptions=crash) == []


def test_only_a_member_that_others_took_over_from_may_be_late() -> None:
    lost = [Disruption(1.0, 9.0, lost=True)]
    assert faults([FIRST, SECOND], call(1, 2), call(1), unclean=True, disruptions=lost) == []
    twice = [call(1, slots=(0,)), call(1, slots=(0,))]
    assert faults([FIRST, SECOND], call(1, 2), *twice[:1], unclean=True, disruptions=lost) == []
    found = faults([FIRST, SECOND], call(1, 2), *twice, unclean=True, disruptions=lost)
    assert found == ["2 late calls of lost members, 1 may be"]
    late = call(1, received=13.0)
    assert "c1.latest ends with 1, not with 2" in faults(
        [FIRST, SECOND], call(1, 2), late, unclean=True, disruptions=lost
    )


@pytest.mark.parametrize(
    ("fate", "died", "words"),
    [
        ("delivered", True, "0@0 (delivered) is a dead letter"),
        ("skipped", True, "0@0 (skipped) is a dead letter"),
        ("unmatched", True, "0@0 (unmatched) is a dead letter"),
        ("dead", False, "0@0 is lost: it can't be decoded, and is no dead letter"),
        ("flawed", False, "0@0 is lost: c1.e0 never came to 1"),
        ("skipped", False, ""),
        ("dead", True, ""),
        ("flawed", True, ""),
    ],
)
def test_the_judge_knows_what_must_become_of_each_event(fate: str, words: str, *, died: bool) -> None:
    letters = [Letter(0, 0, 1.0)] if died else []
    found = faults([FIRST._replace(fate=fate)], letters=letters)  # type: ignore[arg-type]
    assert found[:1] == ([words] if words else [])


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([Observation(5.0, 0, {0: 1})], "0@0 (delivered) was committed before it was resolved"),
        ([Observation(5.0, 1, {0: 2})], "0@1 (dead) was committed before it was resolved"),
        ([Observation(9.0, 1, {0: 2}), Observation(9.5, 1, {0: 1})], "the commit of partition 0 went back from 2 to 1"),
        ([Observation(5.0, 1, {0: 1}), Observation(9.0, 1, {0: 2})], ""),
    ],
)
def test_the_judge_knows_when_a_commit_is_too_early(seen: list[Observation], words: str) -> None:
    dead = SECOND._replace(fate="dead")
    found = faults([FIRST, dead], call(1), letters=[Letter(0, 1, 8.0)], observations=seen)
    assert found == ([words] if words else [])
