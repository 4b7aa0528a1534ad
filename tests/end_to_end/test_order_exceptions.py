"""Where an older value may come after a newer one after all, as the README says: each exception, seen."""

from __future__ import annotations

import subprocess
import sys
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


def visit(number: int) -> bytes:
    return orjson.dumps({"type": "visit", "customer": "c1", "number": number})


def test_a_target_that_takes_a_call_after_we_gave_it_up_may_turn_a_value_back_until_the_next_event(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(1)
    target.control.patch(accept="answer", faults=[{"latency": "6s", "effect": True, "calls": 1}])
    options = {"schemas": str(mappings(tmp_path, topic)), "target__timeout": "500ms", "delivery__retry_base": "10ms"}
    options["delivery__commit_interval"] = "50ms"
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
