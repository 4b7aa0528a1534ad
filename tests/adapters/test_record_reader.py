from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # without __all__

from consumer.adapters import record_reader
from consumer.adapters.kafka_config import Connection
from consumer.adapters.record_reader import RecordReader
from consumer.core.command import ReadAgain
from consumer.core.record import TopicPartition
from tests.adapters.kafka_member import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from consumer.adapters.record_reader import Found
    from tests.kafka import Kafka, KafkaCluster


@pytest.fixture
def reader(kafka: Kafka) -> Iterator[RecordReader]:
    reader = RecordReader(Connection(kafka.bootstrap), patience=0.5)
    yield reader
    reader.close()


@pytest.fixture
def patient(kafka: Kafka) -> Iterator[RecordReader]:
    """A reader that gives nothing up while a test runs: what it calls gone, it knows to be gone."""
    reader = RecordReader(Connection(kafka.bootstrap), patience=PATIENCE * 10)
    yield reader
    reader.close()


def found(reader: RecordReader, count: int) -> list[Found]:
    """What the reader found, once it is so many."""
    everything: list[Found] = []
    end = time.monotonic() + PATIENCE
    while len(everything) < count:
        assert time.monotonic() < end, f"{len(everything)} of {count} found"
        everything += reader.poll()
    return everything


def values(found: list[Found]) -> list[tuple[int, bytes | None]]:
    return [(offset, record.value if record else None) for _, offset, record in found]


def test_records_are_read_again_in_order_whatever_lies_between(kafka: Kafka, reader: RecordReader) -> None:
    topic = kafka.create_topic(2)
    key = TopicPartition(topic, 0)
    kafka.produce(topic, [b"%d" % number for number in range(2000)])
    reader.request(ReadAgain(key, (0, 1, 5, 400, 1999), 1))
    assert values(found(reader, 5)) == [(0, b"0"), (1, b"1"), (5, b"5"), (400, b"400"), (1999, b"1999")]
    reader.request(ReadAgain(key, (7,), 1))
    [(partition, offset, record)] = found(reader, 1)
    assert (partition, offset) == (key, 7)
    assert record
    assert (record.topic, record.partition, record.offset, record.value) == (topic, 0, 7, b"7")


def test_a_record_larger_than_what_is_fetched_at_once_is_read_again(kafka: Kafka, reader: RecordReader) -> None:
    topic = kafka.create_topic(1)
    large = b"x" * 9_000_000
    kafka.produce(topic, [b"0", large, b"2"])
    reader.request(ReadAgain(TopicPartition(topic, 0), (1, 2), 1))
    assert values(found(reader, 2)) == [(1, large), (2, b"2")]


def test_what_was_deleted_has_gone(kafka: Kafka, patient: RecordReader) -> None:
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"%d" % number for number in range(6)])
    for deleted in kafka.admin.delete_records([KafkaPartition(topic, 0, 3)]).values():
        deleted.result(PATIENCE)
    patient.request(ReadAgain(TopicPartition(topic, 0), (0, 2, 3, 5), 1))
    assert values(found(patient, 4)) == [(0, None), (2, None), (3, b"3"), (5, b"5")]


def test_what_was_deleted_up_to_the_end_has_gone(kafka: Kafka, patient: RecordReader) -> None:
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"%d" % number for number in range(3)])
    for deleted in kafka.admin.delete_records([KafkaPartition(topic, 0, 3)]).values():
        deleted.result(PATIENCE)
    patient.request(ReadAgain(TopicPartition(topic, 0), (1, 2), 1))
    assert values(found(patient, 2)) == [(1, None), (2, None)]


def test_what_was_compacted_away_has_gone(kafka: Kafka, reader: RecordReader) -> None:
    topic = kafka.create_topic(
        1, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01", max_compaction_lag_ms="100"
    )
    kafka.produce(topic, [b"old"], key=b"a")
    kafka.produce(topic, [b"other"], key=b"b")
    kafka.produce(topic, [b"new"], key=b"a")
    kafka.produce(topic, [b"last"], key=b"c")  # the newest segment is not compacted
    key = TopicPartition(topic, 0)
    answers: list[Found] = []
    end = time.monotonic() + PATIENCE
    while not answers or answers[0][2] is not None:
        assert time.monotonic() < end, "the broker does not compact"
        kafka.produce(topic, [b"tick"], key=b"c")
        reader.request(ReadAgain(key, (0, 1, 2), 1))
        answers = found(reader, 3)
    assert values(answers) == [(0, None), (1, b"other"), (2, b"new")]


def test_an_offset_behind_the_end_and_a_missing_topic_have_gone_after_a_while(
    kafka: Kafka, reader: RecordReader
) -> None:
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"0"])
    reader.request(ReadAgain(TopicPartition(topic, 0), (0, 5, 6), 1))
    reader.request(ReadAgain(TopicPartition(f"{topic}-none", 0), (3,), 1))
    assert set(values(found(reader, 4))) == {(0, b"0"), (5, None), (6, None), (3, None)}


def test_a_wish_that_waits_is_not_given_up_and_holds_up_no_other(kafka: Kafka, patient: RecordReader) -> None:
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"0"])
    patient.request(ReadAgain(TopicPartition(topic, 0), (5,), 1))
    patient.request(ReadAgain(TopicPartition(f"{topic}-none", 0), (5,), 1))
    patient.request(ReadAgain(TopicPartition(topic, 0), (0,), 1))
    assert values(found(patient, 1)) == [(0, b"0")]
    kafka.produce(topic, [b"%d" % number for number in range(1, 6)])
    assert values(found(patient, 1)) == [(5, b"5")]


def test_its_consumer_lives_only_while_there_is_something_to_read(
    kafka: Kafka, reader: RecordReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_reader, "IDLE", 0.01)
    created, closed = [], threading.Event()

    class Counting(Consumer):
        def __init__(self, *args: Any, **options: Any) -> None:
            created.append(1)
            super().__init__(*args, **options)

        def close(self) -> None:
            super().close()
            closed.set()

    monkeypatch.setattr(record_reader, "Consumer", Counting)
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"0"])
    assert reader.poll() == []
    assert reader._thread is None
    for consumers in (1, 2):
        closed.clear()
        reader.request(ReadAgain(TopicPartition(topic, 0), (0,), 1))
        assert values(found(reader, 1)) == [(0, b"0")]
        assert len(created) == consumers
        assert closed.wait(PATIENCE), "its consumer is not closed"


def test_a_user_without_rights_on_any_group_can_read_again(secure_kafka: KafkaCluster) -> None:
    topic = secure_kafka.create_topic(1)
    secure_kafka.produce(topic, [b"0", b"1"])
    secure_kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.READ)
    reader = RecordReader(Connection(secure_kafka.bootstrap_sasl, secure_kafka.sasl("ann")))
    reader.request(ReadAgain(TopicPartition(topic, 0), (0, 1), 1))
    assert values(found(reader, 2)) == [(0, b"0"), (1, b"1")]
    reader.close()


def test_while_the_broker_hangs_nobody_waits_and_then_the_record_is_found(
    kafka_cluster: Callable[..., KafkaCluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = kafka_cluster()
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"0"])
    reader = RecordReader(Connection(kafka.bootstrap), patience=0.1)
    reader.request(ReadAgain(TopicPartition(topic, 0), (0,), 1))
    found(reader, 1)
    attempts: list[object] = []
    read = reader._read

    def counted(*arguments: Any) -> Any:
        attempts.append(arguments)
        return read(*arguments)

    monkeypatch.setattr(reader, "_read", counted)
    kafka.pause()
    end = time.monotonic() + PATIENCE
    reader.request(ReadAgain(TopicPartition(topic, 0), (0,), 1))
    polls = 0
    while len(attempts) < 3:  # the second is the first that could call the record gone
        assert time.monotonic() < end, f"{len(attempts)} attempts"
        assert reader.poll() == []
        polls += 1
    assert polls > 1000, "polls waited for Kafka"
    kafka.resume()
    assert values(found(reader, 1)) == [(0, b"0")]
    reader.close()


def test_a_fault_in_its_thread_comes_out(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(record_reader, "to_record", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    topic = kafka.create_topic(1)
    kafka.produce(topic, [b"0"])
    reader = RecordReader(Connection(kafka.bootstrap))
    reader.request(ReadAgain(TopicPartition(topic, 0), (0,), 1))
    with pytest.raises(RuntimeError, match="the thread that reads records again has ended"):
        found(reader, 1)
