from __future__ import annotations

from consumer.core.deadline import Deadline


def test_one_deadline_bounds_the_sum_of_all_steps() -> None:
    deadline = Deadline.after(100.0, 25.0)
    assert (deadline.left(100.0), deadline.left(110.0), deadline.left(125.0), deadline.left(999.0)) == (25, 15, 0, 0)
    assert not deadline.passed(124.999)
    assert deadline.passed(125.0)
