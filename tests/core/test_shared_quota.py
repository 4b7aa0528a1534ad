from __future__ import annotations

import math

import pytest

from consumer.core.clock import Clocks
from consumer.core.lease import Call, Terms
from consumer.core.ledger import Close, Entry, Ledger, Take
from consumer.core.quota import Usage
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import NotNow, State

TERMS = Terms(limit=20, window=1000.0, lease=10.0, timeout=2.0)
LARGE = Terms(limit=100_000, window=1000.0, lease=10.0, timeout=2.0)
WALL = 1_000_000.0


class Small(Terms):
    """Leases of four calls."""

    @property
    def largest(self) -> int:
        return 4


class Instance:
    """A quota whose ledger keeps what it appends, and gives it back when it is `told`."""

    def __init__(self, terms: Terms = TERMS, *, opened: bool = True, chance: float = 0.5) -> None:
        self.boot = 100.0
        self.quota = SharedQuota(terms, "me", lambda: chance)
        self.appended: list[Entry] = []
        if opened:
            self.quota.opened(Ledger(terms.window), self.now.wall, self.now)

    @property
    def now(self) -> Clocks:
        return Clocks(self.boot, WALL + self.boot)

    def turn(self) -> list[Entry]:
        entries = self.quota.turn(self.now)
        self.appended += entries
        return entries

    def told(self, *entries: Entry) -> None:
        for entry in entries:
            self.quota.read(entry, self.now.wall, self.now)

    def call(self) -> Call:
        """A call, with whatever must be appended and read back for it."""
        call = self.quota.access(self.now)
        if isinstance(call, NotNow):
            self.told(*self.turn())
            call = self.quota.access(self.now)
        assert isinstance(call, Call), call
        return call

    def refused(self) -> NotNow:
        answer = self.quota.access(self.now)
        assert isinstance(answer, NotNow), answer
        return answer


def other(calls: int, at: float = WALL + 100, lease: str = "o.1") -> Take:
    return Take(lease, "other", calls, 12.0, at)


def taken(entries: list[Entry]) -> list[int]:
    return [entry.take for entry in entries if isinstance(entry, Take)]


def test_before_the_ledger_is_read_there_is_no_call_and_nothing_is_appended() -> None:
    one = Instance(opened=False)
    assert one.refused() == NotNow(State.PROGRESSING, 0.005)
    one.boot += 0.99
    assert one.refused() == NotNow(State.PROGRESSING, 0.005)
    one.boot += 0.01
    assert one.refused() == NotNow(State.QUOTA_BLOCKED, 1.0)
    assert one.turn() == []
    assert one.quota.usage(one.now) == Usage(20, 1000.0)
    with pytest.raises(RuntimeError, match="must be opened"):
        one.told(other(1))


def test_the_probe_asks_for_nothing_and_the_start_reads_all_that_may_count() -> None:
    one = Instance(opened=False)
    probe = one.quota.probe(one.now)
    assert (probe.take, probe.life, probe.at) == (0, 12.0, one.now.wall)
    far = 1000 + 25 * 3600
    assert one.quota.start_time(WALL, one.now) == WALL - far
    assert one.quota.start_time(WALL + 9999, one.now) == one.now.wall - far


def test_a_call_comes_only_from_a_take_that_was_read_back() -> None:
    one = Instance(Small(*TERMS))
    one.quota.backlog(3, 3)
    assert one.refused() == NotNow(State.PROGRESSING, 0.005)
    (take,) = one.turn()
    assert isinstance(take, Take)
    assert (take.take, take.waiting, take.life) == (3, 3, 12.0)
    assert one.turn() == []
    assert one.refused() == NotNow(State.PROGRESSING, 0.005)
    one.told(take)
    assert isinstance(one.quota.access(one.now), Call)


def test_of_a_take_that_is_not_read_back_no_call_comes_and_it_is_closed() -> None:
    one = Instance()
    one.refused()
    (take,) = one.turn()
    one.boot += 1
    assert one.refused().state is State.QUOTA_BLOCKED
    one.boot += 9
    assert isinstance(take, Take)
    close, again = one.turn()
    assert close == Close(take.lease, 0)
    assert isinstance(again, Take)
    one.told(take, close)
    assert one.refused().state is State.QUOTA_BLOCKED
    one.told(again)
    one.call()


def test_a_take_that_comes_back_after_its_lease_is_over_is_closed() -> None:
    one = Instance()
    one.refused()
    (take,) = one.turn()
    one.boot += 10
    one.told(take)
    assert isinstance(take, Take)
    assert one.turn() == [Close(take.lease, 0)]


def test_past_the_limit_the_later_take_is_closed_and_waits() -> None:
    one = Instance()
    one.refused()
    (take,) = one.turn()
    one.told(other(20), take)
    assert isinstance(take, Take)
    assert one.turn() == [Close(take.lease, 0)]
    one.told(Close(take.lease, 0))
    one.turn()
    assert one.refused() == NotNow(State.QUOTA_BLOCKED, 1.0)
    usage = one.quota.usage(one.now)
    assert (usage.used, usage.left, usage.blocked) == (20, 0, True)
    assert usage.next_free_at == pytest.approx(WALL + 100 + 1012, abs=2)


def test_the_last_call_of_the_limit_is_given() -> None:
    one = Instance()
    one.told(other(19))
    one.call()
    assert one.quota.usage(one.now).left == 0


def test_the_earlier_take_is_good_whatever_comes_behind_it() -> None:
    one = Instance()
    one.refused()
    (take,) = one.turn()
    one.told(take, other(20))
    assert isinstance(one.quota.access(one.now), Call)


def test_what_others_close_comes_free_after_a_pause_by_chance() -> None:
    one = Instance(TERMS._replace(lease=5.0))  # the next lease is taken half a second ahead
    one.told(other(20))
    one.refused()
    one.turn()
    one.told(Close("o.1", 10))
    assert one.turn() == []
    one.boot += 0.124
    assert one.turn() == []
    one.boot += 0.002
    take = one.turn()
    assert taken(take) == [1]
    assert one.quota.usage(one.now).blocked
    one.told(*take)
    assert not one.quota.usage(one.now).blocked


def test_what_is_taken_by_another_during_the_pause_is_waited_for_anew() -> None:
    one = Instance()
    one.told(other(20))
    one.refused()
    one.turn()
    one.told(Close("o.1", 10))
    one.turn()
    one.told(other(10, lease="o.2"))
    one.turn()
    one.boot += 0.3
    one.told(Close("o.2", 0))
    assert one.turn() == []
    one.boot += 0.3
    assert taken(one.turn()) == [1]


def test_half_of_the_largest_lease_must_be_free() -> None:
    one = Instance(Small(*TERMS))
    for _ in range(4):
        one.call()
    one.told(other(15))
    one.refused()
    assert one.turn() == []
    one.boot += 0.3
    assert one.turn() == []
    usage = one.quota.usage(one.now)
    assert (usage.left, usage.blocked) == (1, True)
    assert usage.next_free_at is not None
    one.told(Close("o.1", 14))
    one.turn()
    one.boot += 0.3
    assert taken(one.turn()) == [2]


def test_who_needs_one_call_takes_the_last_one() -> None:
    one = Instance(Small(*TERMS))
    one.told(other(19))
    one.quota.backlog(1, 1)
    one.call()


def test_the_next_calls_come_free_when_those_that_are_wanted_do() -> None:
    one = Instance(Small(*TERMS))
    one.turn()
    assert one.quota.usage(one.now).next_free_at is None
    one.told(other(1), other(1, at=WALL + 200, lease="o.2"), other(18, at=WALL + 300, lease="o.3"))
    assert one.quota.usage(one.now).next_free_at == pytest.approx(WALL + 1112, abs=2)
    one.quota.backlog(4, 4)  # reviewed, its pace would be nothing, and one call would do
    one.refused()
    one.turn()
    assert one.quota.usage(one.now).next_free_at == pytest.approx(WALL + 1212, abs=2), "half of the largest lease"


def test_who_still_has_calls_is_not_blocked() -> None:
    one = Instance(LARGE)
    one.quota.backlog(100, 100)
    for _ in range(50):
        one.call()
    one.told(other(99_900))
    one.boot += 9.5
    assert taken(one.turn()) == [], "it wants the next lease"
    assert not one.quota.usage(one.now).blocked
    assert one.quota.usage(one.now).next_free_at is not None
    one.boot += 0.5
    one.turn()
    one.refused()
    one.turn()
    assert one.quota.usage(one.now).blocked


def test_a_lease_is_closed_when_it_is_over_with_what_it_used() -> None:
    one = Instance(Small(*TERMS))
    one.quota.backlog(3, 3)
    lease = one.call().lease
    one.boot += 10
    assert one.turn() == [Close(lease.name, 1)]


def test_a_lease_that_was_spent_whole_needs_no_close() -> None:
    one = Instance()
    one.call()
    one.boot += 10
    assert one.turn() == []


def test_the_next_lease_is_taken_before_the_last_one_ends() -> None:
    one = Instance(LARGE)
    one.quota.backlog(500, 500)
    for _ in range(50):
        first = one.call().lease
    assert taken(one.appended) == [100]
    one.boot += 8.9
    assert one.turn() == []
    one.boot += 0.2
    second = one.turn()
    assert taken(second) == [100]
    one.told(*second)
    assert one.turn() == [], "one more is enough"
    one.boot += 0.9
    assert one.turn() == [Close(first.name, 50)]


def test_the_next_lease_is_taken_before_the_last_one_is_spent() -> None:
    one = Instance(LARGE._replace(lease=5.0))
    one.quota.backlog(100, 100)
    for _ in range(91):
        one.call()
    assert one.turn() == []
    one.call()
    assert taken(one.turn()) == [100]


def test_who_makes_few_calls_takes_no_lease_ahead() -> None:
    one = Instance(LARGE)
    one.quota.backlog(4, 4)
    one.call()
    one.boot += 9.5
    assert one.turn() == []


def test_a_lease_is_as_large_as_what_was_called_of_late_or_waits() -> None:
    one = Instance(LARGE)
    one.quota.backlog(50, 50)
    for _ in range(50):
        one.call()
    one.quota.backlog(2, 52)
    one.boot += 10
    one.refused()
    assert taken(one.turn()) == [18]  # a lifetime later they count for 1/e
    one.quota.backlog(20, 70)
    one.boot += 10
    assert taken(one.turn()) == [20]


def test_a_call_that_outlived_its_lease_is_booked_again_and_stays_owed_until_read_back() -> None:
    one = Instance(Small(*TERMS))
    one.quota.backlog(3, 3)
    first, second, third = one.call(), one.call(), one.call()
    one.quota.finished(first, one.now)
    one.boot += 12
    one.quota.finished(second, one.now)
    one.quota.finished(third, one.now)
    (again,) = one.turn()
    assert isinstance(again, Take)
    assert (again.take, again.life) == (2, 12.0)
    assert one.turn() == [], "booked once"
    assert one.quota.owes(again)
    one.told(again)
    assert not one.quota.owes(again)
    assert one.quota.usage(one.now).used == 5


def test_closes_are_owed_and_takes_that_ask_are_not() -> None:
    one = Instance()
    one.refused()
    (take,) = one.turn()
    assert not one.quota.owes(take)
    assert one.quota.owes(Close("x", 1))


def test_release_gives_back_everything_and_a_later_call_takes_anew() -> None:
    one = Instance(Small(*TERMS))
    one.quota.backlog(4, 4)
    lease = one.call().lease
    one.quota.release()
    assert one.turn() == [Close(lease.name, 1)]
    assert lease.spend(one.now) is None
    one.told(Close(lease.name, 1))
    one.refused()
    (take,) = one.turn()
    assert isinstance(take, Take)
    one.quota.release()
    assert one.turn() == [Close(take.lease, 0)]
    one.told(take, Close(take.lease, 0))
    assert one.quota.usage(one.now).used == 1
    one.call()


def test_after_a_release_nothing_is_waited_for() -> None:
    one = Instance()
    one.refused()
    one.turn()
    one.quota.release()
    one.turn()
    one.refused()
    assert taken(one.turn()) == [1], "whether the take before is read back or not"
    one = Instance()
    one.told(other(20))
    one.refused()
    one.turn()
    assert one.quota.usage(one.now).blocked
    one.quota.release()
    assert not one.quota.usage(one.now).blocked


def test_who_waits_without_a_lease_says_so_once_in_a_while() -> None:
    one = Instance()
    one.told(other(20))
    one.quota.backlog(7, 7)
    one.refused()
    (told,) = one.turn()
    assert isinstance(told, Take)
    assert (told.take, told.waiting) == (0, 7)
    one.boot += 10.9
    assert one.turn() == []
    one.boot += 0.1
    assert [entry.waiting for entry in one.turn() if isinstance(entry, Take)] == [7]
    one.quota.backlog(0, 7)
    one.boot += 50
    assert one.turn() == []


def test_who_waits_says_so_before_its_pace_is_reviewed() -> None:
    one = Instance()
    one.turn()
    one.told(other(20))
    one.quota.backlog(7, 7)
    one.refused()
    assert [entry.waiting for entry in one.turn() if isinstance(entry, Take)] == [7]
    assert one.quota.usage(one.now).rate is None


def test_who_is_not_held_back_says_nothing() -> None:
    one = Instance()
    one.quota.backlog(7, 7)
    one.boot += 50
    assert one.turn() == []


def test_while_more_appear_than_the_quota_can_send_calls_are_paced() -> None:
    one = Instance(Terms(2000, 1000.0, 10.0, 2.0))
    one.told(other(1500))
    one.quota.backlog(waiting=400, created=400)
    one.turn()
    rate = one.quota.usage(one.now).rate
    assert rate is not None
    one.call()
    paced = one.refused()
    assert paced.state is State.PACED
    assert 0 < paced.seconds <= 1 / rate
    assert taken(one.appended)[-1] == int(rate * 10)
    one.boot += 11
    assert [entry.waiting for entry in one.turn() if isinstance(entry, Take)] == [400], "it says that it waits"


def test_the_pace_is_reviewed_in_its_time_and_no_sooner() -> None:
    one = Instance(Terms(2000, 1000.0, 10.0, 2.0))
    one.told(other(1500))
    one.quota.backlog(waiting=400, created=400)
    one.turn()
    one.told(Close("o.1", 0))
    one.turn()
    assert one.quota.usage(one.now).rate is not None
    one.boot += 1
    one.turn()
    assert one.quota.usage(one.now).rate is None


def test_what_is_used_is_measured_by_the_clock_that_is_behind() -> None:
    one = Instance()
    one.told(other(5))
    later = one.now._replace(wall=one.now.wall + 5000)
    assert one.quota.usage(later).used == 5
    one.boot += 5000
    behind = one.now._replace(wall=WALL)
    assert one.quota.usage(behind).used == 5
    assert one.quota.usage(one.now).used == 0
    assert math.isclose(one.quota.terms.life, 12.0)


def test_the_brokers_time_is_that_of_our_last_record_and_goes_on_with_our_clock() -> None:
    one = Instance(opened=False)
    one.quota.opened(Ledger(TERMS.window), WALL, one.now)  # 100 s behind
    one.quota.read(other(5, at=WALL), WALL, one.now)
    one.boot += 1000
    assert one.quota.usage(one.now).used == 5, "by our clock it would have come free"
    one.quota.read(other(1, lease="o.2"), WALL + 2000, one.now)
    assert one.quota.usage(one.now).used == 6, "another's record may be old, or its leader's clock wrong"
    one.quota.read(one.quota.probe(one.now), WALL + 900, one.now)
    assert one.quota.usage(one.now).used == 6
    one.quota.read(one.quota.probe(one.now), one.now.wall, one.now)
    assert one.quota.usage(one.now).used == 1


def test_what_has_long_come_free_is_forgotten_even_by_who_never_takes() -> None:
    one = Instance(opened=False)
    ledger = Ledger(TERMS.window)
    one.quota.opened(ledger, one.now.wall, one.now)
    one.told(other(5))
    one.boot += 1013 + TERMS.longest
    one.told(other(3, at=one.now.wall, lease="o.2"))
    assert ledger.used(-math.inf) == 3


def test_what_has_come_free_is_forgotten_with_each_take() -> None:
    one = Instance(opened=False)
    ledger = Ledger(TERMS.window)
    one.quota.opened(ledger, one.now.wall, one.now)
    one.told(other(5))
    one.boot += 1013
    one.call()
    assert ledger.used(-math.inf) == 1
