from __future__ import annotations

from typing import Any

import pytest

from consumer.simulator.behaviour import Behaviour
from consumer.simulator.simulation import Arrival, Ruling, Simulation

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATH = "/m2/demo/profile/update"
GOLD = b"mbox3rdPartyId=c-1&profile.tier=gold"
DOCUMENTED = b"<response><success>true</success><message>Request successfully submitted</message></response>"


def simulation(**behaviour: Any) -> Simulation:
    return Simulation("demo", Behaviour.model_validate(behaviour), now=0.0)


def arrival(body: bytes | None = GOLD, *, now: float = 0.0, query: str = "", headers: dict[str, str] = FORM) -> Arrival:
    return Arrival("POST", PATH + query, body, headers, now, 1_700_000_000.0 + now)


def take(target: Simulation, given: Arrival, *, finish: bool = True) -> Ruling:
    ruling = target.receive(given)
    target.record(ruling)
    if finish:
        target.finish(ruling)
    return ruling


def statuses(target: Simulation, *times: float) -> list[int]:
    return [take(target, arrival(now=now)).answer.status for now in times]


def test_an_update_is_accepted_with_the_documented_answer_and_takes_effect() -> None:
    target = simulation()
    ruling = take(target, arrival(now=2.5))
    assert (ruling.answer.status, ruling.answer.body, ruling.latency, ruling.late) == (200, DOCUMENTED, 0.0, False)
    (call,) = target.history
    assert call.identity == "mbox3rdPartyId=c-1"
    assert (call.status, call.accepted, call.applied, call.overlapped, call.cause) == (
        200,
        True,
        True,
        False,
        "accepted",
    )
    assert (call.received, call.epoch, call.method) == (2.5, 1_700_000_002.5, "POST")
    assert target.profiles.of("mbox3rdPartyId=c-1")["tier"].text == "gold"


def test_parameters_may_stand_in_the_query_in_the_body_or_in_both() -> None:
    target = simulation()
    take(target, arrival(b"", query="?" + GOLD.decode(), headers={}))
    take(target, arrival(b"profile.tier=gold", query="?mbox3rdPartyId=c-1"))
    assert [call.attributes for call in target.history] == [{"tier": "gold"}] * 2
    assert take(target, arrival(GOLD, query="?profile.tier=x")).call.cause == "malformed"


def test_an_unknown_visitor_is_accepted_with_the_same_answer_and_not_created() -> None:
    target = simulation(profiles={"prefixes": ["d-"]})
    ruling = take(target, arrival())
    assert ruling.answer == take(simulation(), arrival()).answer
    assert (ruling.call.accepted, ruling.call.applied, ruling.call.cause) == (True, False, "unknown_profile")
    assert target.profiles.of("mbox3rdPartyId=c-1") == {}


def test_an_update_of_empty_values_is_accepted_and_not_applied() -> None:
    call = take(simulation(), arrival(b"mbox3rdPartyId=c-1&profile.a=&profile.b=")).call
    assert (call.accepted, call.applied) == (True, False)
    assert take(simulation(), arrival(b"mbox3rdPartyId=c-1&profile.a=&profile.b=x")).call.applied


@pytest.mark.parametrize("kind", ["mboxPC", "mbox3rdPartyId"])
def test_a_malformed_call_is_refused_as_told_and_has_no_identity_in_the_history(kind: str) -> None:
    body = f"{kind}=a%2Bb&profile.tier=gold".encode()
    for status in (400, 200):
        ruling = take(simulation(refusal_status=status), arrival(body))
        assert ruling.answer.status == status
        assert b"<success>false</success>" in ruling.answer.body
        assert (ruling.call.identity, ruling.call.encoded, ruling.call.cause) == ("", b"", "malformed")


def test_a_body_has_to_say_that_it_is_a_form() -> None:
    for headers in ({}, {"Content-Type": "application/json"}):
        assert take(simulation(), arrival(headers=headers)).call.cause == "malformed"
    assert take(simulation(), arrival(headers={"Content-Type": f"{FORM['Content-Type']}; charset=utf-8"})).call.accepted


def test_a_url_of_8192_bytes_is_taken_and_one_more_is_refused() -> None:
    query = "?mbox3rdPartyId=c-1&profile.a="
    for length, status in ((8192, 200), (8193, 414)):
        padded = query + "x" * (length - len(PATH) - len(query))
        assert take(simulation(), arrival(b"", query=padded)).answer.status == status


def test_a_body_that_was_too_large_to_read_is_refused() -> None:
    ruling = take(simulation(), arrival(None))
    assert (ruling.answer.status, ruling.call.cause) == (413, "too_large")


@pytest.mark.parametrize("given", [None, "Bearer old", "new", "Basic new", "Bearer new "])
def test_without_an_accepted_token_a_call_is_refused(given: str | None) -> None:
    target = simulation(token={"accepted": ["new"], "status": 403})
    headers = FORM | ({"Authorization": given} if given else {})
    ruling = take(target, arrival(headers=headers))
    assert (ruling.answer.status, ruling.call.cause, ruling.call.accepted) == (403, "token", False)


def test_any_accepted_token_will_do_in_the_header_that_is_asked_for() -> None:
    target = simulation(token={"accepted": ["old", "new"], "header": "X-Token"})
    for token, status in (("old", 200), ("new", 200), ("other", 401)):
        assert take(target, arrival(headers=FORM | {"X-Token": f"Bearer {token}"})).answer.status == status


def test_more_calls_at_once_than_allowed_are_refused() -> None:
    target = simulation(concurrency={"limit": 2, "retry_after": "seconds"})
    rulings = [take(target, arrival(), finish=False) for _ in range(3)]
    assert [ruling.answer.status for ruling in rulings] == [200, 200, 503]
    assert rulings[2].answer.headers["Retry-After"] == "1"
    for ruling in rulings:
        target.finish(ruling)
    assert take(target, arrival()).answer.status == 200
    assert (target.summary()["in_flight"], target.summary()["most_in_flight"]) == (0, 3)


def test_calls_past_the_rate_are_refused_and_told_when_to_come_again() -> None:
    target = simulation(rate={"limit": 1, "seconds": 4, "retry_after": "seconds"})
    assert statuses(target, 0.0, 1.0, 4.0) == [200, 429, 200]
    ruling = take(target, arrival(now=5.0))
    assert (ruling.answer.headers["Retry-After"], ruling.call.cause) == ("3", "rate")


def test_calls_past_the_quota_are_refused_and_the_fullest_window_counts_them_too() -> None:
    target = simulation(quota={"limit": 2, "seconds": 10, "status": 503})
    assert statuses(target, 0.0, 1.0, 2.0, 10.0) == [200, 200, 503, 200]
    assert target.summary()["worst_window"] == {"calls": 3, "seconds": 10.0}
    assert [call.cause for call in target.history] == ["accepted", "accepted", "quota", "accepted"]


def test_a_quota_without_a_limit_is_only_counted() -> None:
    target = simulation(quota={"seconds": 10})
    assert statuses(target, 0.0, 1.0, 10.0) == [200, 200, 200]
    assert target.summary()["worst_window"]["calls"] == 2


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"status": 503}, 503, b"<success>false</success>"),
        ({}, 200, b"<success>false</success>"),
        ({"effect": True}, 200, DOCUMENTED),
        ({"body": "success", "status": 500}, 500, DOCUMENTED),
        ({"body": "unsuccessful", "effect": True}, 200, b"<success>false</success>"),
        ({"body": "server_timeout"}, 200, b"//ERROR: application server timeout"),
        ({"body": "html", "status": 502}, 502, b"<html>"),
        ({"text": "grüß"}, 200, "grüß".encode()),
    ],
)
def test_a_fault_answers_as_described_and_takes_effect_only_when_told(
    fault: dict[str, Any], status: int, body: bytes
) -> None:
    ruling = take(simulation(faults=[fault]), arrival())
    assert ruling.answer.status == ruling.call.status == status
    assert body in ruling.answer.body
    assert (ruling.call.accepted, ruling.call.cause) == (fault.get("effect", False), "fault")


def test_an_empty_and_a_huge_body_have_no_other_content() -> None:
    answers = [
        take(simulation(faults=[{"body": body, "huge_bytes": 9}]), arrival()).answer for body in ("empty", "huge")
    ]
    assert [(answer.body, answer.huge) for answer in answers] == [(b"", 0), (b"", 9)]


@pytest.mark.parametrize("delivery", ["hang", "cut", "reset"])
def test_a_call_that_gets_no_answer_has_no_status(delivery: str) -> None:
    for effect in (False, True):
        call = take(simulation(faults=[{"delivery": delivery, "effect": effect}]), arrival()).call
        assert (call.status, call.accepted) == (0, effect)


@pytest.mark.parametrize("delivery", ["stall", "drip", "truncate"])
def test_a_call_whose_answer_was_begun_has_a_status(delivery: str) -> None:
    assert take(simulation(faults=[{"delivery": delivery}]), arrival()).call.status == 200


def test_headers_of_a_fault_come_with_its_answer() -> None:
    fault = {"status": 307, "headers": {"Location": "/elsewhere", "Content-Type": "text/x"}}
    answer = take(simulation(faults=[fault]), arrival()).answer
    assert answer.headers == {"Location": "/elsewhere", "Content-Type": "text/x"}


def test_latency_is_fixed_or_drawn_and_repeats_with_the_seed() -> None:
    assert take(simulation(latency=0.02), arrival()).latency == 0.02
    runs = [[take(target, arrival()).latency for _ in range(50)] for target in (
        simulation(latency={"min": "10ms", "max": "30ms"}, seed=1),
        simulation(latency={"min": "10ms", "max": "30ms"}, seed=1),
        simulation(latency={"min": "10ms", "max": "30ms"}, seed=2),
    )]  # fmt: skip
    assert runs[0] == runs[1] != runs[2]
    assert 0.01 <= min(runs[0]) < 0.015
    assert 0.025 < max(runs[0]) <= 0.03


def test_a_fault_may_have_a_latency_of_its_own() -> None:
    target = simulation(latency=1, faults=[{"calls": 1, "latency": "5s"}, {"calls": 1}])
    assert [take(target, arrival()).latency for _ in range(3)] == [5.0, 1.0, 1.0]


def test_only_accepted_calls_wait_for_their_answer_to_take_effect() -> None:
    target = simulation(accept="answer", faults=[{"status": 500, "calls": 1}])
    assert [take(target, arrival()).late for _ in range(2)] == [False, True]


def test_a_call_overlaps_when_another_one_for_its_visitor_is_open() -> None:
    target = simulation()
    first = take(target, arrival(b"mboxPC=1-2.28_20&profile.a=1"), finish=False)
    second = take(target, arrival(b"mboxPC=1-2.29_20&profile.a=2"))
    other = take(target, arrival())
    target.finish(first)
    third = take(target, arrival(b"mboxPC=1-2&profile.a=3"))
    assert [one.call.overlapped for one in (first, second, other, third)] == [False, True, False, False]


def test_unreadable_calls_never_overlap() -> None:
    target = simulation()
    rulings = [take(target, arrival(b"x"), finish=False) for _ in range(2)]
    assert not any(ruling.call.overlapped for ruling in rulings)


def test_a_summary_counts_by_status_and_cause() -> None:
    target = simulation(faults=[{"status": 503, "calls": 2}, {"delivery": "cut", "calls": 1}])
    statuses(target, 0.0, 1.0, 2.0, 3.0)
    summary = target.summary()
    assert summary["calls"] == 4
    assert summary["by_status"] == {"0": 1, "200": 1, "503": 2}
    assert summary["by_cause"] == {"accepted": 1, "fault": 3}


def test_switching_one_thing_leaves_the_counts_of_the_others() -> None:
    target = simulation(faults=[{"status": 503, "calls": 2}], rate={"limit": 3, "seconds": 60, "kind": "fixed"})
    assert statuses(target, 0.0) == [503]
    behaviour = Behaviour.model_validate({**dict(target.behaviour), "latency": 1})
    target.switch(behaviour, frozenset({"latency"}), now=0.0)
    assert statuses(target, 0.0, 0.0, 0.0) == [503, 200, 429]
    target.switch(behaviour, frozenset({"faults", "rate"}), now=0.0)
    assert statuses(target, 0.0, 0.0, 0.0, 0.0) == [503, 503, 200, 429]


def test_another_quota_window_counts_the_calls_before_it() -> None:
    target = simulation()
    statuses(target, 0.0, 5.0, 6.0)
    target.switch(Behaviour.model_validate({"quota": {"seconds": 2}}), frozenset({"quota"}), now=6.0)
    assert target.summary()["worst_window"] == {"calls": 2, "seconds": 2.0}


def test_a_reset_forgets_calls_and_profiles_and_behaves_as_at_the_start() -> None:
    target = simulation(faults=[{"status": 503, "calls": 1}])
    statuses(target, 0.0, 1.0)
    open_call = take(target, arrival(now=2.0), finish=False)
    target.switch(Behaviour(), frozenset(Behaviour.model_fields), now=2.0)
    target.reset(now=3.0)
    assert len(target.history) == 0
    assert target.profiles.of("mbox3rdPartyId=c-1") == {}
    assert target.summary()["worst_window"]["calls"] == 0
    assert target.summary()["most_in_flight"] == 1
    target.finish(open_call)
    assert statuses(target, 3.0, 4.0) == [503, 200]
