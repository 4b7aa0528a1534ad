from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # without __all__

from consumer.adapters import dead_letter
from consumer.adapters.dead_letter import DeadLetterProducer
from consumer.adapters.kafka_config import Connection
from consumer.core.acknowledgement import DeadLetterReport
from consumer.core.command import DeadLetter
from consumer.core.profile import Rejection
from consumer.core.record import Record, TopicPartition
from consumer.errors import SettingsInvalid
from tests.adapters.kafka_member import PATIENCE
from tests.end_to_end.load import refuse_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.kafka import Kafka, KafkaCluster

MAPPINGS = [("visit", "aaaa"), ("loan", "bbbb")]
EVENT = Record("visits", 3, 41, 1_700_000_000_000, b"k", b"v", (("a", b"1"), ("a", b"\xff"), ("b", None)))
REFUSED = DeadLetter(EVENT, Rejection("send", "refused", "Target refused it: ü", 1), 2, 400, generation=7)
TAKEN = DeadLetterReport(TopicPartition("visits", 3), 41, 7)


class Written(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    def fact(self, name: str) -> bytes | None:
        (value,) = [value for key, value in self.headers if key == f"dead-letter.{name}"]
        return value


def written(kafka: Kafka, topic: str, count: int = 1) -> list[Written]:
    """The first records of a topic of one partition."""
    large = {"fetch.max.bytes": 20_000_000, "message.max.bytes": 10_000_000}
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "look", **large})
    consumer.assign([KafkaPartition(topic, 0, 0)])
    found = []
    for _ in range(count):
        message = consumer.poll(PATIENCE)
        assert message is not None
        assert message.error() is None
        headers: Any = message.headers()
        found.append(Written(message.key(), message.value(), headers or []))
    consumer.close()
    return found


def reports(producer: DeadLetterProducer, count: int = 1) -> list[DeadLetterReport]:
    found: list[DeadLetterReport] = []
    end = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < end, f"{len(found)} of {count} reports"
        found += producer.reports()
    return found


def write_until_taken(producer: DeadLetterProducer, letter: DeadLetter) -> list[str | None]:
    """Write again and again, as the engine does; the errors before the broker took it."""
    errors: list[str | None] = []
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        producer.write(letter)
        (report,) = reports(producer)
        if report.error is None:
            return errors
        errors.append(report.error)
    raise AssertionError(errors)


@pytest.fixture
def producer(kafka: Kafka) -> Iterator[Callable[..., DeadLetterProducer]]:
    made = []

    def make(
        topic: str, properties: Mapping[str, str] | None = None, timeout: float = PATIENCE, bootstrap: str = ""
    ) -> DeadLetterProducer:
        connection = Connection(bootstrap or kafka.bootstrap, properties or {})
        made.append(DeadLetterProducer(connection, topic, "g", MAPPINGS, timeout))
        return made[-1]

    yield make
    for each in made:
        each.close(1.0)


def test_a_dead_letter_holds_the_event_and_every_header_of_the_contract(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1)
    of = producer(topic)
    of.write(REFUSED)
    assert reports(of) == [TAKEN]
    of.write(DeadLetter(EVENT._replace(key=None, value=None, headers=()), Rejection("decode", "decode_failed", "x")))
    reports(of)
    first, second = written(kafka, topic, 2)
    assert first == Written(
        b"k",
        b"v",
        [
            ("a", b"1"),
            ("a", b"\xff"),
            ("b", None),
            ("dead-letter.stage", b"send"),
            ("dead-letter.reason", b"refused"),
            ("dead-letter.detail", "Target refused it: ü".encode()),
            ("dead-letter.topic", b"visits"),
            ("dead-letter.partition", b"3"),
            ("dead-letter.offset", b"41"),
            ("dead-letter.timestamp", b"1700000000000"),
            ("dead-letter.group", b"g"),
            ("dead-letter.attempts", b"2"),
            ("dead-letter.mapping", b"loan"),
            ("dead-letter.mapping-hash", b"bbbb"),
            ("dead-letter.http-status", b"400"),
            ("dead-letter.replays", b"0"),
        ],
    )
    names = [name.removeprefix("dead-letter.") for name, _ in second.headers]
    assert (second.key, second.value) == (None, None)
    assert names == "stage reason detail topic partition offset timestamp group attempts replays".split()  # noqa: SIM905
    assert second.fact("attempts") == b"0"


def test_of_an_earlier_death_only_the_count_of_replays_is_kept(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1)
    of = producer(topic)
    headers = (("dead-letter.replays", b"2"), ("dead-letter.reason", b"old"), ("dead-letter.body", b"cut"))
    of.write(REFUSED._replace(record=EVENT._replace(headers=headers)))
    reports(of)
    (letter,) = written(kafka, topic)
    assert (letter.fact("replays"), letter.fact("reason")) == (b"2", b"refused")
    assert not any(name == "dead-letter.body" for name, _ in letter.headers)


def test_a_record_that_has_left_its_topic_is_marked(kafka: Kafka, producer: Callable[..., DeadLetterProducer]) -> None:
    topic = kafka.create_topic(1)
    of = producer(topic)
    lost = EVENT._replace(key=None, value=None, headers=(), timestamp=0)
    of.write(REFUSED._replace(record=lost, body_lost=True))
    reports(of)
    (letter,) = written(kafka, topic)
    assert (letter.value, letter.fact("body"), letter.fact("offset")) == (None, b"lost", b"41")


def test_a_missing_topic_is_created_and_nothing_is_lost(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = f"dead-{uuid.uuid4().hex[:8]}"
    of = producer(topic, {"topic.metadata.propagation.max.ms": "100"})
    write_until_taken(of, REFUSED)
    assert written(kafka, topic)[0].value == b"v"


def test_what_is_too_large_for_the_topic_is_cut_and_marked(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1, max_message_bytes="100000")
    of = producer(topic)
    fits, cut = b"f" * 90_000, b"c" * 200_000
    of.write(REFUSED._replace(record=EVENT._replace(value=fits)))
    of.write(REFUSED._replace(record=EVENT._replace(value=cut)))
    of.write(REFUSED._replace(record=EVENT._replace(value=b"v", headers=(("own", b"h" * 200_000),))))
    of.write(REFUSED._replace(record=EVENT._replace(value=None, key=b"k" * 200_000)))
    assert reports(of, 4) == [TAKEN] * 4
    letters = {letter.value: letter for letter in written(kafka, topic, 4)}
    assert not any(name == "dead-letter.body" for name, _ in letters[fits].headers)
    assert letters[cut[:65_536]].fact("body") == b"cut"
    assert letters[cut[:65_536]].headers[0] == ("a", b"1")
    bare = letters[b""]
    assert (bare.key, bare.fact("body"), bare.fact("topic"), bare.fact("offset")) == (None, b"cut", b"visits", b"41")
    assert letters[None].key is None


def test_one_too_large_is_not_blamed_on_the_others(kafka: Kafka, producer: Callable[..., DeadLetterProducer]) -> None:
    topic = kafka.create_topic(1, max_message_bytes="100000")
    of = producer(topic)
    for number in range(20):
        value = b"%d" % number + b"x" * (200_000 if number == 10 else 10)
        of.write(REFUSED._replace(record=EVENT._replace(offset=number, value=value)))
    assert {report.error for report in reports(of, 20)} == {None}
    cut = [letter.fact("offset") for letter in written(kafka, topic, 20) if "dead-letter.body" in dict(letter.headers)]
    assert cut == [b"10"]


def test_while_it_cannot_be_written_it_is_reported_as_not_written_and_later_it_is(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1, max_message_bytes="1")
    of = producer(topic)
    of.write(REFUSED)
    assert reports(of) == [TAKEN._replace(error="MSG_SIZE_TOO_LARGE")]
    refuse_all(kafka, topic, refused=False)
    write_until_taken(of, REFUSED)
    assert written(kafka, topic)[0].value == b"v"


def test_missing_rights_are_named_and_once_given_it_is_written(
    secure_kafka: KafkaCluster, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = secure_kafka.create_topic(1)
    of = producer(topic, secure_kafka.sasl("ann"), bootstrap=secure_kafka.bootstrap_sasl)
    of.write(REFUSED)
    (report,) = reports(of)
    assert report.error in ("TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")  # whichever it meets first
    secure_kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.WRITE, AclOperation.DESCRIBE)
    write_until_taken(of, REFUSED)
    assert written(secure_kafka, topic)[0].value == b"v"


def test_a_topic_that_we_may_not_create_is_named_so_and_written_to_once_it_is_there(
    secure_kafka: KafkaCluster, producer: Callable[..., DeadLetterProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter, "CREATE_EVERY", 0.1)
    topic = f"dead-{uuid.uuid4().hex[:8]}"
    secure_kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.WRITE, AclOperation.DESCRIBE)
    fast = secure_kafka.sasl("ann") | {"topic.metadata.propagation.max.ms": "100"}
    of = producer(topic, fast, bootstrap=secure_kafka.bootstrap_sasl)
    errors: list[str | None] = []
    end = time.monotonic() + PATIENCE
    while "TOPIC_AUTHORIZATION_FAILED" not in errors:  # that of the creation; the write itself finds no topic
        assert time.monotonic() < end, errors[-1]
        of.write(REFUSED)
        errors += [report.error for report in reports(of)]
    secure_kafka.create_topic(1, topic)
    write_until_taken(of, REFUSED)


def test_when_its_queue_is_full_the_rest_is_to_be_written_again(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1)
    of = producer(topic, {"queue.buffering.max.kbytes": "100"})
    large = REFUSED._replace(record=EVENT._replace(value=b"x" * 60_000))
    of.write(large)
    of.write(large)
    errors = {report.error for report in reports(of, 2)}
    assert errors == {None, "_QUEUE_FULL"}
    huge = REFUSED._replace(record=EVENT._replace(value=b"x" * 300_000))
    of.write(huge)
    assert reports(of) == [TAKEN]
    assert [len(letter.value or b"") for letter in written(kafka, topic, 2)] == [60_000, 65_536]


def test_after_a_fatal_error_a_new_producer_takes_over(
    kafka: Kafka, producer: Callable[..., DeadLetterProducer]
) -> None:
    topic = kafka.create_topic(1)
    of = producer(topic, {"linger.ms": "50000"})
    of.write(REFUSED)

    class Broken:
        """Raises once what is fatal, as the library does."""

        def __init__(self, real: Any) -> None:
            self.purge, self.flush = real.purge, real.flush

        def poll(self, _: float) -> None:
            raise KafkaException(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost", True))  # noqa: FBT003  # as the library builds it

    of._producer = Broken(of._producer)  # type: ignore[assignment]
    of._connection = Connection(kafka.bootstrap)
    assert reports(of) == [TAKEN._replace(error="OUT_OF_ORDER_SEQUENCE_NUMBER")]
    of.write(REFUSED)
    assert reports(of) == [TAKEN]


def test_properties_that_kafka_does_not_know_are_named(producer: Callable[..., DeadLetterProducer]) -> None:
    with pytest.raises(SettingsInvalid, match=r"kafka\.properties: No such configuration property"):
        producer("t", {"linger": "1"})


def test_while_the_broker_hangs_nobody_waits_and_in_the_end_it_is_reported_as_not_written(
    kafka_cluster: Callable[..., KafkaCluster],
) -> None:
    kafka = kafka_cluster()
    topic = kafka.create_topic(1)
    of = DeadLetterProducer(Connection(kafka.bootstrap), topic, "g", MAPPINGS, 2.0)
    write_until_taken(of, REFUSED)
    kafka.pause()
    of.write(REFUSED)
    looks = 0
    while not (told := of.reports()):
        looks += 1
    assert told == [TAKEN._replace(error="_MSG_TIMED_OUT")]
    assert looks > 100, "it waited for Kafka"
    kafka.resume()
    write_until_taken(of, REFUSED)
    of.close(1.0)
