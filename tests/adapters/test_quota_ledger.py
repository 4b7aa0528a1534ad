from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Self

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # without __all__
    AclOperation,
    ConfigResource,
    ResourceType,
)
from structlog.testing import capture_logs

from consumer.adapters import ledger_topic
from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.adapters.ledger_log import LedgerLog
from consumer.adapters.ledger_topic import LedgerTopic
from consumer.adapters.quota_ledger import NoLedger, QuotaLedger
from consumer.core.clock import Clocks
from consumer.core.lease import Call, Terms
from consumer.core.ledger import Close, Entry, Take, decode, encode
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import NotNow, State
from consumer.errors import LedgerInvalid, SettingsInvalid, Stopped
from tests.adapters.kafka_member import PATIENCE, new_group

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from tests.kafka import Kafka, KafkaCluster

WINDOW = 600.0
TERMS = Terms.of(200, WINDOW, lease=10.0, timeout=1.0)


def clocks() -> Clocks:
    return Clocks(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


class Replica:
    """A quota on its ledger, turned by hand; of a group of its own unless told otherwise."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        group: str | None = None,
        properties: Mapping[str, str] | None = None,
        terms: Terms = TERMS,
    ) -> None:
        self.quota = SharedQuota(terms, f"i-{uuid.uuid4().hex[:8]}", lambda: 0.0)
        connection = Connection(bootstrap, properties or {})
        lookup, of = Lookup(connection), LedgerTopic(topic, WINDOW)
        self.ledger = QuotaLedger(connection, lookup, of, group or new_group(), self.quota)
        self.ahead = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close(5)

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while not (result := holds()):
            assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
            self.ledger.turn(self.now)
            self.ledger.raise_if_stopped()
            time.sleep(0.001)
        return result

    def opened(self) -> Self:
        self.until(lambda: self.used is not None, "the ledger is open")
        return self

    @property
    def now(self) -> Clocks:
        """The time of both clocks, which a test may put ahead."""
        return Clocks(*(clock + self.ahead for clock in clocks()))

    @property
    def used(self) -> int | None:
        return self.quota.usage(self.now).used

    def call(self) -> Call:
        def access() -> Call | None:
            answer = self.quota.access(self.now)
            return None if isinstance(answer, NotNow) else answer

        return self.until(access, "a call")  # type: ignore[no-any-return]  # `until` gives what was asked for


@pytest.fixture
def topic() -> str:
    return f"ledger-{uuid.uuid4().hex[:8]}"


def entries(kafka: Kafka, topic: str) -> list[tuple[Entry | None, tuple[int, int]]]:
    """Everything in the ledger: entries, and kind and time of their timestamps."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "look", "enable.partition.eof": True})
    consumer.assign([KafkaPartition(topic, 0, 0)])
    found = []
    while (message := consumer.poll(PATIENCE)) and not message.error():
        found.append((decode(message.value()), message.timestamp()))
    consumer.close()
    return found


def commit(kafka: Kafka, group: str) -> None:
    topic = kafka.create_topic()
    offsets = ConsumerGroupTopicPartitions(group, [KafkaPartition(topic, 0, 0)])
    kafka.admin.alter_consumer_group_offsets([offsets])[group].result(PATIENCE)


def test_the_first_start_creates_the_ledger_as_it_must_be(kafka: Kafka, topic: str) -> None:
    with Replica(kafka.bootstrap, topic) as replica:
        assert not replica.ledger.stands
        assert replica.ledger.asking
        replica.opened()
        assert replica.ledger.stands
        assert not replica.ledger.asking
    wanted = ConfigResource(ResourceType.TOPIC, topic)
    described = kafka.admin.describe_configs([wanted])[wanted].result(PATIENCE)
    config = {name: entry.value for name, entry in described.items()}
    expected = LedgerTopic(topic, WINDOW).settings(1)
    assert {name: config[name] for name in expected} == expected
    assert len(kafka.admin.list_topics(topic).topics[topic].partitions) == 1
    [(probe, (kind, _))] = entries(kafka, topic)
    assert isinstance(probe, Take)
    assert (probe.take, kind) == (0, 2)  # TIMESTAMP_LOG_APPEND_TIME


def test_replicas_see_each_others_calls_and_a_stop_gives_back_what_was_not_made(kafka: Kafka, topic: str) -> None:
    with Replica(kafka.bootstrap, topic) as one, Replica(kafka.bootstrap, topic) as two:
        one.opened().quota.backlog(2, 2)
        two.opened()
        one.call()
        two.until(lambda: two.used == 2, "the other has read the lease")
        one.ledger.release(clocks())
        one.until(lambda: one.ledger.settled, "the close is acknowledged")
        two.until(lambda: two.used == 1, "the other has read the close")
    assert [type(entry) for entry, _ in entries(kafka, topic)] == [Take, Take, Take, Close]


def test_a_start_reads_what_counts_and_nobody_passes_the_limit(kafka: Kafka, topic: str) -> None:
    with Replica(kafka.bootstrap, topic) as replica:
        replica.opened()
        kafka.produce(topic, [b"not ours", encode(Take("o.1", "o", 198, 11.0, time.time())), encode(Close("x", 0))])
    with Replica(kafka.bootstrap, topic) as replica:
        assert replica.opened().used == 198
        replica.call()
        replica.call()
        replica.quota.access(clocks())
        replica.until(lambda: replica.quota.usage(clocks()).blocked, "no more")
        answer = replica.quota.access(clocks())
        assert isinstance(answer, NotNow)
        assert answer.state is State.QUOTA_BLOCKED
        assert replica.used == 200


def test_a_ledger_with_other_settings_is_refused_with_every_problem(kafka: Kafka, topic: str) -> None:
    kafka.create_topic(2, topic, retention_bytes="1000", segment_ms="3600000")
    with Replica(kafka.bootstrap, topic) as replica, pytest.raises(LedgerInvalid) as refused:
        replica.opened()
    text = str(refused.value)
    assert "has 2 partitions" in text
    assert "has message.timestamp.type=CreateTime, expected LogAppendTime" in text
    assert "has retention.bytes=1000, expected -1" in text
    assert "segment.ms" not in text
    replica.ledger.turn(clocks())
    replica.ledger.raise_if_stopped()  # said once; the loop still ends in order


def test_missing_while_the_group_has_commits_it_is_never_created_in_silence(
    kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_topic, "MISSING_FOR", 0.5)
    group = new_group()
    commit(kafka, group)
    with Replica(kafka.bootstrap, topic, group) as replica, pytest.raises(Stopped, match="quota init") as stopped:
        replica.opened()
    assert "how many calls were made in the last 10m is unknown" in str(stopped.value)
    assert topic not in kafka.admin.list_topics(timeout=PATIENCE).topics


def test_a_ledger_that_comes_a_moment_late_is_not_missing(kafka: Kafka, topic: str) -> None:
    group = new_group()
    commit(kafka, group)
    with Replica(kafka.bootstrap, topic, group) as replica:
        replica.until(lambda: replica.ledger._lookup is not None and time.monotonic(), "a turn")
        for _ in range(100):
            replica.ledger.turn(clocks())
            time.sleep(0.002)
        with Replica(kafka.bootstrap, topic) as another:
            another.opened()
        replica.opened()


def test_a_topic_is_not_missing_for_an_answer_that_was_heard_late(monkeypatch: pytest.MonkeyPatch) -> None:
    moment, answers = [0.0], [None, [1]]

    class Slow:
        """Answers late, as when the machine stood still meanwhile."""

        def replicas(self, _: str) -> Generator[None, None, list[int] | None]:
            yield
            moment[0] += ledger_topic.MISSING_FOR
            return answers.pop(0)

    monkeypatch.setattr("consumer.adapters.ledger_topic.time.monotonic", lambda: moment[0])
    asking = ledger_topic.missing(Slow(), LedgerTopic("ledger", WINDOW))  # type: ignore[arg-type]
    missing: list[bool] = []

    def ask() -> Generator[None, None, None]:
        missing.append((yield from asking))

    for _ in ask():
        moment[0] += 0.1
    assert (missing, answers) == ([False], [])


def test_deleted_while_it_is_used_it_ends_the_service(
    kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_topic, "MISSING_FOR", 0.5)
    with Replica(kafka.bootstrap, topic) as replica:
        replica.opened()
        replica.call()
        kafka.admin.delete_topics([topic])[topic].result(PATIENCE)
        with pytest.raises(Stopped, match=r"was deleted.*quota init"):
            replica.until(lambda: replica.quota.access(clocks()) is None, "it notices")


def test_without_kafka_there_is_no_call_once_the_lease_is_over_and_it_goes_on_by_itself(
    kafka_cluster: Callable[..., KafkaCluster], topic: str
) -> None:
    kafka = kafka_cluster()
    with Replica(kafka.bootstrap, topic) as replica:
        replica.opened()
        replica.quota.backlog(2, 2)
        replica.call()
        kafka.pause()
        replica.call()  # of the lease that is good still
        replica.ahead = TERMS.lease
        while replica.ahead < TERMS.lease + 5.0:
            replica.ahead += 0.05
            replica.ledger.turn(replica.now)
            assert isinstance(replica.quota.access(replica.now), NotNow)
        answer = replica.quota.access(replica.now)
        assert isinstance(answer, NotNow)
        assert answer.state is State.QUOTA_BLOCKED
        kafka.resume()
        replica.call()
        replica.until(lambda: replica.ledger.settled, "all that waited is written")
        assert replica.used is not None
        assert replica.used <= 5


def test_without_rights_it_says_which_are_needed_and_goes_on_once_they_are_given(
    secure_kafka: KafkaCluster, topic: str
) -> None:
    group, ann = new_group(), secure_kafka.sasl("ann")
    secure_kafka.allow("ann", ResourceType.GROUP, group, AclOperation.READ)
    with Replica(secure_kafka.bootstrap_sasl, topic, group, ann) as replica, capture_logs() as logs:

        def told(text: str) -> bool:
            return any(text in line.get("message", "") for line in logs)

        replica.until(lambda: told("needs its rights Read, Write, Describe and DescribeConfigs"), "a warning")
        secure_kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.DESCRIBE)
        replica.until(lambda: told("give our user its right Create, or run `kafka-topics.sh --create"), "another")
        with Replica(secure_kafka.bootstrap, topic) as admin:
            admin.opened()
        rights = (AclOperation.READ, AclOperation.DESCRIBE_CONFIGS, AclOperation.WRITE)
        secure_kafka.allow("ann", ResourceType.TOPIC, topic, *rights)
        replica.opened()
        replica.call()


def test_a_fatal_error_of_the_producer_loses_no_close(kafka: Kafka, topic: str) -> None:
    with Replica(kafka.bootstrap, topic) as replica, Replica(kafka.bootstrap, topic) as other:
        replica.opened().quota.backlog(2, 2)
        other.opened()
        replica.call()
        replica.ledger._log._broken = True
        replica.ledger.release(clocks())
        replica.until(lambda: replica.ledger.settled, "the close is acknowledged")
        other.until(lambda: other.used == 1, "the close is read")


@pytest.mark.parametrize("name", ["fetch.min.bytes", "batch.size"])
def test_a_property_of_consumers_or_producers_that_is_refused_is_an_invalid_setting(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"kafka\.properties: .*{name}"):
        LedgerLog(Connection("127.0.0.1:1", {name: "soon"}), "ledger")


def test_switched_off_there_is_nothing_to_connect() -> None:
    none = NoLedger()
    none.turn(clocks())
    none.release(clocks())
    none.raise_if_stopped()
    none.close(0)
    assert (none.stands, none.settled, none.asking) == (True, True, False)
