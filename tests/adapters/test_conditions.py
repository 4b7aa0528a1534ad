from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.adapters.conditions import Conditions
from consumer.core.clock import Clocks
from consumer.core.outcome import Completed, Outcome
from consumer.core.state import State
from tests.core.builders import FAILED, FORBIDDEN, OK, THROTTLED, Script

if TYPE_CHECKING:
    from structlog.typing import EventDict


class Watch:
    """Conditions over the gate of an engine whose calls end as a test says."""

    def __init__(self) -> None:
        self.script = Script(max_in_flight=1).assign()
        self.script.give(0, *[f"c{number}:1" for number in range(100)])
        self.conditions = Conditions()

    def one(self, outcome: Outcome, later: float = 0.0) -> None:
        """The next call ends so, at a later time; it is waited for when it may not leave yet."""
        self.script.boot += later
        while not (sends := self.script.sends()):
            self.script.boot += 0.25
        completed = Completed(sends[0].number, outcome, 0.1)
        self.script.engine.completed(completed, self.script.now)
        self.conditions.watch(self.script.engine.gate, [completed], self.script.now)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_refused_credentials_are_told_once_and_that_they_are_taken_again(watch: Watch, said: list[EventDict]) -> None:
    for _ in range(3):
        watch.one(FORBIDDEN)
    [line] = said
    assert (line["event"], line["log_level"]) == ("target_refuses_credentials", "error")
    assert (line["reason"], line["http_status"]) == ("token", 403)
    began = watch.script.boot
    said.clear()
    watch.one(OK)
    [line] = said
    assert line["event"] == "target_accepts_again"
    assert line["seconds"] >= watch.script.boot - began > 0


def test_an_open_breaker_is_told_once_and_that_it_closed(watch: Watch, said: list[EventDict]) -> None:
    for _ in range(12):
        watch.one(FAILED)
    assert [(line["event"], line["reason"]) for line in said] == [("breaker_opened", "status")]
    assert said[0]["wait_seconds"] > 0
    watch.one(OK)
    assert [line["event"] for line in said] == ["breaker_opened", "breaker_closed"]
    assert said[1]["seconds"] > 0


def test_a_stop_that_target_asks_for_is_told_once_in_a_while(watch: Watch, said: list[EventDict]) -> None:
    watch.one(THROTTLED)
    [line] = said
    assert (line["event"], line["http_status"]) == ("throttled", 429)
    assert 0 < line["wait_seconds"] <= 7
    while State.THROTTLED in watch.script.engine.gate.states(watch.script.now):
        watch.one(OK)
    assert [line["event"] for line in said] == ["throttled", "throttle_lifted"]
    assert said[1]["seconds"] >= 7


def test_what_comes_and_goes_is_told_no_faster_than_once_in_ten_seconds(watch: Watch, said: list[EventDict]) -> None:
    gate, completed = watch.script.engine.gate, [Completed(1, THROTTLED, 0.1)]

    def at(seconds: float, state: State | None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gate, "states", lambda _: [state] if state else [])
            patch.setattr(gate, "wait", lambda *_: 1.0)
            watch.conditions.watch(gate, completed, Clocks(seconds, seconds))

    for seconds in range(9):
        at(seconds, State.THROTTLED if seconds % 2 == 0 else None)
    assert [line["event"] for line in said] == ["throttled", "throttle_lifted"]
    at(10.5, None)
    at(10.6, State.THROTTLED)
    assert [line["event"] for line in said][2:] == ["throttled"]


def test_as_long_as_all_is_well_nothing_is_told(watch: Watch, said: list[EventDict]) -> None:
    for _ in range(5):
        watch.one(OK)
    assert said == []
