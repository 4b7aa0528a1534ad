from __future__ import annotations

from tests.stalls import Stall, Stalls


def test_a_machine_that_stood_still_for_more_than_a_second_is_found() -> None:
    stalls = Stalls()
    for now in (1.0, 1.9, 2.9, 5.0, 5.05, 8.06):
        stalls.beat(now)
    assert stalls.found == [Stall(2.9, 5.0), Stall(5.05, 8.06)]
    assert stalls.found[0].seconds == 5.0 - 2.9


def test_one_that_runs_is_not() -> None:
    with Stalls() as stalls:
        pass
    assert stalls.found == []
