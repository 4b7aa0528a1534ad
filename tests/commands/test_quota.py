from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters.ledger_topic import LedgerTopic
from consumer.core import commit_metadata
from consumer.core.ledger import Close, Take, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka import Kafka

WINDOW = 3600.0


@pytest.fixture
def topic() -> str:
    return f"ledger-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def command(kafka: Kafka, topic: str) -> Callable[..., tuple[int, str, str]]:
    """Runs `profile-consumer …`: exit code, standard output, standard error."""

    def run(*words: str, **settings: object) -> tuple[int, str, str]:
        basics = {
            "kafka__bootstrap_servers": kafka.bootstrap,
            "kafka__group_id": f"g-{topic}",
            "target__client": "demo",
            "quota__limit": 1000,
            "quota__window": f"{WINDOW:.0f}s",
            "quota__topic": topic,
        }
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PROFILE_CONSUMER_")}
        environment |= {f"PROFILE_CONSUMER_{key.upper()}": str(value) for key, value in (basics | settings).items()}
        done = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-m", "consumer", *words], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def ledger(kafka: Kafka, topic: str, *values: bytes) -> None:
    settings = LedgerTopic(topic, WINDOW).settings(1)
    kafka.create_topic(1, topic, **{name.replace(".", "_"): value for name, value in settings.items()})
    kafka.produce(topic, values)


def take(lease: str, calls: int, ago: float = 0.0, **others: Any) -> bytes:
    return encode(Take(lease, "i", calls, 70.0, time.time() - ago, **others))


def test_quota_shows_what_is_used_left_and_comes_free(
    kafka: Kafka, topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    taken = (take("a.1", 300), take("a.2", 100), encode(Close("a.2", 40)), take("job.1", 50, note="nightly import"))
    ledger(kafka, topic, b"not ours", *taken)
    code, out, err = command("quota", "--json")
    assert (code, err) == (0, "")
    shown = orjson.loads(out)
    assert (shown["limit"], shown["window_seconds"], shown["used"], shown["left"]) == (1000, WINDOW, 390, 610)
    assert shown["next_free_at"].endswith("Z")
    assert shown["free"][-1]["calls"] == 390
    assert [(job["note"], job["calls"]) for job in shown["jobs"]] == [("nightly import", 50)]
    code, out, err = command("quota")
    assert (code, err) == (0, "")
    assert out.startswith(f"Quota {topic}: 390 of 1,000 calls used in the last 1h, 610 left.\n")
    assert "nightly import" in out


def test_an_empty_ledger_has_everything_left(
    kafka: Kafka, topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    ledger(kafka, topic)
    assert command("quota") == (0, f"Quota {topic}: 0 of 1,000 calls used in the last 1h, 1,000 left.\n", "")
    code, out, _ = command("quota", "--json")
    assert (code, orjson.loads(out)["next_free_at"], orjson.loads(out)["free"]) == (0, None, [])


def test_take_reserves_calls_and_is_refused_when_so_many_are_not_free(
    kafka: Kafka, topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    ledger(kafka, topic, take("a.1", 300))
    code, out, err = command("quota", "take", "600", "--for", "2h", "--note", "import")
    assert (code, err) == (0, "")
    assert out.startswith("600 calls are yours until ")
    assert "100 are left" in out
    code, out, err = command("quota", "take", "101", "--for", "2h", "--note", "import")
    assert (code, out) == (1, "")
    assert "refused: 100 calls are free; 101 will be at 20" in err
    code, out, _ = command("quota", "take", "100", "--for", "1m", "--note", "import")
    assert code == 0
    shown = orjson.loads(command("quota", "--json")[1])
    assert (shown["left"], len(shown["jobs"])) == (0, 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("take", "0", "--for", "1h", "--note", "n"), 2, "0 is not in the range x>=1"),
        (("take", "5", "--for", "soon", "--note", "n"), 2, "expected a duration such as 500ms"),
        (("take", "5", "--for", "25h", "--note", "n"), 2, "at most 24h"),
        (("take", "5", "--for", "1h"), 2, "Missing option '--note'"),
        (("take", "1001", "--for", "1h", "--note", "n"), 1, "1,001 calls are more than the whole quota of 1,000"),
    ],
)
def test_what_can_not_be_taken(
    command: Callable[..., tuple[int, str, str]], words: tuple[str, ...], code: int, said: str
) -> None:
    found = command("quota", *words)
    assert found[0] == code
    assert said in found[2]


def test_a_missing_ledger_is_made_by_init_and_only_once(
    topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    for words in (("quota",), ("quota", "take", "5", "--for", "1h", "--note", "n")):
        code, out, err = command(*words)
        assert (code, out) == (1, "")
        assert f"there is no quota ledger {topic}" in err
    code, out, err = command("quota", "init")
    assert (code, err) == (0, "")
    assert "How many calls were made in the last 1h is unknown" in out
    assert f"Created the quota ledger {topic}." in out
    assert command("quota", "init")[:2] == (
        0,
        f"The quota ledger {topic} is there and as it must be; nothing was changed.\n",
    )
    assert command("quota")[0] == 0


def test_init_tells_what_is_wrong_with_an_existing_one(
    kafka: Kafka, topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    kafka.create_topic(1, topic)
    code, _, err = command("quota", "init")
    assert code == 1
    assert "message.timestamp.type=LogAppendTime" in err


def test_switched_off_there_is_no_quota(command: Callable[..., tuple[int, str, str]]) -> None:
    assert command("quota", quota__limit=0)[:2] == (0, "The quota is off (quota.limit: 0): calls are not counted.\n")
    assert command("quota", "--json", quota__limit=0)[:2] == (0, '{"limit":0}\n')
    code, _, err = command("quota", "take", "5", "--for", "1h", "--note", "n", quota__limit=0)
    assert code == 1
    assert "there is nothing to reserve from" in err


def test_status_shows_lag_what_is_completed_above_and_the_quota(
    kafka: Kafka, topic: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    ledger(kafka, topic, take("a.1", 300))
    events = kafka.create_topic(2)
    kafka.produce(events, [b"x"] * 10)
    kafka.produce(events, [b"x"] * 4, partition=1)
    metadata = commit_metadata.write(3, [(3, bytes([0, 1, 0, 1]))], 0, "hash").text
    offsets = ConsumerGroupTopicPartitions(f"g-{topic}", [KafkaPartition(events, 0, 3, metadata)])
    kafka.admin.alter_consumer_group_offsets([offsets])[f"g-{topic}"].result(30)
    code, out, err = command("status", "--json")
    assert (code, err) == (0, "")
    shown = orjson.loads(out)
    assert (shown["group_id"], shown["lag"], shown["completed_above"]) == (f"g-{topic}", 11, 2)
    facts = {"committed": 3, "end": 10, "lag": 7, "completed_above": 2}
    assert shown["partitions"][0] == {"topic": events, "partition": 0, **facts}
    assert shown["partitions"][1]["committed"] is None
    assert (shown["quota"]["used"], shown["quota"]["left"]) == (300, 700)
    code, out, err = command("status")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"Group g-{topic}"
    assert out.splitlines()[2].split() == [events, "0", "3", "10", "7", "2"]
    assert out.splitlines()[-1] == f"Quota {topic}: 300 of 1,000 calls used in the last 1h, 700 left."


def test_status_of_a_group_that_has_done_nothing(topic: str, command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = command("status")
    assert (code, out) == (0, f"Group g-{topic} has committed nothing yet.\nQuota: no ledger {topic} yet.\n")
    shown = orjson.loads(command("status", "--json")[1])
    assert (shown["partitions"], shown["quota"]["used"]) == ([], None)
    assert command("status", quota__limit=0)[1].endswith("Quota: off (quota.limit: 0).\n")


@pytest.mark.parametrize("words", [("quota",), ("quota", "take"), ("quota", "init"), ("status",)])
def test_help_needs_no_settings(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", "consumer", *words, "--help"], capture_output=True, check=False)  # noqa: S603  # ourselves
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Example:" in done.stdout


@pytest.mark.parametrize("words", [("quota",), ("quota", "init"), ("status",)])
def test_without_settings_it_says_what_is_missing(words: tuple[str, ...]) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PROFILE_CONSUMER_")}
    done = subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, "-m", "consumer", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "kafka.bootstrap_servers" in done.stderr
