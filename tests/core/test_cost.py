"""What an event costs, counted in operations: the same on every machine, so that a slower path shows as a number.

Bounds lie a little above what is counted today on Python 3.11; newer versions count less. A bound that is passed says:
look at what was added to the path of a record. It may be worth it; then the bound rises in the same change.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from consumer.core.command import Send
from consumer.core.engine import Engine
from consumer.core.mapping_file import parse_mappings
from consumer.core.outcome import Completed
from consumer.core.record import Record, TopicPartition
from tests.core.builders import LIMITS, MILLIS, OK, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from consumer.core.partition import Commit

EVENTS = 2_000
BATCH = 500
PARTITIONS = 4

MAPPING = b"""\
version: 1
topics: [t]
where: {event.type: store.visited}
identity: {mbox3rdPartyId: event.customer.id}
attributes:
  number: {from: event.number}
  segment: {from: event.customer.segment}
  lastStore: {from: event.store.id, transform: [upper]}
  lastCity: {from: event.store.city, required: true}
  lastVisitOn: {from: event.occurred_at, transform: [{date: "%Y-%m-%d"}]}
"""


def batches(identities: int) -> list[list[Record]]:
    """Events of so many identities, each in a partition of its own."""
    records = []
    offsets = [0] * PARTITIONS
    for number in range(EVENTS):
        identity = number * 7919 % identities
        partition = identity % PARTITIONS
        event = {
            "type": "store.visited",
            "occurred_at": f"2026-03-01T09:30:{number % 60:02}Z",
            "customer": {"id": f"c-{identity}", "segment": "standard"},
            "store": {"id": f"s-{number % 97}", "city": "Utrecht"},
            "number": number,
        }
        records.append(Record("t", partition, offsets[partition], MILLIS, None, orjson.dumps(event)))
        offsets[partition] += 1
    return [records[first : first + BATCH] for first in range(0, EVENTS, BATCH)]


def script() -> Script:
    made = Script()
    mappings = parse_mappings({"visit.mapping.yaml": MAPPING}, max_value_length=256)
    made.engine = Engine(mappings.map, mappings.hash, LIMITS, made.engine.gate, lambda: 0.5)
    for partition in range(PARTITIONS):
        made.assign(TopicPartition("t", partition))
    return made


class Counted:
    """Operations while `run` ran: calls of functions in Python, of those in C, and of orjson's two by name."""

    def __init__(self, run: Callable[[], object]) -> None:
        self.python = self.c = 0
        self.orjson: Counter[str] = Counter()
        before = sys.getprofile()
        sys.setprofile(self._count)
        try:
            run()
        finally:
            sys.setprofile(before)

    def _count(self, _frame: FrameType, kind: str, what: Any) -> None:
        if kind == "call":
            self.python += 1
        elif kind == "c_call":
            self.c += 1
            if what in (orjson.loads, orjson.dumps):
                self.orjson[what.__name__] += 1


def take_in(script: Script, given: list[list[Record]]) -> None:
    for batch in given:
        script.engine.received(batch, script.now)


def deliver(script: Script) -> tuple[int, list[Commit]]:
    """Answer calls as long as there are any, one commit interval for each round: the calls, and what was committed."""
    calls, commits = 0, []
    while sends := [each for each in script.engine.commands(script.now) if isinstance(each, Send)]:
        calls += len(sends)
        for send in sends:
            script.engine.completed(Completed(send.number, OK, 0.02), script.now)
        commits += script.engine.commits()
    return calls, commits


def test_function_calls_for_an_event_that_merges_into_what_waits() -> None:
    made, given = script(), batches(identities=24)
    take_in(made, given[:1])
    counted = Counted(lambda: take_in(made, given[1:]))
    events = EVENTS - BATCH
    assert counted.python / events <= 38, "calls of functions in Python"
    assert counted.c / events <= 37, "calls of functions in C"


def test_an_event_is_parsed_once_and_written_once_to_find_repeated_keys() -> None:
    made, given = script(), batches(identities=24)
    assert Counted(lambda: take_in(made, given)).orjson == {"loads": EVENTS, "dumps": EVENTS}


def test_function_calls_for_a_call_of_one_event() -> None:
    made, given = script(), batches(identities=EVENTS)
    take_in(made, given)
    counted = Counted(lambda: deliver(made))
    assert counted.python / EVENTS <= 79, "calls of functions in Python"
    assert counted.c / EVENTS <= 62, "calls of functions in C"
    assert not counted.orjson


def test_an_identity_that_waits_costs_one_call_however_many_events_it_has() -> None:
    made, given = script(), batches(identities=24)
    take_in(made, given)
    assert deliver(made)[0] == 24
    assert made.engine.pending_events == 0


def test_at_most_one_commit_for_each_partition_and_interval_and_none_when_nothing_changed() -> None:
    made, given = script(), batches(identities=EVENTS)
    take_in(made, given)
    calls, commits = deliver(made)
    rounds = -(-calls // 64)
    assert len(commits) <= rounds * PARTITIONS
    assert sorted(commit.offset for commit in commits)[-PARTITIONS:] == [EVENTS // PARTITIONS] * PARTITIONS
    assert made.engine.commits() == []
