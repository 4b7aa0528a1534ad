from __future__ import annotations

import pytest

from consumer.adapters.ledger_topic import LedgerTopic

TOPIC = LedgerTopic("ledger", 86_400.0)
TWO_DAYS = 2 * 86_400_000


def found(changed: dict[str, str], replicas: tuple[int, ...] = (3,)) -> list[str]:
    config = TOPIC.settings(replicas[0]) | changed
    return [problem.message for problem in TOPIC.problems(replicas, config)]


def test_a_new_ledger_is_as_it_must_be() -> None:
    assert TOPIC.settings(3) == {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(TWO_DAYS + 86_400_000),
        "retention.bytes": "-1",
        "segment.ms": "3600000",
        "unclean.leader.election.enable": "false",
        "min.insync.replicas": "2",
    }
    assert TOPIC.settings(2)["min.insync.replicas"] == "1"
    assert found({}) == found({}, (1,)) == found({}, (2,)) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"message.timestamp.type": "CreateTime"}, "has message.timestamp.type=CreateTime, expected LogAppendTime"),
        ({"cleanup.policy": "compact"}, "has cleanup.policy=compact, expected delete"),
        ({"cleanup.policy": "compact,delete"}, "has cleanup.policy=compact,delete, expected delete"),
        ({"retention.ms": str(TWO_DAYS)}, f"has retention.ms={TWO_DAYS}, expected at least {TWO_DAYS + 1}"),
        ({"retention.bytes": "1000"}, "has retention.bytes=1000, expected -1"),
        ({"segment.ms": "3600001"}, "has segment.ms=3600001, expected at most 3600000"),
        ({"unclean.leader.election.enable": "true"}, "has unclean.leader.election.enable=true, expected false"),
        ({"min.insync.replicas": "1"}, "has min.insync.replicas=1, expected at least 2"),
    ],
)
def test_another_setting_is_told_with_what_to_change(changed: dict[str, str], message: str) -> None:
    (told,) = found(changed)
    assert told.startswith(f"ledger {message}: run `kafka-configs.sh --alter --entity-type topics --entity-name ledger")
    name, _, target = told.rpartition("--add-config ")[2].rstrip("`").partition("=")
    assert found(changed | {name: target}) == [], "what it says to do is right"


def test_what_is_safer_than_needed_is_right() -> None:
    assert found({"retention.ms": "-1", "segment.ms": "60000", "min.insync.replicas": "3"}) == []


def test_everything_wrong_is_told_at_once() -> None:
    told = found({"cleanup.policy": "compact", "retention.bytes": "5"}, (1, 1, 1))
    assert len(told) == 3
    assert "3 partitions" in told[0]


def test_the_command_for_a_person_has_every_setting() -> None:
    command = TOPIC.command(3)
    assert command.startswith("kafka-topics.sh --create --topic ledger --partitions 1 --replication-factor 3 ")
    assert all(f"--config {name}={value}" in command for name, value in TOPIC.settings(3).items())
