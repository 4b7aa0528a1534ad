from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest
from confluent_kafka import KafkaError, KafkaException

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


def test_no_partitions_are_no_question(lookup: Lookup) -> None:
    assert answered(lookup.committed("g", [])) == {}
