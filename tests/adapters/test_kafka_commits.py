from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

import consumer as consumer_package
from consumer.adapters.kafka_commits import Commits
from consumer.core.acknowledgement import CommitResult
from consumer.core.partition import Commit
from consumer.core.record import TopicPartition
from tests.adapters.kafka_member import Member, committed, new_group

if TYPE_CHECKING:
    from tests.kafka import Kafka

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


class Answering(KafkaPartition):
    """A partition as the library gives it back, with an error of its own."""

    error: KafkaError | None = None


class Consumer:
    """Takes commits, or refuses them at once."""

    def __init__(self) -> None:
        self.requests: list[list[KafkaPartition]] = []
        self.refuses: KafkaException | None = None

    def commit(self, offsets: list[KafkaPartition], *, asynchronous: bool) -> None:
        assert asynchronous
        if self.refuses:
            raise self.refuses
        self.requests.append(offsets)


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def commits() -> Commits:
    return Commits()


def commit(partition: TopicPartition, offset: int, metadata: str = "") -> Commit:
    return Commit(partition, offset, metadata, 1)


def test_while_a_request_is_under_way_only_the_newest_of_each_partition_waits(
    commits: Commits, consumer: Consumer
) -> None:
    for offset in (1, 2, 3):
        commits.add([commit(A, offset)])
        commits.send(consumer)  # type: ignore[arg-type]
    commits.add([commit(B, 7)])
    assert [[part.offset for part in request] for request in consumer.requests] == [[1]]
    commits.answered(None, consumer.requests[0])
    commits.send(consumer)  # type: ignore[arg-type]
    assert [[part.offset for part in request] for request in consumer.requests] == [[1], [3, 7]]
    commits.answered(None, consumer.requests[1])
    assert commits.results() == [CommitResult(commit(A, 1)), CommitResult(commit(A, 3)), CommitResult(commit(B, 7))]
    assert commits.results() == []


def test_at_a_hand_over_nothing_waits_for_an_earlier_answer(commits: Commits, consumer: Consumer) -> None:
    for offset in (1, 2):
        commits.add([commit(A, offset)])
        commits.send(consumer, at_once=True)  # type: ignore[arg-type]
    assert [[part.offset for part in request] for request in consumer.requests] == [[1], [2]]


def test_nothing_to_commit_is_no_request(commits: Commits, consumer: Consumer) -> None:
    commits.add([])
    commits.send(consumer, at_once=True)  # type: ignore[arg-type]
    assert consumer.requests == []


def test_an_answer_in_another_order_finds_its_request(commits: Commits, consumer: Consumer) -> None:
    commits.add([commit(B, 5, "b"), commit(A, 1)])
    commits.send(consumer)  # type: ignore[arg-type]
    commits.answered(None, [KafkaPartition("t", 0, 1), KafkaPartition("t", 1, 5, "b")])
    assert {result.commit for result in commits.results()} == {commit(A, 1), commit(B, 5, "b")}


def test_two_equal_requests_are_answered_one_by_one(commits: Commits, consumer: Consumer) -> None:
    for generation in (1, 2):
        commits.add([Commit(A, 1, "", generation)])
        commits.send(consumer, at_once=True)  # type: ignore[arg-type]
    commits.answered(None, consumer.requests[0])
    assert [result.commit.generation for result in commits.results()] == [1]
    commits.answered(None, consumer.requests[1])
    assert [result.commit.generation for result in commits.results()] == [2]


def test_metadata_too_large_is_blamed_on_the_partition_that_has_it(commits: Commits, consumer: Consumer) -> None:
    commits.add([commit(A, 1, "long"), commit(B, 2)])
    commits.send(consumer)  # type: ignore[arg-type]
    too_large = KafkaError(KafkaError.OFFSET_METADATA_TOO_LARGE)
    commits.answered(too_large, consumer.requests[0])
    assert [[part.partition for part in request] for request in consumer.requests[1:]] == [[0], [1]]
    commits.answered(too_large, consumer.requests[1])
    commits.answered(None, consumer.requests[2])
    assert commits.results() == [
        CommitResult(commit(A, 1, "long"), "OFFSET_METADATA_TOO_LARGE", metadata_too_large=True),
        CommitResult(commit(B, 2)),
    ]


def test_an_error_of_one_partition_is_not_that_of_another(commits: Commits, consumer: Consumer) -> None:
    commits.add([commit(A, 1), commit(B, 2)])
    commits.send(consumer)  # type: ignore[arg-type]
    refused = Answering("t", 0, 1)
    refused.error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    commits.answered(refused.error, [refused, KafkaPartition("t", 1, 2)])
    assert commits.results() == [
        CommitResult(commit(A, 1), "TOPIC_AUTHORIZATION_FAILED", retriable=True),
        CommitResult(commit(B, 2)),
    ]


FENCED = ("UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID", "FENCED_MEMBER_EPOCH", "_ASSIGNMENT_LOST")
"""This member no longer speaks for the group: the commit is forgotten."""

RETRIABLE = (
    "ILLEGAL_GENERATION",  # a rebalance overtook the commit, and may leave us the partition
    "REBALANCE_IN_PROGRESS",
    "STALE_MEMBER_EPOCH",
    "NOT_COORDINATOR",  # the coordinator has moved, is starting, or is away
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_ENOUGH_REPLICAS",
    "UNKNOWN_TOPIC_OR_PART",
    "REQUEST_TIMED_OUT",
    "TOPIC_AUTHORIZATION_FAILED",  # until somebody gives us the right
    "GROUP_AUTHORIZATION_FAILED",
    "_WAIT_COORD",  # the library's own
    "_TIMED_OUT",
    "_TRANSPORT",
    "_STATE",
    "_DESTROY",
)
"""The same commit may succeed later, and the partition may still be ours."""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((getattr(KafkaError, name), CommitResult(commit(A, 1), name, fenced=True)) for name in FENCED),
        *((getattr(KafkaError, name), CommitResult(commit(A, 1), name, retriable=True)) for name in RETRIABLE),
    ],
    ids=[*FENCED, *RETRIABLE],
)
def test_an_error_of_the_request_counts_for_all(
    commits: Commits, consumer: Consumer, code: int, expected: CommitResult
) -> None:
    commits.add([commit(A, 1)])
    commits.send(consumer)  # type: ignore[arg-type]
    commits.answered(KafkaError(code), consumer.requests[0])
    assert commits.results() == [expected]


def test_a_request_that_the_library_does_not_take_is_answered_at_once(commits: Commits, consumer: Consumer) -> None:
    consumer.refuses = KafkaException(KafkaError(KafkaError._STATE))
    commits.add([commit(A, 1)])
    commits.send(consumer)  # type: ignore[arg-type]
    assert commits.results() == [CommitResult(commit(A, 1), "_STATE", retriable=True)]
    consumer.refuses = None
    commits.add([commit(A, 1)])
    commits.send(consumer)  # type: ignore[arg-type]
    assert len(consumer.requests) == 1


def test_offset_and_metadata_come_back_at_the_next_assignment(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(2), new_group()
    kafka.produce(topic, [b"0", b"1", b"2"])
    one, other = TopicPartition(topic, 0), TopicPartition(topic, 1)
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: len(member.records) == 3, "read")
        generation = member.assignments[one].generation
        member.commit(one, 2, "what is completed")
        member.until(lambda: member.results, "committed")
        assert member.results == [CommitResult(Commit(one, 2, "what is completed", generation))]
        member.source.commit([Commit(one, 1, "m" * 5000, generation), Commit(other, 0, "new", generation)])
        member.until(lambda: len(member.results) == 3, "answered")
        assert {(result.commit.partition, result.error) for result in member.results[1:]} == {
            (one, "OFFSET_METADATA_TOO_LARGE"),
            (other, None),
        }
        assert [result.metadata_too_large for result in member.results if result.error] == [True]
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: member.records, "read")
        assert member.values == [b"2"]
        given = member.assignments
        assert (given[one].committed, given[one].metadata) == (2, "what is completed")
        assert (given[other].committed, given[other].metadata) == (0, "new")


def test_what_is_not_ours_is_never_committed(kafka: Kafka) -> None:
    topic, group = kafka.create_topic(1), new_group()
    kafka.produce(topic, [b"0"])
    one = TopicPartition(topic, 0)
    with Member(kafka.bootstrap, [topic], group) as member:
        member.until(lambda: member.records, "read")
        generation = member.assignments[one].generation
        late, foreign = Commit(one, 1, "", generation - 1), Commit(TopicPartition(topic, 5), 1, "", generation)
        member.source.commit([late, foreign])
        member.until(lambda: len(member.results) == 2, "answered")
        assert {result.commit: result.fenced for result in member.results} == {late: True, foreign: True}
        assert committed(kafka, group) == {one: (0, "")}


def waiting_commits(of: ast.AST) -> list[int]:
    """Lines of calls that commit to Kafka and wait for the answer, or may."""
    calls = [node for node in ast.walk(of) if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "commit"]
    named = [({word.arg: word.value for word in call.keywords}, call.lineno) for call in calls]
    kafkas = [(words, line) for words, line in named if words.keys() & {"offsets", "message", "asynchronous"}]
    return [line for words, line in kafkas if getattr(words.get("asynchronous"), "value", None) is not True]


def test_nowhere_in_the_program_does_a_commit_wait_for_its_answer() -> None:
    files = [*Path(consumer_package.__file__).parent.rglob("*.py")]
    found = {file.name: ast.parse(file.read_text()) for file in files}
    words = {
        name: [node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)] for name, tree in found.items()
    }
    asked = {name for name, given in words.items() if "asynchronous" in given}
    assert asked == {"kafka_commits.py", "dead_letter_topic.py"}, "all commits are where this test has looked"
    assert {name: lines for name, tree in found.items() if (lines := waiting_commits(tree))} == {}
    assert waiting_commits(ast.parse("consumer.commit(offsets=x)\nconsumer.commit(offsets=x, asynchronous=False)")) == [
        1,
        2,
    ]
    assert waiting_commits(ast.parse("a.commit(offsets=x, asynchronous=True)\nsource.commit(commits)")) == []
