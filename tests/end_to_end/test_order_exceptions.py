"""Where an older value may come after a newer one after all, as the README says: each exception, seen."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import orjson

from consumer.simulator.judge import Event
from tests.end_to_end.load import mappings, resolved
from tests.end_to_end.service import ROOT, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.end_to_end.service import Service
    from tests.kafka import Kafka

WHO = "mbox3rdPartyId=c1"


def visit(number: int, customer: str = "c1") -> bytes:
    return orjson.dumps({"type": "visit", "customer": customer, "number": number})


def test_a_target_that_takes_a_call_after_we_gave_it_up_may_turn_a_value_back_until_the_next_event(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(1)
    target.control.patch(accept="answer", faults=[{"latency": "15s", "effect": True, "calls": 1}])
    options = {"schemas": str(mappings(tmp_path, topic)), "target__timeout": "500ms", "delivery__retry_base": "10ms"}
    with service(**options) as running:
        kafka.produce(topic, [visit(1)])
        running.wait_until(resolved(1), "its repetition is accepted")
        kafka.produce(topic, [visit(2)])
        eventually(lambda: target.profile(WHO) == {"visit": "2"}, "its successor is accepted")
        eventually(lambda: len(target.history) == 3, "Target takes the first call, long given up")
        assert target.profile(WHO) == {"visit": "1"}
        kafka.produce(topic, [visit(3)])
        running.wait_until(resolved(3), "the next event is accepted")
        assert running.stop() == 0
    assert target.judge([Event(WHO, {"visit": str(number)}) for number in (1, 2, 3)]).sound


def test_a_call_of_a_member_that_died_or_was_lost_may_be_taken_after_those_of_the_next_owner(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(2)
    late = {"latency": "20s", "effect": True, "calls": 1}
    target.control.patch(accept="answer", faults=[late | {"identities": [who]} for who in ("c0", "c1")])
    group = {"kafka__properties": {"session.timeout.ms": "1000", "heartbeat.interval.ms": "200"}}
    options = {
        "schemas": str(mappings(tmp_path, topic)),
        "target__timeout": "40s",
        "delivery__drain_timeout": "45s",
    } | group
    both = ["mbox3rdPartyId=c0", "mbox3rdPartyId=c1"]
    with service(**options) as one, service(**options) as two, service(**options) as three:

        def owned() -> list[tuple[int, Service]]:
            members = [(len(each.status()["partitions"]), each) for each in (one, two, three)]
            members.sort(key=lambda member: member[0])
            return members if [count for count, _ in members] == [0, 1, 1] else []

        (_, next_owner), (_, dying), (_, frozen) = eventually(owned, "one of three has nothing to do")
        kafka.produce(topic, [visit(1, "c0")], partition=0)
        kafka.produce(topic, [visit(1, "c1")], partition=1)
        eventually(lambda: target.control.summary()["in_flight"] == 2, "two calls are on the wire")
        dying.kill()
        frozen.process.send_signal(signal.SIGSTOP)
        next_owner.wait_until(resolved(2), "the next owner repeats them")
        kafka.produce(topic, [visit(2, "c0")], partition=0)
        kafka.produce(topic, [visit(2, "c1")], partition=1)
        eventually(
            lambda: [target.profile(who) for who in both] == [{"visit": "2"}] * 2, "their successors are accepted"
        )
        eventually(lambda: len(target.history) == 6, "Target takes the first calls, long given up")
        assert [target.profile(who) for who in both] == [{"visit": "1"}] * 2
        kafka.produce(topic, [visit(3, "c0")], partition=0)
        kafka.produce(topic, [visit(3, "c1")], partition=1)
        next_owner.wait_until(resolved(6), "the next events are accepted")
        assert next_owner.stop() == 0
    assert target.judge([Event(who, {"visit": str(number)}) for number in (1, 2, 3) for who in both]).sound


def test_a_call_whose_connection_broke_after_it_was_accepted_is_repeated_and_turns_nothing_back(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(1)
    target.control.patch(faults=[{"delivery": "reset", "effect": True, "calls": 1}])
    with service(schemas=str(mappings(tmp_path, topic)), delivery__retry_base="3s") as running:
        kafka.produce(topic, [visit(1)])
        eventually(lambda: len(target.history) == 1, "it is accepted and not answered")
        due = time.monotonic() + 3
        kafka.produce(topic, [visit(2)])
        running.wait_until(resolved(2), "it is repeated")
        eventually(lambda: time.monotonic() > due, "whatever else repeats it would have come")
        assert running.stop() == 0
    verdict = target.judge([Event(WHO, {"visit": str(number)}) for number in (1, 2)])
    assert verdict.sound
    assert verdict.reordered == []


def test_a_customer_known_by_two_ids_has_no_order_between_them(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(1)
    target.control.patch(faults=[{"identities": ["c1"], "status": 500}])
    schemas = mappings(tmp_path, topic)
    mapping = schemas / "visit.mapping.yaml"
    ids = "identity: [{mbox3rdPartyId: event.customer}, {mboxPC: event.visitor}]"
    mapping.write_text(mapping.read_text().replace("identity: {mbox3rdPartyId: event.customer}", ids))
    with service(schemas=str(schemas)) as running:
        kafka.produce(topic, [visit(1), orjson.dumps({"type": "visit", "visitor": "p1.28_0", "number": 2})])
        eventually(lambda: target.profile("mboxPC=p1"), "the newer one is accepted")
        target.control.patch(faults=[])
        running.wait_until(resolved(2), "both are accepted")
        assert running.stop() == 0
    accepted = [(call.visitor, call.attributes["visit"]) for call in target.history if call.accepted]
    assert accepted == [("mboxPC=p1", "2"), (WHO, "1")], "the older event came last"


def test_a_replay_puts_an_old_value_back(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic, dead = kafka.create_topic(1), kafka.create_topic(1)
    group = f"g-{topic}"
    target.control.patch(faults=[{"status": 400, "calls": 1}])
    with service(schemas=str(mappings(tmp_path, topic)), dead_letter__topic=dead, kafka__group_id=group) as running:
        kafka.produce(topic, [visit(1)])
        running.wait_until(resolved(1), "it is refused, and a dead letter")
        kafka.produce(topic, [visit(2)])
        running.wait_until(resolved(2), "the newer one is accepted")
        environment = {"PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap}
        environment["PROFILE_CONSUMER_KAFKA__GROUP_ID"] = group
        words = [sys.executable, "-m", "consumer", "replay", "--dead-letter-topic", dead, "--yes"]
        subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603  # ours
        running.wait_until(resolved(3), "the replayed one is accepted")
        assert running.stop() == 0
    assert target.profile(WHO) == {"visit": "1"}


def test_a_customer_in_two_partitions_has_no_order_between_them(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(2)
    with service(schemas=str(mappings(tmp_path, topic))) as running:
        kafka.produce(topic, [visit(2)], partition=1, timestamp=1_700_000_002_000)
        running.wait_until(resolved(1), "the newer one is accepted")
        kafka.produce(topic, [visit(1)], partition=0, timestamp=1_700_000_001_000)
        running.wait_until(resolved(2), "the older one is read later")
        assert running.stop() == 0
    assert target.profile(WHO) == {"visit": "1"}
