from __future__ import annotations

from consumer.core.credentials import PROBE_EVERY, Credentials


def test_calls_pass_until_one_is_refused_and_then_one_probe_a_second() -> None:
    credentials = Credentials()
    assert credentials.access(0.0) == 0.0
    credentials.sent(0.0)
    credentials.sent(0.0)
    credentials.refused("unauthorized", 5.0)
    assert credentials.reason == "unauthorized"
    assert credentials.access(5.0) == PROBE_EVERY
    assert credentials.access(5.0 + PROBE_EVERY) == 0.0
    credentials.sent(6.0)
    assert credentials.access(60.0) == float("inf")
    credentials.refused("forbidden", 6.5)
    assert credentials.reason == "forbidden"
    assert credentials.access(6.5) == 0.5


def test_refusals_that_come_home_late_do_not_put_the_probe_off() -> None:
    credentials = Credentials()
    credentials.refused("unauthorized", 5.0)
    credentials.refused("unauthorized", 5.9)
    assert credentials.access(6.0) == 0.0


def test_one_accepted_call_opens_all() -> None:
    credentials = Credentials()
    credentials.refused("unauthorized", 5.0)
    credentials.sent(6.0)
    credentials.accepted()
    assert (credentials.reason, credentials.access(6.0)) == (None, 0.0)


def test_a_probe_that_tells_nothing_is_repeated() -> None:
    credentials = Credentials()
    credentials.refused("unauthorized", 5.0)
    credentials.sent(6.0)
    credentials.unknown()
    assert credentials.reason == "unauthorized"
    assert credentials.access(6.5) == 0.5
