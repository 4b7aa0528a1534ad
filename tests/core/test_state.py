from __future__ import annotations

from itertools import combinations

import pytest

from consumer.core.state import PARTITION_STATES, SERVICE_STATES, Entered, State, StateBook, first

PRECEDENCE = [
    "dead_letter_blocked",
    "credentials_refused",
    "schema_registry_unavailable",
    "breaker_open",
    "quota_blocked",
    "throttled",
    "parked",
    "paced",
    "progressing",
    "idle",
]


def test_partition_states_are_the_ten_of_the_contract_in_its_order() -> None:
    assert [str(state) for state in PARTITION_STATES] == PRECEDENCE


def test_the_other_states_belong_to_the_service() -> None:
    assert set(State) == set(PARTITION_STATES) | {State.STARTING, State.KAFKA_UNREACHABLE, State.STOPPING}


@pytest.mark.parametrize(("earlier", "later"), [*combinations((*SERVICE_STATES, *PARTITION_STATES), 2)])
def test_the_earlier_of_two_is_shown_in_whatever_order_they_come(earlier: State, later: State) -> None:
    assert first([earlier, later]) is first([later, earlier]) is earlier


def test_idle_is_shown_when_nothing_holds() -> None:
    assert first([]) is State.IDLE


def test_one_state_is_shown_as_it_is() -> None:
    assert first(iter([State.PARKED])) is State.PARKED


def test_a_state_lasts_from_when_it_was_entered_first() -> None:
    book = StateBook[str]()
    assert book.enter("p", State.IDLE, 10.0) is None
    assert book.enter("p", State.IDLE, 20.0) is None
    assert book["p"] == Entered(State.IDLE, 10.0)


def test_a_change_tells_what_was_left_and_since_when() -> None:
    book = StateBook[str]()
    book.enter("p", State.IDLE, 10.0)
    assert book.enter("p", State.THROTTLED, 30.0) == Entered(State.IDLE, 10.0)
    assert book["p"] == Entered(State.THROTTLED, 30.0)


def test_keys_do_not_touch_each_other_and_a_forgotten_one_begins_anew() -> None:
    book = StateBook[str]()
    book.enter("p", State.IDLE, 10.0)
    book.enter("q", State.PACED, 11.0)
    book.forget("p")
    book.forget("never known")
    assert book["q"].state is State.PACED
    assert book.enter("p", State.PARKED, 40.0) is None
