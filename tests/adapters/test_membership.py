from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.adapters.membership import ASK_EVERY, Membership

if TYPE_CHECKING:
    from collections.abc import Generator

NOTHING_GIVEN, TWO_GIVEN, UNKNOWN = 0, 2, None


class Group:
    """Answers whoever asks with what comes next; None in `answers` is a member that the group does not know."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answers: list[int | KafkaError | None] = []

    def given(self, group_id: str, member_id: str) -> Generator[None, None, int | None]:
        self.asked.append((group_id, member_id))
        while not self.answers:
            yield
        answer = self.answers.pop(0)
        if isinstance(answer, KafkaError):
            raise KafkaException(answer)
        return answer


def member_of(group: Any, *, asks: bool = False) -> Membership:
    return Membership(group, "g", asks=asks)


def name() -> str:
    return "m-1"


def test_without_a_doubt_nothing_is_asked() -> None:
    group = Group()
    member = member_of(group)
    member.turn(name, 100.0)
    assert (member.certain, member.joined, group.asked) == (True, False, [])


@pytest.mark.parametrize("given", [NOTHING_GIVEN, TWO_GIVEN])
def test_a_doubt_ends_once_the_group_knows_us(given: int) -> None:
    group = Group()
    member = member_of(group)
    member.doubt()
    member.turn(name, 100.0)
    member.turn(name, 100.1)
    assert (member.certain, group.asked) == (False, [("g", "m-1")])
    group.answers.append(given)
    member.turn(name, 100.2)
    assert (member.certain, member.joined) == (True, False)


def test_while_the_group_does_not_know_us_or_does_not_answer_it_is_asked_again() -> None:
    group = Group()
    group.answers += [UNKNOWN, KafkaError(KafkaError._TIMED_OUT), TWO_GIVEN]
    member = member_of(group)
    member.doubt()
    certain = []
    for turn in range(6):
        member.turn(name, 100.0 + turn * ASK_EVERY / 2)
        certain.append(member.certain)
    assert certain == [False, False, False, False, True, True]
    assert len(group.asked) == 3


def test_who_has_no_name_in_the_group_yet_waits_for_one() -> None:
    group = Group()
    group.answers.append(TWO_GIVEN)
    member = member_of(group)
    member.doubt()
    member.turn(lambda: "", 100.0)
    assert (member.certain, group.asked) == (False, [])
    member.turn(name, 100.01)
    assert member.certain


def test_an_answer_to_a_question_from_before_the_doubt_does_not_count() -> None:
    group = Group()
    member = member_of(group)
    member.doubt()
    member.turn(name, 100.0)
    member.doubt()
    group.answers.append(UNKNOWN)
    member.turn(name, 100.0)
    assert (member.certain, len(group.asked)) == (False, 2)


def test_a_broker_that_cannot_be_asked_holds_nothing_up() -> None:
    group = Group()
    group.answers.append(KafkaError(KafkaError._UNSUPPORTED_FEATURE))
    member = member_of(group)
    member.doubt()
    member.turn(name, 100.0)
    assert member.certain


def test_where_the_library_does_not_tell_that_there_is_nothing_to_give_the_group_is_asked() -> None:
    group = Group()
    group.answers += [UNKNOWN, TWO_GIVEN, NOTHING_GIVEN]
    member = member_of(group, asks=True)
    joined = []
    for turn in range(4):
        member.turn(name, 100.0 + turn * ASK_EVERY)
        joined.append(member.joined)
    assert joined == [False, False, True, True]
    assert len(group.asked) == 3
