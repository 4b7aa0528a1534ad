"""What waits is bounded in bytes that are counted, and the count is honest."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from consumer.core.engine import Engine
from consumer.core.profile import Identity, ProfileUpdate
from consumer.core.record import Record, TopicPartition
from tests.core.builders import LIMITS, Script, map_record

PARTITIONS = 12
SCALE = 20
"""One in so many of what the default limit must hold: 2,000,000 events of 100,000 identities in 64 MiB."""

EVENTS, IDENTITIES, LIMIT = 2_000_000 // SCALE, 100_000 // SCALE, (64 << 20) // SCALE


def loan(record: Record) -> ProfileUpdate:
    """An update of eight attributes, as the shipped loan mapping makes them; the record's timestamp is the identity."""
    attributes = {
        "lastLoanStatus": "funded",
        "lastLoanAmount": str(record.offset),
        "lastLoanFundedOn": "2026-03-01",
        "lastLoanBand": "standard",
        "emailHash": f"{record.timestamp:064x}",
        "branch": f"b{record.timestamp % 50}",
        "officer": f"o{record.offset % 999}",
        "channel": "web",
    }
    return ProfileUpdate(Identity("mbox3rdPartyId", f"customer-{record.timestamp}"), attributes, record.offset, 0)


def fill(script: Script, events: int, identities: int) -> None:
    """Events one by one, each identity in a partition of its own, so that nothing of them is kept outside."""
    offsets = [0] * PARTITIONS
    for number in range(events):
        identity = number * 7919 % identities
        partition = identity % PARTITIONS
        record = Record("t", partition, offsets[partition], identity, None, None)
        script.engine.received([record], script.now)
        offsets[partition] += 1


def script_of(mapper: object) -> Script:
    script = Script(LIMITS)
    gate = script.engine.gate
    script.engine = Engine(mapper, "h", LIMITS, gate, lambda: 0.5)  # type: ignore[arg-type]  # a mapper
    for partition in range(PARTITIONS):
        script.assign(TopicPartition("t", partition))
    return script


def test_the_default_limit_holds_two_million_events_of_a_hundred_thousand_identities() -> None:
    script = script_of(loan)
    fill(script, EVENTS, IDENTITIES)
    assert script.engine.pending_events == EVENTS
    assert LIMIT / 2 < script.engine.pending_bytes <= LIMIT


def varied(record: Record) -> ProfileUpdate:
    """Updates that set some of the attributes, now these, now those: they wait in layers."""
    update = loan(record)
    names = list(update.attributes)
    chosen = {name: update.attributes[name] for name in names[record.offset % 5 :: 1 + record.offset % 2]}
    return update._replace(attributes=chosen, mapping=record.offset % 2)


@pytest.mark.parametrize(("mapper", "events"), [(loan, 4000), (loan, 40_000), (varied, 20_000)])
def test_the_count_of_bytes_is_within_a_quarter_of_what_is_allocated(mapper: object, events: int) -> None:
    script = script_of(mapper)
    gc.collect()
    tracemalloc.start()
    try:
        before, counted = tracemalloc.get_traced_memory()[0], script.engine.pending_bytes
        fill(script, events, 4000)
        gc.collect()
        allocated = tracemalloc.get_traced_memory()[0] - before
        counted = script.engine.pending_bytes - counted
    finally:
        tracemalloc.stop()
    print(f"{allocated} allocated, {counted} counted: {counted / allocated:.2f}")  # noqa: T201
    assert 0.75 < counted / allocated < 1.25


def test_what_is_delivered_gives_its_memory_back() -> None:
    script = script_of(loan)
    fill(script, 2000, 200)
    script.engine.gate._max_in_flight = 1000
    empty = script_of(map_record).engine.pending_bytes
    script.settle()
    assert script.engine.pending_events == 0
    assert script.engine._delivery.waiting.size == 0
    assert script.engine.pending_bytes - empty <= 200 * (7 + 4) + 16 * PARTITIONS
