"""Partitions that come, go and change under the service: a real group, with Target's history as the judge."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.cimpl import NewPartitions

from consumer.core import commit_metadata
from consumer.simulator.target import Target
from tests.adapters.kafka_member import Member
from tests.conftest import start_kafka
from tests.end_to_end.load import Visits, committed, mappings
from tests.end_to_end.service import Service, eventually
from tests.stalls import Stalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka import Kafka, KafkaCluster

SEED = random.randrange(10**6)  # noqa: S311 - no secret
PARTITIONS = 4
QUICK = {"session.timeout.ms": "2000", "heartbeat.interval.ms": "200"}


@pytest.fixture(autouse=True)
def chance() -> random.Random:
    print(f"seed {SEED}")  # noqa: T201 - shown when a test fails
    return random.Random(SEED)  # noqa: S311 - no secret


@pytest.fixture(scope="module")
def small_kafka() -> Iterator[KafkaCluster]:
    """A broker that takes 60 bytes of metadata, to be hurt."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP names a broker that tests must not hurt")
    yield from start_kafka(settings={"offset.metadata.max.bytes": "60"})


def resolved(*offsets: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: [each["committed"] for each in status["partitions"]] == list(offsets)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_partitions_taken_and_given_back_at_once_repeat_and_reorder_nothing(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, protocol: str
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    properties = {"heartbeat.interval.ms": "200"} if protocol == "classic" else {}
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    target.control.patch(latency="30ms")
    group = f"g-{topic}"
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": group, "delivery__max_in_flight": 8}
    options |= {"kafka__group_protocol": protocol, "kafka__properties": properties}
    visits.produce(chance, 3000, 600)
    with service(**options) as running:
        eventually(lambda: len(target.history) > 50, "calls are on the wire")
        for _ in range(4):
            with Member(kafka.bootstrap, [topic], group, properties, group_protocol=protocol) as guest:
                guest.until(lambda: guest.assignments, "partitions are taken")  # at once
            visits.produce(chance, 200, 600)
        running.wait_until(lambda status: sum(each["committed"] or 0 for each in status["partitions"]) == 3800, "read")
        assert running.stop() == 0
    verdict = target.judge(visits.events)
    assert verdict.sound, (SEED, verdict)
    assert (verdict.overlapped, verdict.repeated, verdict.reordered) == (0, 0, []), SEED


def test_a_member_frozen_past_its_session_forgets_what_it_lost_and_undoes_nothing(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random
) -> None:
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    target.control.patch(latency="20ms")
    group = f"g-{topic}"
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": group, "delivery__max_in_flight": 4}
    visits.produce(chance, 1000, 400)
    with service(**options, kafka__properties=QUICK) as frozen:
        eventually(lambda: len(target.history) > 100, "calls")
        frozen.process.send_signal(signal.SIGSTOP)
        with service(**options, kafka__properties=QUICK) as other:
            other.wait_until(
                lambda status: sum(each["committed"] or 0 for each in status["partitions"]) == 1000,
                "the other has taken over and is done",
            )
            frozen.process.send_signal(signal.SIGCONT)
            eventually(lambda: frozen.logs("partition_lost"), "it says what it lost")
            again = PARTITIONS + 1
            eventually(lambda: len(frozen.logs("partition_assigned")) >= again, "it has a partition again")
            assert frozen.stop() == 0
            assert sum(committed(kafka, group, topic, PARTITIONS)) == 1000, "it has undone no commit"
            visits.produce(chance, 200, 400)
            eventually(lambda: sum(committed(kafka, group, topic, PARTITIONS)) == 1200, "all is committed")
            assert other.stop() == 0
    assert target.judge(visits.events).lost == [], SEED


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_that_wakes_up_past_its_session_calls_for_nothing_that_it_has_lost(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random, protocol: str
) -> None:
    topic = kafka.create_topic(PARTITIONS)
    properties = QUICK if protocol == "classic" else {}
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__properties": properties}
    options["kafka__group_protocol"] = protocol
    visits = Visits(kafka, topic, PARTITIONS)
    with Stalls() as stalls, service(**options, delivery__linger="15s") as frozen, Target() as of_the_other:
        frozen.wait_until(lambda status: len(status["partitions"]) == PARTITIONS, "it has all partitions")
        visits.produce(chance, 500, 10_000)
        due = time.time() + 15
        frozen.wait_until(lambda status: sum(each["pending"] for each in status["partitions"]) == 500, "it has read")
        frozen.process.send_signal(signal.SIGSTOP)
        called = len(target.history)
        with service(**options, target__base_url=of_the_other.url) as other:
            other.wait_until(
                lambda status: sum(each["committed"] or 0 for each in status["partitions"]) == 500,
                "the other has taken over and is done",
            )
            eventually(lambda: time.time() > due, "all that it holds is due")
            frozen.process.send_signal(signal.SIGCONT)
            eventually(lambda: frozen.logs("partition_lost"), "it says what it lost")
            frozen.wait_until(lambda status: status["state"] == "idle", "it has a partition again, and nothing to do")
            assert 1 <= len(frozen.logs("stood_still")) <= 1 + len(stalls.found)
            assert frozen.stop() == other.stop() == 0
    assert len(target.history) == called, SEED


def test_a_static_member_that_restarts_within_its_session_moves_no_partition(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random
) -> None:
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    group = f"g-{topic}"
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": group}
    one, two = ({**QUICK, "session.timeout.ms": "300000", "group.instance.id": name} for name in ("one", "two"))
    with service(**options, kafka__properties=one) as first, service(**options, kafka__properties=two) as second:
        for each in (first, second):
            each.wait_until(lambda status: len(status["partitions"]) == 2, "the partitions are shared")
        second.kill()
        second.start()
        second.wait_until(lambda status: len(status["partitions"]) == 2, "it has its partitions again")
        visits.produce(chance, 200, 50)
        eventually(lambda: sum(committed(kafka, group, topic, PARTITIONS)) == 200, "all is committed")
        assert len(first.logs("partition_assigned")) - len(first.logs("partition_revoked")) == 2
        moved = first.logs("partition_revoked")
        assert first.stop() == second.stop() == 0
    assert len(moved) <= 2, "only as the second joined for the first time"
    assert target.judge(visits.events).sound


def test_gaps_of_transactions_and_of_compaction_are_no_events_and_hold_nothing_up(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path
) -> None:
    topic = kafka.create_topic(
        1, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01", max_compaction_lag_ms="100"
    )
    for number in range(20):
        kafka.produce(topic, [visit("c0", number)], key=b"c0")
    eventually(lambda: len(present(kafka, topic)) < 20, "the broker compacts")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(60)
    for number, commits in enumerate([True, False, True, False]):
        producer.begin_transaction()
        for customer in ("c1", "c2"):
            producer.produce(topic, visit(customer, number), key=customer)
        producer.flush()
        (producer.commit_transaction if commits else producer.abort_transaction)()
    with service(schemas=str(mappings(tmp_path, topic)), kafka__group_id=f"g-{topic}") as running:
        # Two records and a marker each; the last ones are aborted, so that the last offset read is 27.
        running.wait_until(resolved(28), "all that is visible is committed")
        status = running.wait_until(lambda status: status["state"] == "idle", "it is at rest")
        assert status["partitions"][0]["pending"] == 0
        assert running.stop() == 0
    last = [target.profile(f"mbox3rdPartyId={customer}") for customer in ("c0", "c1", "c2")]
    assert last == [{"visit": "19"}, {"visit": "2"}, {"visit": "2"}]
    values = {call.attributes["visit"] for call in target.history if call.visitor != "mbox3rdPartyId=c0"}
    assert values <= {"0", "2"}, "what was aborted is no event"


def visit(customer: str, number: int) -> bytes:
    return b'{"type":"visit","customer":"%s","number":%d}' % (customer.encode(), number)


def present(kafka: Kafka, topic: str) -> list[int | None]:
    """The offsets that the first partition of a topic still has."""
    quick = {"group.id": "look", "enable.partition.eof": True, "fetch.wait.max.ms": 10}
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, **quick})
    consumer.assign([KafkaPartition(topic, 0, 0)])
    offsets = []
    while (message := consumer.poll(60)) is not None and message.error() is None:
        offsets.append(message.offset())
    consumer.close()
    return offsets


def test_a_topic_deleted_and_made_again_under_the_service_is_read_from_its_beginning(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random
) -> None:
    topic = kafka.create_topic(1)
    visits = Visits(kafka, topic, 1)
    visits.produce(chance, 10, 5)
    options = {"schemas": str(mappings(tmp_path, topic))}
    properties = {"topic.metadata.refresh.interval.ms": "500"}
    with service(**options, kafka__properties=properties) as running:
        running.wait_until(resolved(10), "all is committed")
        for deleted in kafka.admin.delete_topics([topic]).values():
            deleted.result(60)
        eventually(lambda: running.logs("topic_missing"), "it says that the topic is gone")
        running.process.send_signal(signal.SIGSTOP)  # so that the events are there before it sees the topic
        kafka.create_topic(1, topic)
        anew = Visits(kafka, topic, 1)
        anew.events = visits.events
        anew.produce(chance, 3, 5)
        running.process.send_signal(signal.SIGCONT)
        running.wait_until(resolved(3), "the new events are committed")
        assert running.stop() == 0
    assert target.judge(visits.events).sound


def test_partitions_added_while_it_runs_are_read_from_their_beginning(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random
) -> None:
    topic = kafka.create_topic(1)
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__start_from": "latest"}
    properties = {"topic.metadata.refresh.interval.ms": "500"}
    Visits(kafka, topic, 1).produce(chance, 5, 5)
    with service(**options, kafka__properties=properties) as running:
        running.wait_until(lambda status: len(status["partitions"]) == 1, "it has the first")
        running.process.send_signal(signal.SIGSTOP)  # so that the event is there before it sees the partition
        for added in kafka.admin.create_partitions([NewPartitions(topic, 2)]).values():
            added.result(60)
        kafka.produce(topic, [b'{"type":"visit","customer":"c9","number":1}'], partition=1)
        running.process.send_signal(signal.SIGCONT)
        running.wait_until(
            lambda status: [each["committed"] for each in status["partitions"]][1:] == [1], "the second is read"
        )
        assert running.stop() == 0
    assert target.profile("mbox3rdPartyId=c9") == {"visit": "1"}


def test_metadata_of_another_program_is_tolerated(
    kafka: Kafka, target: Target, service: Callable[..., Service], tmp_path: Path, chance: random.Random
) -> None:
    topic = kafka.create_topic(1)
    visits = Visits(kafka, topic, 1)
    visits.produce(chance, 20, 5)
    other = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"g-{topic}"})
    ours = commit_metadata.write(7, [(7, b"\1" * 13)], 0, "hash").text
    other.commit(offsets=[KafkaPartition(topic, 0, 7, f"pc2{ours.removeprefix('pc1')}")], asynchronous=False)
    other.close()
    with service(schemas=str(mappings(tmp_path, topic)), kafka__group_id=f"g-{topic}") as running:
        running.wait_until(resolved(20), "all is committed")
        assert running.stop() == 0
    assert target.judge(visits.events[7:]).sound
    assert kafka.committed(f"g-{topic}", topic, 1) == [(20, "")]


def test_metadata_that_the_broker_calls_too_large_is_left_out_and_the_offset_is_committed(
    small_kafka: KafkaCluster, target: Target, tmp_path: Path, chance: random.Random
) -> None:
    topic = small_kafka.create_topic(1)
    visits = Visits(small_kafka, topic, 1)
    target.control.patch(faults=[{"matching": "^c[0-3]$", "status": 500}])
    small_kafka.produce(topic, [b"null"])  # so that something can be committed
    visits.produce(chance, 2000, 40)
    options = basics(small_kafka, target, tmp_path, topic)
    with Service(tmp_path, **options) as running:
        eventually(lambda: running.logs("commit_failed"), "the broker calls it too large")

        def without_metadata() -> bool:  # a shorter one may have been taken before
            [(offset, metadata)] = small_kafka.committed(f"g-{topic}", topic, 1)
            return offset > 0 and metadata == ""

        eventually(without_metadata, "without it the offset is taken")
        target.control.patch(faults=[])
        running.wait_until(resolved(2001), "all is committed")
        assert running.stop() == 0
    assert target.judge(visits.events).sound


def test_while_the_broker_hangs_neither_a_commit_nor_a_drain_nor_the_end_waits_longer_than_its_deadline(
    small_kafka: KafkaCluster, target: Target, tmp_path: Path, chance: random.Random
) -> None:
    topic = small_kafka.create_topic(PARTITIONS)
    visits = Visits(small_kafka, topic, PARTITIONS)
    target.control.patch(latency="100ms")
    options = basics(small_kafka, target, tmp_path, topic) | {"delivery__max_in_flight": 4}
    with Service(tmp_path, **options) as running, Service(tmp_path, **options) as leaving:
        for each in (running, leaving):
            each.wait_until(lambda status: len(status["partitions"]) == 2, "they share the partitions")
        visits.produce(chance, 1000, 10**6)  # hardly a customer comes twice: twelve seconds of calls
        for each in (running, leaving):
            each.wait_until(lambda status: sum(part["pending"] for part in status["partitions"]) > 200, "much is read")
        small_kafka.pause()
        try:
            leaving.process.send_signal(signal.SIGTERM)
            before = len(target.history)
            eventually(lambda: len(target.history) > before + 20, "what was read is still sent")
            assert leaving.wait() == 0
            assert leaving.logs("stopped")[0]["seconds"] < 15, (
                "its deadline is 4 s; whoever waits for Kafka waits for minutes"
            )
            assert running.get("/livez").status_code == 200, "its loop turns"
        finally:
            small_kafka.resume()
        running.wait_until(
            lambda status: sum(each["committed"] or 0 for each in status["partitions"]) == 1000, "all is committed"
        )
        assert running.stop() == 0
    assert target.judge(visits.events).sound, SEED


@pytest.mark.parametrize(
    "session", ["2000", "12000"], ids=["their sessions end meanwhile", "their sessions outlast it"]
)
def test_a_rebalance_that_begins_while_the_broker_hangs_loses_nothing_and_holds_nobody_beyond_its_deadline(
    small_kafka: KafkaCluster, target: Target, tmp_path: Path, chance: random.Random, session: str
) -> None:
    topic = small_kafka.create_topic(PARTITIONS)
    visits = Visits(small_kafka, topic, PARTITIONS)
    target.control.patch(latency="40ms")
    options = basics(small_kafka, target, tmp_path, topic) | {"delivery__max_in_flight": 4}
    options["kafka__properties"] = QUICK | {"session.timeout.ms": session}
    staying, leaving, joining, passing = (Service(tmp_path, **options) for _ in range(4))
    with staying, leaving:
        for each in (staying, leaving):
            each.wait_until(lambda status: len(status["partitions"]) == 2, "they share the partitions")
        visits.produce(chance, 1000, 700)
        eventually(lambda: len(target.history) > 100, "calls are on the wire")
        before = sum(each["committed"] or 0 for one in (staying, leaving) for each in one.status()["partitions"])
        small_kafka.pause()
        try:
            leaving.process.send_signal(signal.SIGTERM)
            with joining, passing:
                for each in (joining, passing):
                    eventually(lambda: each.url, "it joins, and nobody answers")  # noqa: B023  # called at once
                assert passing.stop() == leaving.wait() == 0
                for each in (leaving, passing):
                    assert each.logs("stopped")[0]["seconds"] < 15, "its deadline is 4 s"
                assert [each.get("/livez").status_code for each in (staying, joining)] == [200, 200]
                small_kafka.resume()
                joining.wait_until(lambda status: len(status["partitions"]) == 2, "it has its share")
                by_then = len(target.history)
                eventually(lambda: sum(committed(small_kafka, f"g-{topic}", topic, PARTITIONS)) == 1000, "all is done")
                assert staying.stop() == joining.stop() == 0
        finally:
            small_kafka.resume()
    drains = [line["seconds"] for each in (staying, joining) for line in each.logs("partition_revoked")]
    assert all(seconds < 15 for seconds in drains), "the deadline of a drain is 4 s"
    verdict = target.judge(visits.events)
    assert verdict.sound, (SEED, verdict)
    assert verdict.repeated <= by_then - before, "no more than was called for and could not be committed"


def basics(kafka: Kafka, target: Target, folder: Path, topic: str) -> dict[str, object]:
    return {
        "kafka__bootstrap_servers": kafka.bootstrap,
        "kafka__group_id": f"g-{topic}",
        "kafka__properties": QUICK,
        "target__client": "demo",
        "target__base_url": target.url,
        "target__timeout": "2s",
        "delivery__drain_timeout": "4s",
        "delivery__commit_interval": "100ms",
        "delivery__retry_max": "1s",
        "quota__limit": 0,
        "schemas": str(mappings(folder, topic)),
    }
