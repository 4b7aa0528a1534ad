"""Dead letters through the whole loop: too many stop the service, one that can't be written holds its partition."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.simulator.judge import Event
from tests.end_to_end.load import committed, dead_letters, mappings, refuse_all
from tests.end_to_end.service import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import Kafka

BAD = b"\xff"


def visit(number: int, customer: int = 0) -> bytes:
    return orjson.dumps({"type": "visit", "customer": f"c{customer}", "number": number})


def letters(kafka: Kafka, topic: str) -> int:
    """How many letters a topic of one partition holds."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "look"})
    _, end = consumer.get_watermark_offsets(KafkaPartition(topic, 0), timeout=30)
    consumer.close()
    return int(end)


def stopped(running: Service) -> str:
    """The reason in the last log line of a service that stopped by itself."""
    assert running.wait() == 4
    *_, last = (line for line in running.logs() if line["event"] != "no_json")  # what is told on standard error
    assert last["event"] == "stopped_by_itself"
    return str(last["reason"])


def test_too_many_in_a_row_stop_it_through_the_loop_and_a_restart_goes_on_counting(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic, dead = kafka.create_topic(1), kafka.create_topic(1)
    kafka.produce(topic, [*[BAD] * 10, visit(1)])
    schemas = mappings(tmp_path, topic)
    settings = {"schemas": str(schemas), "dead_letter__topic": dead, "kafka__group_id": f"g-{topic}"}
    with service(**settings, dead_letter__max_consecutive=3) as running:
        assert "dead_letter.max_consecutive: more than 3 dead letters in a row" in stopped(running)
        assert letters(kafka, dead) == 3
        assert committed(kafka, f"g-{topic}", topic, 1) == [3]
        running.start()
        assert "dead_letter.max_consecutive" in stopped(running)
        assert letters(kafka, dead) == 3, "it goes on counting"
        assert committed(kafka, f"g-{topic}", topic, 1) == [3]
        mapping = schemas / "visit.mapping.yaml"
        mapping.write_text(mapping.read_text() + "  mended: {const: yes}\n")
        running.start()
        assert "dead_letter.max_consecutive" in stopped(running)
        assert letters(kafka, dead) == 6, "with another mapping it counts anew"
    with service(**settings, dead_letter__max_consecutive=10) as running:
        running.wait_until(lambda status: [each["committed"] for each in status["partitions"]] == [11], "all is read")
        assert running.stop() == 0
    assert letters(kafka, dead) == 10
    assert target.profile("mbox3rdPartyId=c0")["visit"] == "1"


def test_too_large_a_share_stops_it_through_the_loop(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic, dead = kafka.create_topic(1), kafka.create_topic(1)
    kafka.produce(topic, [*(visit(number, number % 9) for number in range(1000)), *[BAD] * 600])
    settings = {"schemas": str(mappings(tmp_path, topic)), "dead_letter__topic": dead}
    settings["kafka__group_id"] = f"g-{topic}"
    with service(**settings, dead_letter__max_consecutive=10_000) as running:
        assert "dead_letter.max_ratio: more than 0.5 of the last 1000 records" in stopped(running)
        assert letters(kafka, dead) == 500
        assert committed(kafka, f"g-{topic}", topic, 1)[0] <= 1500
    with service(**settings, dead_letter__max_consecutive=10_000, dead_letter__max_ratio=1) as running:
        running.wait_until(lambda status: [each["committed"] for each in status["partitions"]] == [1600], "all is read")
        assert running.stop() == 0
    assert letters(kafka, dead) == 600
    assert target.judge([Event(f"mbox3rdPartyId=c{each % 9}", {"visit": str(each)}) for each in range(1000)]).sound


def test_one_that_cannot_be_written_holds_its_partition_and_no_other_and_survives_a_crash(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic, dead = kafka.create_topic(2), f"dead-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(1, dead, max_message_bytes="1")
    kafka.produce(topic, [visit(0), BAD, visit(1), visit(2)])
    kafka.produce(topic, [visit(number, 1) for number in range(5)], partition=1)
    group = f"g-{topic}"
    settings = {"schemas": str(mappings(tmp_path, topic)), "dead_letter__topic": dead, "kafka__group_id": group}
    properties = {"session.timeout.ms": "2000", "heartbeat.interval.ms": "200"}
    with service(**settings, kafka__properties=properties) as running:
        running.wait_until(
            lambda status: (
                {each["partition"]: each["state"] for each in status["partitions"]}
                == {0: "dead_letter_blocked", 1: "idle"}
            ),
            "it says that the dead letter can't be written",
        )
        eventually(lambda: committed(kafka, group, topic, 2) == [1, 5], "the offset is held")
        assert running.logs("dead_letter_blocked")
        running.kill()
        running.start()
        running.wait_until(lambda status: status["state"] == "dead_letter_blocked", "it is blocked again")
        assert committed(kafka, group, topic, 2) == [1, 5]
        refuse_all(kafka, dead, refused=False)
        running.wait_until(
            lambda status: {each["committed"] for each in status["partitions"]} == {4, 5}, "all is resolved"
        )
        assert running.stop() == 0
    ((value, headers),) = dead_letters(kafka, dead, 1)
    assert (value, headers["dead-letter.offset"]) == (BAD, "1")
    assert target.profile("mbox3rdPartyId=c0") == {"visit": "2"}
    assert target.profile("mbox3rdPartyId=c1") == {"visit": "4"}
