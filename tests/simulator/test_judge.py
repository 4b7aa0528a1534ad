from __future__ import annotations

from random import Random

import pytest

from consumer.simulator.history import Call
from consumer.simulator.judge import Event, Finding, Verdict, Window, judge, worst_window

ONE = "mbox3rdPartyId=c-1"
TWO = "mbox3rdPartyId=c-2"


def events(*values: str, identity: str = ONE) -> list[Event]:
    return [Event(identity, {"n": value}) for value in values]


def calls(*values: str, identity: str = ONE) -> list[Call]:
    return [call(f"profile.n={value}".encode(), identity=identity) for value in values]


def call(encoded: bytes, identity: str = ONE, *, accepted: bool = True, overlapped: bool = False) -> Call:
    return Call(
        0, 1.0, 1.0, "POST", identity, encoded, 200, accepted=accepted, applied=True, overlapped=overlapped, cause=""
    )


def findings(verdict: Verdict) -> dict[str, int]:
    kinds = ("lost", "stale", "reordered", "invented")
    return {kind: len(getattr(verdict, kind)) for kind in kinds if getattr(verdict, kind)}


@pytest.mark.parametrize("accepted", ["123", "3", "13", "23", "1233"])
def test_newer_values_in_order_and_the_newest_last_are_sound_with_or_without_those_between(accepted: str) -> None:
    verdict = judge(calls(*accepted), events(*"123"), 60.0)
    assert verdict.sound
    assert findings(verdict) == {}


def test_a_newest_value_that_was_never_accepted_is_lost() -> None:
    verdict = judge(calls("1", "2"), events("1", "2", "3"), 60.0)
    assert verdict.lost == [Finding(ONE, "n", "3", "2")]
    assert findings(verdict) == {"lost": 1}
    assert not verdict.sound


def test_a_visitor_of_whom_nothing_was_accepted_is_lost() -> None:
    refused = [call(b"profile.n=1", accepted=False)]
    assert judge(refused, events("1"), 60.0).lost == [Finding(ONE, "n", "1", None)]
    assert judge([], events("1"), 60.0).lost == [Finding(ONE, "n", "1", None)]


def test_an_older_value_that_stays_after_the_newest_is_stale_and_reordered() -> None:
    verdict = judge(calls("1", "3", "2"), events("1", "2", "3"), 60.0)
    assert verdict.stale == [Finding(ONE, "n", "3", "2")]
    assert verdict.reordered == [Finding(ONE, "n", "3", "2")]
    assert findings(verdict) == {"stale": 1, "reordered": 1}
    assert not verdict.sound


def test_an_older_value_that_is_overwritten_again_is_reordered_and_still_sound() -> None:
    verdict = judge(calls("3", "1", "2", "3"), events("1", "2", "3"), 60.0)
    assert findings(verdict) == {"reordered": 2}
    assert verdict.sound


def test_a_value_that_no_event_has_is_invented() -> None:
    verdict = judge([*calls("1", "x"), *calls("1", identity=TWO), *calls("1")], events("1"), 60.0)
    assert verdict.invented == [Finding(ONE, "n", None, "x"), Finding(TWO, "n", None, "1")]
    assert not verdict.sound
    assert judge([call(b"profile.other=1")], events(), 60.0).invented == [Finding(ONE, "other", None, "1")]


def test_calls_that_bring_nothing_newer_are_counted_as_repeated() -> None:
    assert judge(calls("1", "1", "2", "1", "2"), events("1", "2"), 60.0).repeated == 3
    both = [call(b"profile.n=1&profile.m=1"), call(b"profile.m=2&profile.n=1")]
    assert judge(both, [Event(ONE, {"n": "1", "m": "1"}), Event(ONE, {"m": "2"})], 60.0).repeated == 0


def test_attributes_and_visitors_are_judged_each_for_itself() -> None:
    produced = [Event(ONE, {"a": "1", "b": "1"}), Event(TWO, {"a": "2"}), Event(ONE, {"b": "2"})]
    taken = [call(b"profile.a=2", identity=TWO), call(b"profile.b=2&profile.a=1")]
    assert judge(taken, produced, 60.0).sound
    assert judge(taken[:1], produced, 60.0).lost == [Finding(ONE, "a", "1", None), Finding(ONE, "b", "2", None)]


def test_the_location_hint_of_an_mbox_pc_makes_no_other_visitor() -> None:
    produced = [*events("1", identity="mboxPC=1-2.28_20"), *events("2", identity="mboxPC=1-2.29_20")]
    assert judge(calls("1", "2", identity="mboxPC=1-2.30_20"), produced, 60.0).sound


@pytest.mark.parametrize("accepted", ["aba", "ba", "a", "aaba"])
def test_values_that_repeat_get_the_benefit_of_the_doubt(accepted: str) -> None:
    assert findings(judge(calls(*accepted), events(*"aba"), 60.0)) == {}


def test_values_that_repeat_are_still_lost_when_the_last_one_differs() -> None:
    assert findings(judge(calls(*"ab"), events(*"aba"), 60.0)) == {"lost": 1}
    assert findings(judge(calls(*"baab"), events(*"aba"), 60.0)) == {"stale": 1, "reordered": 1}


def test_empty_values_are_ignored_as_target_does() -> None:
    assert judge([*calls("1"), call(b"profile.n=&profile.x=")], events("1"), 60.0).sound


def test_an_event_without_attributes_asks_for_nothing() -> None:
    assert judge([], [Event(ONE, {})], 60.0).sound


def test_the_verdict_counts_calls_accepted_and_overlapped() -> None:
    made = [call(b"profile.n=1"), call(b"profile.n=1", accepted=False, overlapped=True)]
    verdict = judge(made, events("1"), 60.0)
    assert (verdict.calls, verdict.accepted, verdict.overlapped) == (2, 1, 1)
    assert verdict.worst_window == Window(2, 1.0)


def test_the_fullest_window_excludes_what_is_exactly_its_length_ago() -> None:
    assert worst_window([], 1.0) == Window(0, 0.0)
    assert worst_window([5.0], 1.0) == Window(1, 5.0)
    assert worst_window([0.0, 1.0, 2.0], 1.0) == Window(1, 0.0)
    assert worst_window([2.0, 0.0, 1.0], 1.001) == Window(2, 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_random_histories_are_judged_as_by_looking_at_every_value(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  seeded on purpose
    produced = [Event(f"mbox3rdPartyId=c-{chance.randrange(3)}", {"n": str(number)}) for number in range(30)]
    taken = [call(b"profile.n=%d" % number, identity=produced[number].identity) for number in range(30)]
    chance.shuffle(taken)
    taken = sorted(taken[: chance.randint(0, 30)], key=lambda one: int(one.attributes["n"]) + chance.choice([0, 0, 6]))
    newest: dict[str, int] = {}
    final: dict[str, int] = {}
    reordered = 0
    for one in taken:
        number = int(one.attributes["n"])
        reordered += number < newest.get(one.identity, -1)
        newest[one.identity] = max(number, newest.get(one.identity, -1))
        final[one.identity] = number
    wanted = {event.identity: int(event.attributes["n"]) for event in produced}
    lost = {who for who, number in wanted.items() if newest.get(who) != number}
    stale = {who for who, number in wanted.items() if newest.get(who) == number != final[who]}
    verdict = judge(taken, produced, 60.0)
    assert {finding.visitor for finding in verdict.lost} == lost
    assert {finding.visitor for finding in verdict.stale} == stale
    assert len(verdict.reordered) == verdict.repeated == reordered
