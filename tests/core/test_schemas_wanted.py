"""A partition whose records name a schema that is not known waits: in order, holding its offset, losing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.breaker import Breaker
from consumer.core.command import FetchSchema, Pause, Resume
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.profile import SchemaWanted
from consumer.core.quota import Unlimited
from consumer.core.schemas_wanted import RETRY_BASE, RETRY_MAX, SchemaAnswer
from consumer.core.state import State
from consumer.core.throttle import Throttle
from tests.core.builders import LIMITS, T0, T1, Script, calls, letters, map_record

if TYPE_CHECKING:
    from consumer.core.command import Command
    from consumer.core.profile import Result
    from consumer.core.record import Record, TopicPartition


class Framed(Script):
    """Values such as `7|c1:5` name a schema; it is known once the registry has told it."""

    def __init__(self, chance: float = 0.5) -> None:
        super().__init__(chance=lambda: chance)
        self.known: set[int] = set()
        gate = Gate(64, Unlimited(), Throttle(300), Breaker())
        self.engine = Engine(self.map, "hash", LIMITS, gate, lambda: chance)

    def map(self, record: Record) -> Result | SchemaWanted:
        schema, bar, rest = (record.value or b"").partition(b"|")
        if bar and int(schema) not in self.known:
            return SchemaWanted(int(schema))
        return map_record(record._replace(value=rest)) if bar else map_record(record)

    def answer(self, schema: int, reason: str | None = None) -> Framed:
        if reason is None:
            self.known.add(schema)
        self.engine.schema_answered(SchemaAnswer(schema, reason), self.now)
        return self

    def delivered(self) -> list[str]:
        """Everything that is sent until nothing more is, answered."""
        values = []
        for _ in range(10):
            for sent in calls(self.commands()):
                values.append(f"{sent.identity}:{sent.values}")
                self.end(sent.number)
        return values

    def state(self, at: TopicPartition = T0) -> tuple[State, str | None]:
        state = self.engine.state(at, self.now, behind=False)
        return state, self.engine.reason(at, state)


def fetches(commands: list[Command]) -> list[int]:
    return [command.id for command in commands if isinstance(command, FetchSchema)]


@pytest.fixture
def script() -> Framed:
    script = Framed()
    script.assign()
    return script


def test_the_partition_pauses_and_its_schema_is_asked_for_once(script: Framed) -> None:
    script.give(0, "7|c1:1", "7|c1:2")
    assert script.commands() == [FetchSchema(7), Pause(T0)]
    script.boot += 1000
    assert script.commands() == []


def test_what_waited_goes_on_in_order(script: Framed) -> None:
    script.give(0, "7|c1:1", "7|c1:2", "skip", "7|c2:3", "bad")
    script.commands()
    script.answer(7)
    commands = script.commands()
    assert commands[-1] == Resume(T0)
    (letter,) = letters(commands)
    assert letter.record.offset == 4
    script.report(letter)
    assert [(sent.identity, sent.values) for sent in calls(commands)] == [("c1", "v=2"), ("c2", "v=3")]
    for sent in calls(commands):
        script.end(sent.number)
    assert script.commit() == (5, "pc1 1 hash ")  # a dead letter stands last


def test_nothing_behind_the_first_that_waits_is_committed(script: Framed) -> None:
    script.give(0, "skip", "7|c1:1", "skip", "skip")
    script.commands()
    assert script.commit() == (1, "")
    assert script.engine.pending_events == 1
    script.answer(7).settle()
    assert script.commit() == (4, "")


def test_what_is_read_meanwhile_waits_behind(script: Framed) -> None:
    script.give(0, "7|c1:1")
    script.commands()
    script.give(1, "c1:2", "skip")
    assert script.commands() == []
    script.answer(7)
    assert script.delivered() == ["c1:v=2"]
    assert script.commit() == (3, "")


def test_a_record_that_is_read_twice_meanwhile_counts_once(script: Framed) -> None:
    script.give(0, "7|c1:1").give(1, "c1:2", "c1:3").give(0, "7|c1:1", "c1:2")
    script.answer(7)
    assert script.engine.pending_events == 3
    assert script.one() == "c1:v=3"
    assert script.commit() == (3, "")


def test_another_partition_is_not_held_up(script: Framed) -> None:
    script.assign(T1)
    script.give(0, "7|c1:1").give(0, "c2:1", at=T1)
    commands = script.commands()
    assert [command for command in commands if isinstance(command, Pause)] == [Pause(T0)]
    assert [sent.identity for sent in calls(commands)] == ["c2"]
    assert script.state(T1)[0] is State.PROGRESSING


def test_several_partitions_wait_for_one_schema(script: Framed) -> None:
    script.assign(T1)
    script.give(0, "7|c1:1").give(0, "7|c2:1", at=T1)
    assert fetches(script.commands()) == [7]
    script.answer(7)
    assert sorted(sent.identity for sent in calls(script.commands())) == ["c1", "c2"]


def test_a_second_schema_is_asked_for_when_its_turn_comes(script: Framed) -> None:
    script.give(0, "7|c1:1", "8|c1:2", "7|c1:3")
    assert fetches(script.commands()) == [7]
    script.answer(7)
    commands = script.commands()
    assert fetches(commands) == [8]
    assert not [command for command in commands if isinstance(command, Resume)]
    (sent,) = calls(commands)
    script.end(sent.number)
    script.answer(8)
    assert script.delivered() == ["c1:v=3"]
    assert script.commit() == (3, "")


# -- while the registry fails ------------------------------------------------------------------------------------------


def test_a_registry_that_fails_is_the_state_and_nothing_is_a_dead_letter(script: Framed) -> None:
    script.give(0, "7|c1:1")
    script.commands()
    assert script.state() == (State.PROGRESSING, None)
    script.answer(7, "the registry answers 503")
    assert script.state() == (State.SCHEMA_REGISTRY_UNAVAILABLE, "the registry answers 503")
    for _ in range(50):
        script.boot += RETRY_MAX
        commands = script.commands()
        assert not letters(commands)
        if fetches(commands):
            script.answer(7, "the registry answers 500")
    assert script.state() == (State.SCHEMA_REGISTRY_UNAVAILABLE, "the registry answers 500")
    assert script.commit() == (0, "") or script.commit() is None
    script.answer(7)
    assert script.state()[0] is State.PROGRESSING
    assert script.delivered() == ["c1:v=1"]
    assert script.commit() == (1, "")


@pytest.mark.parametrize("failures", range(1, 9))
def test_it_is_asked_again_later_and_later(failures: int) -> None:
    script = Framed(chance=0.999)
    script.assign()
    script.give(0, "7|c1:1")
    for failure in range(1, failures + 1):
        assert fetches(script.commands()) == [7]
        script.answer(7, "down")
        wait = 0.999 * min(RETRY_MAX, RETRY_BASE * 2 ** (failure - 1))
        script.boot += wait - 0.01
        assert fetches(script.commands()) == []
        script.boot += 0.02


def test_an_answer_that_nobody_waits_for_is_let_go(script: Framed) -> None:
    script.answer(7, "down")
    script.answer(8)
    assert script.commands() == []


def test_what_is_forgotten_is_not_asked_for_again(script: Framed) -> None:
    script.assign(T1)
    script.give(0, "7|c1:1").give(0, "8|c2:1", at=T1)
    assert fetches(script.commands()) == [7, 8]
    script.answer(7, "down").answer(8, "down")
    script.engine.revoking([T0])
    assert script.engine.drained([T0])
    script.engine.forget([T0])
    script.boot += RETRY_MAX
    assert fetches(script.commands()) == [8]
    script.answer(7)
    assert script.state(T1)[0] is State.SCHEMA_REGISTRY_UNAVAILABLE


def test_a_partition_that_comes_back_is_read_from_its_commit(script: Framed) -> None:
    script.give(0, "skip", "7|c1:1", "c1:2")
    script.commands()
    script.engine.forget([T0])
    script.assign(T0, committed=1, generation=2)
    script.give(1, "7|c1:1", "c1:2")
    assert Pause(T0) in script.commands()
    script.answer(7)
    assert script.delivered() == ["c1:v=2"]
    assert script.commit() == (3, "")


VALUES = st.lists(
    st.sampled_from(["7|c1:a=1", "8|c1:a=2", "c1:a=3", "7|c2:a=4", "9|c2:b=5", "skip", "none", "8|bad", "bad"]),
    max_size=12,
)


@settings(deadline=None)
@given(VALUES, st.lists(st.sampled_from([7, 8, 9]), max_size=12), st.integers(1, 4))
def test_whenever_schemas_come_the_end_is_the_same(values: list[str], answers: list[int], batch: int) -> None:
    """As if all schemas had been known: the same profiles, dead letters and offset."""

    def end(known: bool) -> object:  # noqa: FBT001 - two ways of one test
        script = Framed()
        script.assign()
        if known:
            script.known |= {7, 8, 9}
        profiles: dict[str, str] = {}
        dead: list[int] = []
        early = iter(answers)
        for first in range(0, len(values), batch):
            script.give(first, *values[first : first + batch])
            if (schema := next(early, None)) is not None and not known:
                script.answer(schema)
        for _ in range(60):
            commands = script.commands()
            for sent in calls(commands):
                profiles |= {f"{sent.identity} {pair.split('=')[0]}": pair for pair in sent.values.split("&")}
                script.end(sent.number)
            for letter in letters(commands):
                dead.append(letter.record.offset)
                script.report(letter)
            for schema in fetches(commands):
                script.answer(schema)
        return profiles, sorted(dead), script.commit(), script.engine.pending_events

    assert end(known=False) == end(known=True)
