from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consumer.adapters.question import Question

if TYPE_CHECKING:
    from collections.abc import Generator


def steps(count: int, fault: Exception | None = None) -> Generator[None, None, str | None]:
    for _ in range(count):
        yield
    if fault:
        raise fault
    return "answer"


def test_an_answer_comes_once() -> None:
    question = Question(steps(2))
    assert [question.answers() for _ in range(4)] == [[], [], ["answer"], []]
    assert not question.open


def test_one_that_is_not_asked_yet_has_no_answer() -> None:
    question: Question[str | None] = Question()
    assert (question.open, question.answers()) == (False, [])
    question.ask(steps(0))
    assert question.open
    assert question.answers() == ["answer"]


def test_a_fault_ends_it_and_it_can_be_asked_again() -> None:
    question = Question(steps(1, ValueError("no")))
    assert question.answers() == []
    with pytest.raises(ValueError, match="no"):
        question.answers()
    assert not question.open
    question.ask(steps(0))
    assert question.answers() == ["answer"]
