from __future__ import annotations

from consumer.adapters.history import MINUTES, History, Sample


def fed(*points: tuple[float, int, int | None]) -> History:
    history = History()
    for wall, calls, used in points:
        history.sample(wall, calls, used)
    return history


def test_a_minute_shows_once_it_is_over() -> None:
    assert fed((600, 0, 1), (610, 4, 2), (659.9, 9, 3)).samples == ()
    assert fed((600, 0, 1), (610, 4, 2), (660, 9, 3)).samples == (Sample(10, 4, 2),)


def test_calls_count_from_the_first_sample_and_each_once() -> None:
    history = fed((600, 100, 1), (630, 103, 2), (659, 107, 2), (665, 110, 3), (730, 120, 4))
    assert [sample.calls for sample in history.samples] == [7, 3]
    assert sum(sample.calls for sample in history.samples) == 110 - 100


def test_quota_used_is_that_at_the_end_of_the_minute() -> None:
    assert fed((600, 0, 5), (650, 0, 8), (660, 0, 9)).samples == (Sample(10, 0, 8),)


def test_minutes_without_a_sample_are_missing() -> None:
    assert [sample.minute for sample in fed((600, 0, None), (900, 0, None), (960, 0, None)).samples] == [10, 15]


def test_a_clock_set_back_drops_the_time_that_comes_again() -> None:
    history = fed(*((minute * 60.0, 0, None) for minute in range(10, 16)), (12 * 60.0, 0, None), (13 * 60.0, 0, None))
    assert [sample.minute for sample in history.samples] == [10, 11, 12]


def test_it_remembers_a_day() -> None:
    for over, kept in ((MINUTES - 1, MINUTES - 1), (MINUTES, MINUTES), (MINUTES + 1, MINUTES)):
        history = fed(*((minute * 60.0, minute, None) for minute in range(over + 1)))
        assert len(history.samples) == kept
        assert history.samples[-1].minute == over - 1
