# ruff: noqa: S311  # chance from a seed, not a secret
"""What the shared quota yields when nothing goes wrong: almost all of it, evenly, and with few records."""

from __future__ import annotations

import itertools
import random

import pytest

from consumer.core.lease import Terms
from consumer.core.ledger import Take
from consumer.core.state import State
from tests.core.quota_group import EPOCH, Group
from tests.core.quota_world import fullest

SEED = 11
SMALL = Terms.of(600, 60.0, lease=1.0, timeout=1.0)
LARGE = Terms.of(20_000, 1728.0, lease=1.2, timeout=0.2)
"""Target's daily quota, shrunk to a fiftieth."""

_identities = itertools.count()


def work(group: Group, seconds: float, step: float, demand: float, *, members: int | None = None) -> None:
    """Let time pass with so many new customers a second, each in one of the first `members`."""
    chance = random.Random(SEED)
    owed, end = 0.0, group.time + seconds
    while group.time < end:
        owed += demand * step
        for _ in range(int(owed)):
            group.members[chance.randrange(members or len(group.members))].arrive(next(_identities), group.time)
        owed %= 1
        group.step(step)


def use(group: Group, since: float) -> float:
    """Calls since then, as a share of limit x window / (window + slack)."""
    terms = group.terms
    calls = sum(one.time > since for one in group.sent)
    allowed = terms.limit * terms.window / (terms.window + terms.life) * (group.time - since) / terms.window
    return calls / allowed


@pytest.mark.parametrize("members", [1, 3, 10])
def test_with_enough_to_do_all_but_a_twentieth_of_the_quota_is_used_and_never_more(members: int) -> None:
    group = Group(SMALL, members, seed=SEED)
    work(group, 60 + 5 * SMALL.window, 0.1, demand=30)
    assert fullest([one.time for one in group.sent], SMALL.window) <= SMALL.limit
    assert use(group, since=60) >= 0.95


def test_near_the_limit_takers_neither_block_each_other_nor_flood_the_ledger() -> None:
    group = Group(SMALL, 10, seed=SEED)
    work(group, 5 * SMALL.window, 0.1, demand=SMALL.limit / (SMALL.window + SMALL.life))
    assert use(group, since=SMALL.window) >= 0.95
    takes = [entry for entry, time in group.log if isinstance(entry, Take) and entry.take and time > EPOCH + 60]
    assert len(takes) <= 1.25 * SMALL.limit * 4, "hardly more takes than calls, although each holds about one"


def test_ten_replicas_write_at_most_thirty_thousand_records_a_day() -> None:
    group = Group(LARGE, 10, seed=SEED)
    work(group, 1.1 * LARGE.window, 0.1, demand=0.9 * LARGE.limit / LARGE.window)
    records = sum(time > EPOCH + 0.1 * LARGE.window for _, time in group.log)
    assert records <= 30_000


def test_a_greedy_replica_does_not_keep_another_waiting_for_longer_than_a_lease() -> None:
    terms = Terms.of(10_000, 2000.0, lease=20.0, timeout=1.0)
    group = Group(terms, 3, seed=SEED)
    work(group, 1.5 * terms.window, 0.5, demand=40, members=1)
    for identity in range(-40, 0):
        group.members[1].arrive(identity, group.time)
        work(group, terms.lease, 0.5, demand=40, members=1)
        assert [one for one in group.sent if one.lane.identity == identity], "sent within a lease"
    assert len(group.members[0].lanes) > 1000, "the greedy one waits"


def test_demand_below_the_quota_is_never_delayed() -> None:
    group = Group(SMALL, 3, seed=SEED)
    work(group, 5 * SMALL.window, 0.1, demand=0.45 * SMALL.limit / SMALL.window)
    assert max(one.time - one.lane.oldest for one in group.sent) <= 0.5
    assert all(member.state in (State.IDLE, State.PROGRESSING) for member in group.members)


def test_what_comes_free_is_shared_from_one_to_five_and_back() -> None:
    group = Group(SMALL, 1, seed=SEED)
    work(group, 90.0, 0.1, demand=30)
    for _ in range(4):
        group.join()
    work(group, 90.0, 0.1, demand=30)
    for member in group.members[1:]:
        member.quota.release()
    work(group, 90.0, 0.1, demand=30, members=1)
    assert fullest([one.time for one in group.sent], SMALL.window) <= SMALL.limit
    assert use(group, since=60) >= 0.95
    assert {one.member for one in group.sent if 120 < one.time < 180} == set(range(5))
