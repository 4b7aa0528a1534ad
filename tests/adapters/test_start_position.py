from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.cimpl import NewPartitions

from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import CommittedOffset, Lookup
from consumer.adapters.start_position import AGAIN, Located, StartPositions
from consumer.core.partition import Assignment
from consumer.core.record import TopicPartition
from tests.adapters.kafka_member import PATIENCE, Member, committed, new_group

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from tests.kafka import Kafka


def both(topic: str) -> set[TopicPartition]:
    return {TopicPartition(topic, 0), TopicPartition(topic, 1)}


def delete_before(kafka: Kafka, topic: str, offset: int) -> None:
    for deleted in kafka.admin.delete_records([KafkaPartition(topic, 0, offset)]).values():
        deleted.result(PATIENCE)


def test_earliest_begins_with_the_first_record_that_is_there_and_commits_that(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(2), new_group()
    kafka.produce(topic, [b"0", b"1", b"2"])
    delete_before(kafka, topic, 2)
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: member.assignments.keys() == both(topic), "assigned")
        start = {TopicPartition(topic, 0): (2, ""), TopicPartition(topic, 1): (0, "")}
        assert committed(kafka, group) == start
        assert {key: (given.committed, given.metadata) for key, given in member.assignments.items()} == start
        member.until(lambda: member.records, "read")
        assert member.values == [b"2"]


def test_a_crash_before_the_first_commit_loses_nothing_of_latest(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(2), new_group()
    kafka.produce(topic, [b"old"], partition=0)
    with Member(kafka.bootstrap, [topic], group, start_from="latest") as member:
        member.until(lambda: member.assignments.keys() == both(topic), "assigned")
    for partition in (0, 1):
        kafka.produce(topic, [b"new"], partition=partition)
    with Member(kafka.bootstrap, [topic], group, start_from="latest") as member:
        member.until(lambda: len(member.records) == 2, "read")
        assert member.values == [b"new", b"new"]
        assert member.assignments[TopicPartition(topic, 0)].committed == 1


def test_a_time_begins_with_the_first_record_of_that_time_and_at_the_end_where_all_are_older(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(2), new_group()
    for second in (1, 2, 3):
        kafka.produce(topic, [b"%d" % second], timestamp=1_700_000_000_000 + second * 1000)
    kafka.produce(topic, [b"older"], partition=1, timestamp=1_700_000_000_000)
    with Member(kafka.bootstrap, [topic], group, start_from=1_700_000_002_000) as member:
        member.until(lambda: len(member.records) == 2, "read")
        assert member.values == [b"2", b"3"]
        assert committed(kafka, group) == {TopicPartition(topic, 0): (1, ""), TopicPartition(topic, 1): (1, "")}


def test_a_partition_added_later_is_read_from_its_beginning(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    kafka.produce(topic, [b"old"])
    with Member(kafka.bootstrap, [topic], group, start_from="latest") as member:
        member.until(lambda: TopicPartition(topic, 0) in member.assignments, "assigned")
    for added in kafka.admin.create_partitions([NewPartitions(topic, 2)]).values():
        added.result(PATIENCE)
    kafka.produce(topic, [b"added"], partition=1)
    with Member(kafka.bootstrap, [topic], group, start_from="latest") as member:
        member.until(lambda: member.records, "read")
        assert member.values == [b"added"]
        assert member.assignments[TopicPartition(topic, 1)].committed is None


def test_whoever_does_not_hold_the_first_partition_waits_until_the_start_is_committed(kafka: Kafka) -> None:
    topic, group, second = kafka.create_topic(2), new_group(), 0.0
    kafka.produce(topic, [b"x", b"y"], partition=1)

    def must_not(starts: dict[TopicPartition, int]) -> Future[KafkaError | None]:
        raise AssertionError(starts)

    positions = StartPositions(Lookup(Connection(kafka.bootstrap)), group, "latest", must_not)
    positions.add([TopicPartition(topic, 1)], 7)
    for second in range(4):
        assert positions.turn(float(second)) == []
        while positions.asking:
            assert positions.turn(float(second)) == []
    assert positions.locating == {TopicPartition(topic, 1)}
    starts = ConsumerGroupTopicPartitions(group, [KafkaPartition(topic, 0, 0), KafkaPartition(topic, 1, 1)])
    kafka.admin.alter_consumer_group_offsets([starts])[group].result(PATIENCE)
    located: list[Located] = []
    while not located:
        second += 1
        located = positions.turn(second)
    assert located == [Located(Assignment(TopicPartition(topic, 1), 7, 1, ""), 1)]
    assert positions.locating == frozenset()


ONE = TopicPartition("t", 0)


class Script:
    """A lookup that answers as it is told, at its second step."""

    def __init__(self) -> None:
        self.failures: list[KafkaException] = []
        self.commits: dict[TopicPartition, CommittedOffset] = {}
        self.counts: dict[str, int | KafkaError] = {"t": 2}
        self.asked = 0

    def partitions(self, topics: Iterable[str]) -> Generator[None, None, dict[str, int | KafkaError]]:
        self.asked += 1
        yield
        if self.failures:
            raise self.failures.pop()
        return {topic: self.counts[topic] for topic in topics}

    def committed(
        self, group: str, partitions: Iterable[TopicPartition]
    ) -> Generator[None, None, dict[TopicPartition, CommittedOffset]]:
        assert group == "g"
        answer = {key: self.commits[key] for key in partitions if key in self.commits}
        yield
        return answer

    def offsets(self, wanted: Mapping[TopicPartition, object]) -> Generator[None, None, dict[TopicPartition, int]]:
        yield
        return dict.fromkeys(wanted, 5)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def starts() -> list[tuple[dict[TopicPartition, int], Future[KafkaError | None]]]:
    return []


@pytest.fixture
def positions(
    script: Script, starts: list[tuple[dict[TopicPartition, int], Future[KafkaError | None]]]
) -> StartPositions:
    def commit(wanted: dict[TopicPartition, int]) -> Future[KafkaError | None]:
        answer: Future[KafkaError | None] = Future()
        starts.append((wanted, answer))
        return answer

    return StartPositions(script, "g", "earliest", commit)  # type: ignore[arg-type]


def turn(positions: StartPositions, now: float, until: Callable[[], bool] = lambda: False) -> list[Located]:
    """Turn some times at one moment, or until it holds."""
    located: list[Located] = []
    for _ in range(12):
        if until():
            break
        located += positions.turn(now)
    return located


def test_what_was_asked_for_an_earlier_assignment_is_not_used_for_a_later_one(
    positions: StartPositions, script: Script
) -> None:
    script.commits[ONE] = CommittedOffset(3, "old")
    positions.add([ONE], 1)
    for _ in range(2):  # the commits are read
        positions.turn(0.0)
    positions.drop([ONE])
    script.commits[ONE] = CommittedOffset(9, "by its owner meanwhile")
    positions.add([ONE], 2)
    assert turn(positions, 0.0) == []
    assert turn(positions, AGAIN) == [Located(Assignment(ONE, 2, 9, "by its owner meanwhile"), 9)]


def test_the_start_is_not_committed_once_the_first_partition_was_taken_away(
    positions: StartPositions, starts: list[object]
) -> None:
    positions.add([ONE, TopicPartition("t", 1)], 1)
    for _ in range(3):  # no commit was found, the offsets are asked for
        positions.turn(0.0)
    positions.drop([ONE])
    turn(positions, 0.0)
    assert starts == []
    assert positions.locating == {TopicPartition("t", 1)}


def test_nothing_is_located_before_the_start_is_committed(
    positions: StartPositions,
    script: Script,
    starts: list[tuple[dict[TopicPartition, int], Future[KafkaError | None]]],
) -> None:
    positions.add([ONE], 1)
    assert turn(positions, 0.0) == []
    [(wanted, answer)] = starts
    assert wanted == {ONE: 5, TopicPartition("t", 1): 5}
    script.commits = {key: CommittedOffset(5, "") for key in wanted}
    answer.set_result(None)
    assert turn(positions, 0.0) == [Located(Assignment(ONE, 1, 5, ""), 5)]


def test_no_start_is_committed_before_it_may_begin_and_what_has_commits_goes_on(script: Script) -> None:
    allowed, starts = [False], list[object]()

    def commit(wanted: dict[TopicPartition, int]) -> Future[KafkaError | None]:
        starts.append(wanted)
        return Future()

    positions = StartPositions(script, "g", "earliest", commit, lambda: allowed[0])  # type: ignore[arg-type]
    positions.add([ONE], 1)
    turn(positions, 0.0)
    turn(positions, AGAIN)
    assert starts == []
    allowed[0] = True
    turn(positions, 2 * AGAIN)
    assert len(starts) == 1
    allowed[0] = False
    script.commits[ONE] = CommittedOffset(3, "")
    going_on = StartPositions(script, "g", "earliest", commit, lambda: False)  # type: ignore[arg-type]
    going_on.add([ONE], 1)
    assert [item.start for item in turn(going_on, 0.0)] == [3]


def test_a_refused_start_is_tried_again(
    positions: StartPositions, starts: list[tuple[dict[TopicPartition, int], Future[KafkaError | None]]]
) -> None:
    positions.add([ONE], 1)
    turn(positions, 0.0)
    starts[0][1].set_result(KafkaError(KafkaError.ILLEGAL_GENERATION))
    with pytest.raises(KafkaException):
        positions.turn(0.0)
    turn(positions, AGAIN / 2)
    assert len(starts) == 1
    turn(positions, AGAIN)
    assert len(starts) == 2


def test_a_question_that_failed_is_asked_again_after_a_while_and_for_new_partitions_at_once(
    positions: StartPositions, script: Script
) -> None:
    script.failures.append(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    script.commits[ONE] = CommittedOffset(3, "")
    positions.add([ONE], 1)
    with pytest.raises(KafkaException):
        turn(positions, 0.0)
    assert turn(positions, AGAIN / 2) == []
    assert script.asked == 1
    positions.add([TopicPartition("t", 1)], 2)
    located = turn(positions, AGAIN / 2)
    assert {item.assignment.partition: item.start for item in located} == {ONE: 3, TopicPartition("t", 1): 5}


def test_a_topic_that_cannot_be_seen_is_a_failure_not_a_fresh_start(
    positions: StartPositions, script: Script, starts: list[object]
) -> None:
    script.counts["t"] = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    positions.add([ONE], 1)
    with pytest.raises(KafkaException):
        turn(positions, 0.0)
    assert starts == []
