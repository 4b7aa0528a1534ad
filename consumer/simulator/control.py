"""Switches the simulated Target while it runs, and reads what it saw: from Python, or as JSON under `/control`.

    GET   /control                            the behaviour in force (see `Behaviour` for the keys)
    PUT   /control                            behave so; what is not named goes back to its default
    PATCH /control                            change the keys that are named; the others go on as they are
    POST  /control/reset                      forget calls and profiles, behave as at the start
    GET   /control/summary                    counts, and the fullest rolling window of `quota.seconds`
    GET   /control/history?after=0&limit=1000 calls after a sequence number; `next` is what to ask `after` then
    POST  /control/judge                      {"events": [{"identity": "mbox3rdPartyId=c-1", "attributes": {…}}, …],
                                              "window": "24h"}: what became of these events, see `judge`

Answers are JSON; a request that makes no sense is answered 400 with `{"error": …}` and changes nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from consumer.simulator.behaviour import Behaviour, Seconds, problems
from consumer.simulator.judge import Event, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.simulator.history import Call
    from consumer.simulator.simulation import Simulation

_PAGE: Final = 1000
_SHOWN: Final = 100


class _Event(BaseModel):
    identity: str
    attributes: dict[str, str]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    events: list[_Event]
    window: Seconds = 86400.0


class Control:
    """The switches of a simulation, safe to use from any thread."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @property
    def behaviour(self) -> Behaviour:
        """The behaviour in force."""
        return self._simulation.behaviour

    def put(self, behaviour: Behaviour | Mapping[str, Any]) -> None:
        """Behave so; every count and allowance starts afresh. Raises `pydantic.ValidationError`."""
        keys = frozenset(Behaviour.model_fields)
        self._simulation.switch(Behaviour.model_validate(behaviour), keys, time.monotonic())

    def patch(self, /, **changes: Any) -> None:  # noqa: ANN401  checked by the model
        """Change these keys, whose counts and allowances start afresh. Raises `pydantic.ValidationError`."""
        behaviour = Behaviour.model_validate({**dict(self.behaviour), **changes})
        self._simulation.switch(behaviour, frozenset(changes), time.monotonic())

    def reset(self) -> None:
        """Forget all calls and profiles and behave as at the start."""
        self._simulation.reset(time.monotonic())

    def summary(self) -> dict[str, Any]:
        """Counts so far, see `Simulation.summary`."""
        return self._simulation.summary()

    def judge(self, events: Iterable[Event], window: float = 86400.0) -> Verdict:
        """What became of the events, with the fullest window of so many seconds."""
        return judge(self._simulation.history, events, window)

    def respond(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and JSON for one request under `/control`."""
        try:
            answer = self._route(method, path, query, body)
        except ValidationError as error:
            return 400, orjson.dumps({"error": problems(error)})
        except ValueError as error:
            return 400, orjson.dumps({"error": [str(error)]})
        if answer is None:
            return 404, orjson.dumps({"error": [f"no {method} here; see the module consumer.simulator.control"]})
        return 200, orjson.dumps(answer)

    def _route(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Any | None:  # noqa: ANN401  any JSON
        match method, path.rstrip("/"):
            case "GET", "/control":
                pass
            case "PUT", "/control":
                self.put(_object(body))
            case "PATCH", "/control":
                self.patch(**_object(body))
            case "POST", "/control/reset":
                self.reset()
            case "GET", "/control/summary":
                return self.summary()
            case "GET", "/control/history":
                return self._history(int(query.get("after", 0)), int(query.get("limit", _PAGE)))
            case "POST", "/control/judge":
                question = _Question.model_validate_json(body)
                events = (Event(event.identity, event.attributes) for event in question.events)
                return _verdict(self.judge(events, question.window))
            case _:
                return None
        return self.behaviour.model_dump(mode="json")

    def _history(self, after: int, limit: int) -> dict[str, Any]:
        if min(after, limit) < 0:
            raise ValueError("after and limit are not negative")
        calls = [_row(call) for call in self._simulation.history.since(after, limit)]
        return {"calls": calls, "next": after + len(calls)}


def _object(body: bytes) -> dict[str, Any]:
    given = orjson.loads(body)
    if not isinstance(given, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004  one kind of error for a request that makes no sense
    return given


def _row(call: Call) -> dict[str, Any]:
    row = call._asdict()
    del row["encoded"]
    return {**row, "attributes": call.attributes}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict with at most `_SHOWN` findings of a kind, and how many there are."""
    shown = verdict._asdict()
    for kind in ("lost", "stale", "reordered", "invented"):
        findings = shown.pop(kind)
        shown[kind] = {"count": len(findings), "first": [finding._asdict() for finding in findings[:_SHOWN]]}
    return {"sound": verdict.sound, **shown, "worst_window": verdict.worst_window._asdict()}
