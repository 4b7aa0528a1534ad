from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as Partition

from consumer.adapters import kafka_errors, kafka_lookup
from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

LOOKS = 1_000_000
"""A question that still has no answer after so many looks never gets one."""

FAULTS = [KafkaException(KafkaError(KafkaError._TRANSPORT)), KeyError("a topic that has just gone"), ValueError()]


def answered(steps: Generator[None, None, T]) -> T:
    for _ in range(LOOKS):
        try:
            next(steps)
        except StopIteration as done:
            answer: T = done.value
            return answer
    raise AssertionError("it waits for ever")


@pytest.fixture
def lookup() -> Lookup:
    return Lookup(Connection("127.0.0.1:1"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whoever_asks_hears_of_every_fault(lookup: Lookup, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fails(*_: object, **__: object) -> NoReturn:
        raise fault

    monkeypatch.setattr(lookup, "_ask_partitions", fails)
    with pytest.raises(type(fault)):
        answered(lookup.partitions(["t"]))
    monkeypatch.setattr(lookup, "_ask_committed", fails)
    with pytest.raises(type(fault)):
        answered(lookup.committed("g", [TopicPartition("t", 0)]))


class Coordinator:
    """Stands in for the consumer that asks: says these codes first, then that nothing was committed."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def poll(self, timeout: float) -> None:
        """Nothing was refused."""

    def committed(self, asked: list[Partition], timeout: float) -> list[Partition]:
        del timeout
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return asked


def test_while_a_coordinator_moves_the_group_is_asked_again(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_lookup, "AGAIN", 0)
    coordinator = Coordinator(*kafka_errors.MOVING)
    lookup._groups["g"] = coordinator  # type: ignore[assignment]
    assert answered(lookup.committed("g", [TopicPartition("t", 0)])) == {}
    assert coordinator.codes == []


def test_one_that_moves_for_ever_and_any_other_word_are_told(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup._groups["g"] = Coordinator(KafkaError.INVALID_GROUP_ID)  # type: ignore[assignment]
    with pytest.raises(KafkaException, match="INVALID_GROUP_ID"):
        answered(lookup.committed("g", [TopicPartition("t", 0)]))
    monkeypatch.setattr(kafka_lookup, "ANSWER_SECONDS", 0)
    lookup._groups["g"] = Coordinator(KafkaError.NOT_COORDINATOR)  # type: ignore[assignment]
    with pytest.raises(KafkaException, match="NOT_COORDINATOR"):
        answered(lookup.committed("g", [TopicPartition("t", 0)]))


def test_no_partitions_are_no_question(lookup: Lookup) -> None:
    assert answered(lookup.committed("g", [])) == {}
