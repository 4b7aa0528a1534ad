from __future__ import annotations

import math

from consumer.core.concurrency import Concurrency


def answered(levels: range | list[int], now: float = 0.0) -> Concurrency:
    of = Concurrency()
    for level in levels:
        of.accepted(level, now)
    return of


def limited(limit: int = 8, now: float = 0.0) -> Concurrency:
    of = answered(range(1, limit + 1), now)
    assert of.refused(limit + 1, now)
    assert of.limit == limit
    return of


def test_no_limit_shows_while_all_is_accepted() -> None:
    assert answered(range(1, 65)).limit == math.inf


def test_calls_refused_from_a_level_on_and_accepted_below_show_the_limit() -> None:
    assert limited(8).limit == 8
    assert limited(4).limit == 4


def test_three_accepted_calls_below_are_too_few_and_four_are_enough() -> None:
    assert not answered([1, 1, 1]).refused(2, 0.0)
    assert answered([1, 1, 1, 1]).refused(2, 0.0)


def test_one_accepted_call_above_for_ten_below_is_an_answer_on_its_way_and_one_for_nine_is_not() -> None:
    assert not answered([*[2] * 9, 5]).refused(5, 0.0)
    assert answered([*[2] * 10, 5]).refused(5, 0.0)


def test_a_call_refused_with_no_other_under_way_is_no_matter_of_concurrency() -> None:
    of = answered([1] * 100)
    assert not of.refused(1, 0.0)
    assert of.limit == math.inf


def test_the_limit_comes_down_when_calls_among_fewer_are_refused() -> None:
    of = limited(8)
    for _ in range(20):
        of.accepted(5, 1.0)
    assert of.refused(7, 1.0)
    assert of.limit == 6


def test_a_refusal_among_few_disproves_the_limit_and_it_is_not_supposed_again_for_eight_seconds() -> None:
    of = limited(8)
    assert not of.refused(2, 7.9)
    assert of.limit == math.inf
    for level in range(1, 9):
        of.accepted(level, 8.0)
    assert not of.refused(9, 15.8)
    assert of.limit == math.inf
    assert of.refused(9, 15.9)
    assert of.limit == 8


def test_a_limit_that_held_for_eight_seconds_is_kept_though_something_else_refuses() -> None:
    of = limited(8)
    assert not of.refused(2, 8.0)
    assert of.limit == 8


def test_a_call_of_before_the_limit_does_not_disprove_it() -> None:
    of = limited(8)
    for _ in range(40):
        of.accepted(9, 1.0)
    assert not of.refused(9, 1.0)
    assert of.limit == 8


def test_more_are_tried_after_eight_seconds_but_only_when_the_limit_is_in_use() -> None:
    of = limited(8)
    of.accepted(8, 8.0)
    assert of.limit == 8
    of.accepted(7, 8.1)
    assert of.limit == 8
    of.accepted(8, 8.1)
    assert of.limit == 10


def test_it_is_raised_every_second_while_more_are_accepted() -> None:
    of = limited(8)
    of.accepted(8, 8.1)
    of.accepted(10, 9.1)
    assert of.limit == 10
    of.accepted(10, 9.2)
    assert of.limit == 13
    of.accepted(13, 10.3)
    assert of.limit == 17


def test_a_refusal_of_more_goes_back_and_the_next_try_waits_twice_as_long() -> None:
    of = limited(8)
    tries, now = [], 0.0
    for _ in range(4):
        failed = now
        while of.limit == 8:
            now += 0.5
            of.accepted(8, now)
        tries.append(now - failed)
        assert of.refused(9, now)
        assert of.limit == 8
    assert tries == [8.5, 16.5, 32.5, 32.5]


def test_after_more_were_accepted_the_next_try_waits_eight_seconds_again() -> None:
    of = limited(8)
    of.accepted(8, 8.1)
    of.refused(9, 8.2)
    of.accepted(8, 24.3)
    assert of.limit == 10
    of.accepted(10, 25.4)
    assert of.limit == 13
    of.refused(11, 25.5)
    assert of.limit == 10
    of.accepted(10, 41.5)
    assert of.limit == 10  # twice eight, not twice sixteen
    of.accepted(10, 41.6)
    assert of.limit == 13


def test_what_is_forgotten_shows_nothing() -> None:
    of = answered([1] * 10)
    of.forget()
    assert not of.refused(2, 0.0)
