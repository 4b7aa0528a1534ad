from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from structlog.testing import capture_logs

from consumer.adapters import end_offsets, kafka_health
from consumer.adapters.start_position import Located
from consumer.core.partition import Assignment, Commit
from consumer.core.record import Record, TopicPartition
from consumer.errors import SettingsInvalid, Stopped
from tests.adapters.kafka_member import PATIENCE, Member, committed, new_group
from tests.adapters.test_kafka_lookup import answered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.kafka import Kafka

GROUPS: dict[str, dict[str, Any]] = {
    "cooperative": {"properties": {"heartbeat.interval.ms": "200"}},
    "eager": {"properties": {"heartbeat.interval.ms": "200", "partition.assignment.strategy": "range"}},
    "consumer": {"group_protocol": "consumer"},
}
every_group = pytest.mark.parametrize("kind", GROUPS)


def next_offsets(member: Member, partitions: Iterable[TopicPartition]) -> list[Commit]:
    """Commits of all that the member has read."""
    commits = []
    for key in partitions:
        read = [record.offset for record in member.records if (record.topic, record.partition) == key]
        if read:
            commits.append(Commit(key, max(read) + 1, f"read {len(read)}", member.assignments[key].generation))
    return commits


@every_group
def test_a_partition_passes_from_member_to_member_with_what_was_committed(kafka: Kafka, kind: str) -> None:
    topic, group = kafka.create_topic(2), new_group()
    for partition in (0, 1):
        kafka.produce(topic, [b"a%d" % partition, b"b%d" % partition], partition=partition)
    with ExitStack() as members:
        first = members.enter_context(Member(kafka.bootstrap, [topic], group, **GROUPS[kind]))
        first.to_commit = lambda partitions: next_offsets(first, partitions)
        first.until(lambda: len(first.records) == 4, "read")
        second = members.enter_context(Member(kafka.bootstrap, [topic], group, **GROUPS[kind]))
        second.to_commit = lambda partitions: next_offsets(second, partitions)
        first.until(lambda: len(first.assignments) == len(second.assignments) == 1, "shared", second)
        [given] = second.assignments.values()
        assert given.partition in first.revoked
        assert (given.committed, given.metadata) == (2, "read 2")
        for partition in (0, 1):
            kafka.produce(topic, [b"c%d" % partition], partition=partition)
        first.until(lambda: {b"c0", b"c1"} <= set(first.values + second.values), "read by both", second)
        [kept] = first.assignments
        second.source.close(10)
        first.until(lambda: len(first.assignments) == 2, "all of them again")
        assert kept in first.assignments
        kafka.produce(topic, [b"d"], partition=given.partition.partition)
        first.until(lambda: b"d" in first.values, "read on")
    values = first.values + second.values
    assert set(values) == {b"a0", b"a1", b"b0", b"b1", b"c0", b"c1", b"d"}
    if kind != "eager":  # there every rebalance begins anew with what was committed, which close() does not
        mine = [value for value in first.values if value in (b"a0", b"b0", b"c0", b"a1", b"b1", b"c1")]
        assert len(mine) - len(set(mine)) <= 1, "what was committed is not read again"


@every_group
def test_a_member_too_many_has_joined(kafka: Kafka, kind: str) -> None:
    topic, group = kafka.create_topic(1), new_group()
    with (
        Member(kafka.bootstrap, [topic], group, **GROUPS[kind]) as first,
        Member(kafka.bootstrap, [topic], group, **GROUPS[kind]) as second,
    ):
        first.until(lambda: first.source.joined and second.source.joined, "both are in the group", second)
        first.until(lambda: first.assignments or second.assignments, "one has it", second)


@every_group
def test_the_group_confirms_a_member_that_it_has_and_no_other(kafka: Kafka, kind: str) -> None:
    topic, group = kafka.create_topic(2), new_group()
    with Member(kafka.bootstrap, [topic], group, **GROUPS[kind]) as member:
        member.until(lambda: len(member.assignments) == 2, "assigned")
        member.source.confirm()
        assert not member.source.certain
        member.until(lambda: member.source.certain, "the group says that it has us")
        steps = [member.source._lookup.given(group, name) for name in (member.source._consumer.memberid(), "another")]
        assert [answered(each) for each in steps] == [2, None]


def test_a_member_that_did_not_poll_in_time_loses_its_partition_and_gets_it_anew(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    kafka.produce(topic, [b"x"])
    properties = {"session.timeout.ms": "1000", "heartbeat.interval.ms": "200", "max.poll.interval.ms": "1000"}
    with Member(kafka.bootstrap, [topic], group, properties) as member:
        member.until(lambda: member.records, "read")
        [before] = member.assignments.values()
        end = time.monotonic() + PATIENCE
        while kafka.admin.describe_consumer_groups([group])[group].result(PATIENCE).members:
            assert time.monotonic() < end, "the member is not expelled"
        read = len(member.records)
        member.until(lambda: len(member.records) > read, "read again")
        [after] = member.assignments.values()
        assert set(member.lost_partitions) == {before.partition}
        assert member.revoked == []
        assert after.generation > before.generation


@pytest.mark.parametrize("kind", ["cooperative", "eager"])
def test_records_of_a_partition_revoked_while_they_were_collected_are_dropped(
    kafka: Kafka, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, group = kafka.create_topic(1), new_group()
    with Member(kafka.bootstrap, [topic], group, **GROUPS[kind]) as member:
        member.until(lambda: member.assignments, "assigned")
        kafka.produce(topic, [b"0", b"1", b"2"])
        source = member.source
        real = source._consumer

        class Revoking:
            """Collects a batch, and revokes its partition before it returns it."""

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def consume(self, number: int, timeout: float) -> Any:
                messages = real.consume(number, timeout)
                source._on_revoke(real, [KafkaPartition(topic, 0)])
                return messages

        monkeypatch.setattr(source, "_consumer", Revoking())
        member.until(lambda: member.revoked, "revoked")
        assert member.records == []
        monkeypatch.undo()


def test_paused_partitions_are_not_read_and_resumed_ones_lose_and_repeat_nothing(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_offsets, "ASK_EVERY", 0.1)
    topic, group = kafka.create_topic(2), new_group()
    paused, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    kafka.produce(topic, [b"%d" % number for number in range(2000)])
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: len(member.records) >= 500, "read")
        member.source.pause([paused, TopicPartition("unknown", 9)])
        kafka.produce(topic, [b"%d" % number for number in range(2000, 2100)])
        kafka.produce(topic, [b"other"], partition=1)
        before = len(member.records)
        member.until(lambda: b"other" in member.values, "the other partition goes on")
        member.until(lambda: member.source.end_offsets({}) == {paused: 2100, other: 1}, "its end is known all the same")
        assert len(member.records) == before + 1
        member.source.resume([paused, TopicPartition("unknown", 9)])
        member.until(lambda: len(member.records) >= 2101, "read on")
        assert [record.offset for record in member.records if record.partition == 0] == list(range(2100))


def test_a_partition_paused_before_its_first_record_begins_with_it_once_resumed(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(2), new_group()
    paused = TopicPartition(topic, 0)
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: len(member.assignments) == 2, "assigned")
        member.source.pause([paused])
        kafka.produce(topic, [b"0", b"1", b"2"])
        kafka.produce(topic, [b"other"], partition=1)
        member.until(lambda: member.records, "the other partition goes on")
        assert member.values == [b"other"]
        member.source.resume([paused])
        member.until(lambda: len(member.records) == 4, "read")
        assert member.values[1:] == [b"0", b"1", b"2"]


def test_a_pause_does_not_outlive_the_assignment(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    with Member(kafka.bootstrap, [topic], group, **GROUPS["consumer"]) as member:
        member.until(lambda: member.assignments, "assigned")
        member.source.pause(member.assignments)
        member.source._consumer.unsubscribe()
        member.until(lambda: member.revoked, "revoked")
        source = member.source
        source._consumer.subscribe(
            [topic], on_assign=source._on_assign, on_revoke=source._on_revoke, on_lost=source._on_lost
        )
        kafka.produce(topic, [b"x"])
        member.until(lambda: member.records, "read")


def test_a_record_is_as_kafka_has_it(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    large = b"x" * 10_000_000
    headers = [("a", b"1"), ("b", None), ("a", b"\xff")]
    kafka.produce(topic, [large], key=b"k", timestamp=1_700_000_000_000, headers=headers)
    kafka.produce(topic, [None])
    kafka.produce(topic, [b""], key=b"")
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: len(member.records) == 3, "read")
        assert member.records[0] == Record(topic, 0, 0, 1_700_000_000_000, b"k", large, tuple(headers))
        tombstone = member.records[1]
        assert (tombstone.offset, tombstone.key, tombstone.value, tombstone.headers) == (1, None, None, ())
        assert (member.records[2].key, member.records[2].value) == (b"", b""), "empty is not absent"
        assert member.source.end_offsets({}) == {TopicPartition(topic, 0): 3}


def test_a_missing_topic_is_named_once_and_read_when_it_appears(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_health, "PROBE_AGAIN", 0.2)
    there, group = kafka.create_topic(1), new_group()
    missing = f"{there}-later"
    kafka.produce(there, [b"x"])
    properties = {"topic.metadata.refresh.interval.ms": "500"}
    with capture_logs() as logs, Member(kafka.bootstrap, [there, missing], group, properties) as member:
        member.until(lambda: member.records, "the other topic is read")
        member.until(lambda: member.source._health.missing_topics == {missing}, "named")
        assert member.source.trouble is None
        kafka.create_topic(1, missing)
        kafka.produce(missing, [b"y"])
        member.until(lambda: b"y" in member.values, "read")
        member.until(lambda: not member.source._health.missing_topics, "found")
        named = [(entry["event"], entry["topic"]) for entry in logs if "topic_" in entry["event"]]
        assert named == [("topic_missing", missing), ("topic_found", missing)]


def out_of_range(kafka: Kafka, topic: str, offset: int) -> str:
    """A group that has committed an offset which the topic, with the records 2 to 4, does not hold."""
    group = new_group()
    kafka.produce(topic, [b"%d" % number for number in range(5)])
    for deleted in kafka.admin.delete_records([KafkaPartition(topic, 0, 2)]).values():
        deleted.result(PATIENCE)
    offsets = ConsumerGroupTopicPartitions(group, [KafkaPartition(topic, 0, offset, "old")])
    kafka.admin.alter_consumer_group_offsets([offsets])[group].result(PATIENCE)
    return group


@pytest.mark.parametrize("offset", [1, 6])
def test_an_offset_out_of_range_stops_once_and_says_why(kafka: Kafka, offset: int) -> None:
    topic = kafka.create_topic(1)
    group = out_of_range(kafka, topic, offset)
    with Member(kafka.bootstrap, [topic], group) as member:
        with pytest.raises(
            Stopped, match=rf"^offset {offset} of {topic}\[0\] is not in the topic, which begins at 2 and "
        ):
            member.until(lambda: member.records, "never")
        member.turn()
        assert member.records == []
    assert committed(kafka, group) == {TopicPartition(topic, 0): (offset, "old")}


@pytest.mark.parametrize("kind", ["cooperative", "eager"])
@pytest.mark.parametrize(
    ("offset", "policy", "expected"),
    [(1, "earliest", b"2"), (6, "earliest", b"2"), (1, "latest", b"new"), (6, "latest", b"new")],
)
def test_an_offset_out_of_range_is_jumped_over_where_that_is_wanted(
    kafka: Kafka, kind: str, offset: int, policy: str, expected: bytes
) -> None:
    topic = kafka.create_topic(2)
    group = out_of_range(kafka, topic, offset)
    kafka.produce(topic, [b"other"], partition=1)
    key = TopicPartition(topic, 0)
    with (
        capture_logs() as logs,
        Member(kafka.bootstrap, [topic], group, on_out_of_range=policy, **GROUPS[kind]) as member,
    ):
        member.until(lambda: any(entry["event"] == "offset_out_of_range" for entry in logs), "told")
        member.turn()
        kafka.produce(topic, [b"new"])
        kafka.produce(topic, [b"more"], partition=1)
        member.until(lambda: any(record.partition == 0 for record in member.records), "read on")
        first = next(record for record in member.records if record.partition == 0)
        assert first.value == expected
        backward = offset > first.offset
        assert member.revoked == ([key] if backward else [])
        assert member.assignments[key].committed == (None if backward else offset)
        member.until(lambda: {b"new", b"other", b"more"} <= set(member.values), "all is read, also of the other")
        assert member.values.count(b"other") == 1
        member.commit(key, 6)
        member.until(lambda: member.results, "committed")
        assert member.results[0].error is None


def test_a_second_member_with_our_instance_id_ends_us(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    properties = {"group.instance.id": "one", "heartbeat.interval.ms": "200"}
    with Member(kafka.bootstrap, [topic], group, properties) as first:
        first.until(lambda: first.assignments, "assigned")
        with Member(kafka.bootstrap, [topic], group, properties) as second:
            with pytest.raises(Stopped, match=r"^Kafka has ended our membership of the group for good: "):
                first.until(lambda: False, "fenced", second)
            first.turn()
            second.until(lambda: second.assignments, "the other goes on")


@pytest.mark.parametrize(
    ("properties", "subscription", "message"),
    [
        ({"fetch.max": "1"}, {}, 'kafka.properties: No such configuration property: "fetch.max"'),
        ({"ssl.ca.location": "/nowhere", "security.protocol": "ssl"}, {}, "kafka.properties: .*ssl.ca.location"),
        ({"session.timeout.ms": "9000"}, {"group_protocol": "consumer"}, "kafka.properties: .*session.timeout.ms"),
    ],
)
def test_properties_that_kafka_does_not_know_are_named(
    properties: dict[str, str], subscription: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsInvalid, match=message):
        Member("127.0.0.1:1", ["t"], "g", properties, **subscription)


def test_the_embedded_broker_serves_too() -> None:
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    broker = producer.list_topics(timeout=PATIENCE).brokers[1]
    for number in range(3):
        producer.produce("t", b"%d" % number, partition=0)
    producer.flush(PATIENCE)
    address = f"{broker.host}:{broker.port}"
    with Member(address, ["t"], "g") as member:
        member.until(lambda: len(member.records) == 3, "read")
        member.commit(TopicPartition("t", 0), 2, "metadata")
        member.until(lambda: member.results, "committed")
        # Another member of an embedded group would have to wait for the session timeout: ask as it would.
        positions = member.source._positions
        positions.add([TopicPartition("t", 0)], 9)
        located: list[Located] = []
        while not located:
            located = positions.turn(time.monotonic())
        assert located == [Located(Assignment(TopicPartition("t", 0), 9, 2, "metadata"), 2)]
