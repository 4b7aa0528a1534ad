from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from consumer.simulator.behaviour import Behaviour
from consumer.simulator.control import Control
from consumer.simulator.history import Call
from consumer.simulator.simulation import Simulation

FAULT = {"status": 503, "calls": 3, "matching": "^c-", "headers": {"Retry-After": "2"}}


@pytest.fixture
def simulation() -> Simulation:
    return Simulation("demo", Behaviour.model_validate({"latency": "20ms"}), now=0.0)


@pytest.fixture
def control(simulation: Simulation) -> Control:
    return Control(simulation)


def ask(control: Control, method: str, path: str, given: object = None, **query: str) -> tuple[int, Any]:
    status, answer = control.respond(method, path, query, b"" if given is None else orjson.dumps(given))
    return status, orjson.loads(answer)


def append(simulation: Simulation, value: str, received: float = 1.0) -> None:
    encoded = f"profile.n={value}".encode()
    simulation.history.append(
        Call(
            sequence=0,
            received=received,
            epoch=received,
            method="POST",
            identity="mbox3rdPartyId=c-1",
            encoded=encoded,
            status=200,
            accepted=True,
            applied=True,
            overlapped=False,
            cause="accepted",
        )
    )


def test_the_behaviour_that_is_shown_can_be_sent_back(control: Control) -> None:
    assert ask(control, "PATCH", "/control", {"faults": [FAULT], "profiles": {"prefixes": ["c-"]}})[0] == 200
    before = control.behaviour
    status, shown = ask(control, "GET", "/control")
    assert (status, shown["latency"], shown["faults"][0]["matching"]) == (200, {"min": 0.02, "max": 0.02}, "^c-")
    assert ask(control, "PUT", "/control", shown) == (200, shown)
    assert control.behaviour == before


def test_put_returns_what_is_not_named_to_its_default(control: Control) -> None:
    assert ask(control, "PUT", "/control", {"seed": 4})[1]["latency"] == {"min": 0.0, "max": 0.0}
    assert control.behaviour == Behaviour(seed=4)


def test_patch_leaves_what_is_not_named(control: Control) -> None:
    shown = ask(control, "PATCH", "/control/", {"seed": 4})[1]
    assert (shown["seed"], shown["latency"]["max"]) == (4, 0.02)


def test_patch_with_the_same_fault_arms_it_again_and_with_another_key_does_not(
    control: Control, simulation: Simulation
) -> None:
    armed = {"faults": [{"calls": 1}]}
    ask(control, "PATCH", "/control", armed)
    faults = simulation._faults
    ask(control, "PATCH", "/control", {"latency": 1})
    assert simulation._faults is faults
    ask(control, "PATCH", "/control", armed)
    assert simulation._faults is not faults


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"latencies": 1}, "latencies: Extra inputs are not permitted"),
        ({"faults": [{"statuses": 500}]}, "faults.0.statuses: Extra inputs are not permitted"),
        ({"latency": {"min": 2, "max": 1}}, "latency: min is greater than max"),
        ({"latency": -1}, "latency.min: Input should be greater than or equal to 0"),
        ({"latency": "soon"}, "latency.min: expected a duration such as 500ms, 10s, 15m or 24h"),
        ({"faults": [{"body": "html", "text": "x"}]}, "faults.0: body and text exclude each other"),
        ({"faults": [{"share": 1.5}]}, "faults.0.share: Input should be less than or equal to 1"),
        ({"rate": {"limit": 0}}, "rate.limit: Input should be greater than or equal to 1"),
        ({"self": 1}, "self: Extra inputs are not permitted"),
        ([1], "expected a JSON object"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_request_that_makes_no_sense_says_why_and_changes_nothing(
    control: Control, method: str, given: object, problem: str
) -> None:
    before = control.behaviour
    status, answer = ask(control, method, "/control", given)
    assert (status, problem in answer["error"]) == (400, True), answer
    assert control.behaviour is before


def test_a_token_or_value_is_not_repeated_in_an_error(control: Control) -> None:
    status, answer = control.respond("PUT", "/control", {}, b'{"token": "s3cret"}')
    assert status == 400
    assert b"s3cret" not in answer
    with pytest.raises(ValidationError) as raised:
        control.patch(token="s3cret")  # noqa: S106  no token
    assert "s3cret" not in str(raised.value)


def test_broken_json_is_refused(control: Control) -> None:
    assert control.respond("PUT", "/control", {}, b"{")[0] == 400
    assert control.respond("POST", "/control/judge", {}, b"{")[0] == 400


@pytest.mark.parametrize(("method", "path"), [("POST", "/control"), ("GET", "/control/reset"), ("GET", "/controls")])
def test_what_is_not_there_is_not_found(control: Control, method: str, path: str) -> None:
    assert ask(control, method, path)[0] == 404


def test_the_history_is_read_in_pages(control: Control, simulation: Simulation) -> None:
    for value in "abc":
        append(simulation, value)
    status, first = ask(control, "GET", "/control/history", limit="2")
    assert (status, first["next"], [call["attributes"]["n"] for call in first["calls"]]) == (200, 2, ["a", "b"])
    second = ask(control, "GET", "/control/history", after="2")[1]
    assert [call["sequence"] for call in second["calls"]] == [3]
    assert ask(control, "GET", "/control/history", after="3")[1] == {"calls": [], "next": 3}
    assert second["calls"][0] == {
        "sequence": 3,
        "received": 1.0,
        "epoch": 1.0,
        "method": "POST",
        "identity": "mbox3rdPartyId=c-1",
        "attributes": {"n": "c"},
        "status": 200,
        "accepted": True,
        "applied": True,
        "overlapped": False,
        "cause": "accepted",
    }


@pytest.mark.parametrize("query", [{"after": "-1"}, {"limit": "-1"}, {"after": "x"}])
def test_a_page_that_cannot_be_is_refused(control: Control, query: dict[str, str]) -> None:
    assert ask(control, "GET", "/control/history", **query)[0] == 400


def test_a_reset_returns_to_the_start(control: Control, simulation: Simulation) -> None:
    append(simulation, "a")
    ask(control, "PUT", "/control", {})
    assert ask(control, "POST", "/control/reset")[1]["latency"]["max"] == 0.02
    assert ask(control, "GET", "/control/summary")[1]["calls"] == 0


def test_the_judge_answers_with_counts_and_the_first_findings(control: Control, simulation: Simulation) -> None:
    append(simulation, "1", received=1.0)
    append(simulation, "0", received=9.0)
    events = [{"identity": "mbox3rdPartyId=c-1", "attributes": {"n": "1"}}]
    events += [{"identity": f"mbox3rdPartyId=d-{number}", "attributes": {"n": "1"}} for number in range(150)]
    status, verdict = ask(control, "POST", "/control/judge", {"events": events, "window": "5s"})
    assert (status, verdict["sound"], verdict["calls"], verdict["accepted"]) == (200, False, 2, 2)
    assert (verdict["lost"]["count"], len(verdict["lost"]["first"])) == (150, 100)
    assert verdict["invented"]["first"][0] == {
        "visitor": "mbox3rdPartyId=c-1",
        "attribute": "n",
        "produced": None,
        "accepted": "0",
    }
    assert verdict["worst_window"] == {"calls": 1, "end": 1.0}
    assert ask(control, "POST", "/control/judge", {"event": []})[0] == 400


def test_the_judge_is_asked_from_python_too(control: Control, simulation: Simulation) -> None:
    append(simulation, "1")
    assert control.judge([]).calls == 1
    assert control.summary()["calls"] == 1
