from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # without __all__

from consumer.adapters import dead_letter_topic, replay
from consumer.adapters.dead_letter import DeadLetterProducer
from consumer.adapters.dead_letter_topic import DeadLetterTopic
from consumer.adapters.kafka_config import Connection
from consumer.adapters.replay import Replay, Wish
from consumer.core.command import DeadLetter
from consumer.core.letter import Selection
from consumer.core.profile import Rejection
from consumer.core.record import Record
from tests.end_to_end.service import ROOT, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.kafka import Kafka, KafkaCluster

PATIENCE = 120.0
REFUSED = Rejection("send", "refused", "Target refused it", 0)
INVALID = Rejection("validate", "schema_invalid", "no", 1)
NOW = int(time.time() * 1000)


class Produced(NamedTuple):
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes | None]]


def everything(kafka: Kafka, topic: str, partitions: int = 1) -> list[Produced]:
    """All records of a topic."""
    quick = {"enable.partition.eof": True, "fetch.wait.max.ms": 10}
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "look", **quick})
    consumer.assign([KafkaPartition(topic, number, 0) for number in range(partitions)])
    found, ended = [], 0
    while ended < partitions:
        message = consumer.poll(PATIENCE)
        assert message is not None
        if message.error():
            ended += 1
            continue
        place: Any = message.partition()
        headers: Any = message.headers()
        found.append(Produced(place, message.key(), message.value(), message.timestamp()[1], headers or []))
    consumer.close()
    return found


class Setting:
    """A topic of events, its dead letters, and the group that made them."""

    def __init__(self, kafka: Kafka, partitions: int = 1) -> None:
        self.kafka = kafka
        self.group = f"g-{uuid.uuid4().hex[:8]}"
        self.topic = kafka.create_topic(partitions)
        self.dead = kafka.create_topic(2, f"{self.group}.dead-letters")
        self.bootstrap = kafka.bootstrap
        self.properties: dict[str, str] = {}
        mappings = [("visit", "aaaa"), ("loan", "bbbb")]
        self.writer = DeadLetterProducer(Connection(kafka.bootstrap), self.dead, self.group, mappings, PATIENCE)
        self._offset = 0

    def die(self, value: bytes | None, rejection: Rejection = REFUSED, **changes: Any) -> None:
        """Write one dead letter; returns once the broker has it."""
        self.die_all([value], rejection, **changes)

    def die_all(self, values: Iterable[bytes | None], rejection: Rejection = REFUSED, **changes: Any) -> None:
        """Write some with the same fate."""
        lost = changes.pop("body_lost", False)
        for value in values:
            record = Record(self.topic, 0, self._offset, NOW, b"k", value, ())._replace(**changes)
            self._offset += 1
            self.writer.write(DeadLetter(record, rejection, 1, 400, body_lost=lost))
        self.writer.close(PATIENCE)
        assert {report.error for report in self.writer.reports()} == {None}

    def start(self, *options: str) -> subprocess.Popen[str]:
        environment = {"PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap}
        environment["PROFILE_CONSUMER_KAFKA__GROUP_ID"] = self.group
        for name, value in self.properties.items():
            environment[f"PROFILE_CONSUMER_KAFKA__PROPERTIES__{name.replace('.', '_').upper()}"] = value
        return subprocess.Popen(  # noqa: S603  a fixed command
            [sys.executable, "-m", "consumer", "replay", "--dead-letter-topic", self.dead, *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def replay(self, *options: str) -> tuple[int, str]:
        """Exit code and what it printed; nothing stands on standard error but what is expected to."""
        process = self.start(*options)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out + err

    def values(self, partitions: int = 1) -> list[bytes | None]:
        return [each.value for each in everything(self.kafka, self.topic, partitions)]


def test_an_event_goes_back_as_it_was_and_counts_one_replay_more(kafka: Kafka) -> None:
    setting = Setting(kafka, 3)
    own = (("a", b"1"), ("a", b"\xff"), ("b", None))
    setting.die(b"first", partition=2, key=b"who", headers=own)
    setting.die(None, partition=1, key=None, headers=(("dead-letter.replays", b"1"), ("dead-letter.reason", b"old")))
    code, text = setting.replay("--yes")
    assert (code, text) == (0, f"2 dead letters of {setting.dead} replayed\n  2 to {setting.topic}\n")
    assert sorted(everything(kafka, setting.topic, 3)) == [
        Produced(1, None, None, NOW, [("dead-letter.replays", b"2")]),
        Produced(2, b"who", b"first", NOW, [*own, ("dead-letter.replays", b"1")]),
    ]


def test_a_second_replay_finds_nothing_to_do(kafka: Kafka) -> None:
    setting = Setting(kafka)
    setting.die_all(b"%d" % number for number in range(5))
    assert setting.replay("--yes")[0] == 0
    setting.die(b"later")
    code, text = setting.replay("--yes")
    assert (code, text) == (0, f"1 dead letters of {setting.dead} replayed\n  1 to {setting.topic}\n")
    assert setting.values() == [b"0", b"1", b"2", b"3", b"4", b"later"]
    assert setting.replay("--yes")[1].startswith("0 dead letters")


def test_what_filters_pass_over_stays_for_a_later_replay(kafka: Kafka) -> None:
    setting = Setting(kafka)
    for number in range(9):
        setting.die(b"%d" % number, REFUSED if number % 3 else INVALID)
    code, text = setting.replay("--yes", "--reason", "refused", "--mapping", "visit", "--limit", "4")
    assert code == 0
    assert text.startswith("4 dead letters")
    assert setting.replay("--yes", "--mapping", "loan")[0] == 0
    assert sorted(map(bytes, filter(None, setting.values()))) == [b"0", b"1", b"2", b"3", b"4", b"5", b"6"]
    assert setting.replay("--yes")[1].startswith("2 dead letters")
    assert sorted(map(bytes, filter(None, setting.values()))) == [b"%d" % number for number in range(9)]


def test_only_letters_since_a_time(kafka: Kafka) -> None:
    setting = Setting(kafka)
    setting.die(b"old")
    cut = time.time() + 0.5
    eventually(lambda: time.time() > cut, "the time has passed")
    setting.die(b"new")
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(cut)) + f".{int(cut % 1 * 1000):03}Z"
    code, text = setting.replay("--yes", "--since", since)
    assert code == 0
    assert "1 passed over: another reason or mapping, or older" in text
    assert setting.values() == [b"new"]


def test_a_dry_run_and_an_unanswered_question_write_nothing(kafka: Kafka) -> None:
    setting = Setting(kafka)
    setting.die(b"x")
    code, text = setting.replay("--dry-run")
    assert (code, text) == (0, f"1 dead letters of {setting.dead} to be replayed\n  1 to {setting.topic}\n")
    code, text = setting.replay()
    assert code == 1
    assert "A replay writes these events anew." in text
    assert "Say --yes" in text
    assert setting.values() == []
    assert setting.replay("--yes")[0] == 0
    assert setting.values() == [b"x"]


@pytest.mark.parametrize(("replays", "replayed"), [(2, True), (3, False)])
def test_the_loop_guard_stops_what_was_replayed_three_times(kafka: Kafka, replays: int, *, replayed: bool) -> None:
    setting = Setting(kafka)
    setting.die(b"x", headers=(("dead-letter.replays", b"%d" % replays),))
    code, text = setting.replay("--yes")
    assert code == (0 if replayed else 1)
    assert ("replayed 3 times or more already (--max-replays)" in text) is not replayed
    assert setting.replay("--yes", "--max-replays", "4")[0] == 0
    assert setting.values() == [b"x"]


def test_what_has_no_body_or_no_topic_is_told_and_not_replayed(kafka: Kafka) -> None:
    setting = Setting(kafka)
    setting.die(None, body_lost=True)
    setting.die(b"x", topic=f"{setting.topic}-deleted")
    kafka.produce(setting.dead, [b"foreign"])
    setting.die(b"good")
    code, text = setting.replay("--yes")
    assert code == 1
    assert "1 dead letters" in text
    assert "3 not replayed" in text
    assert "the body was lost when the letter was written" in text
    assert "Kafka refused it for" in text
    assert "not a dead letter of this program" in text
    assert setting.values() == [b"good"]
    code, text = setting.replay("--yes")
    assert (code, text.splitlines()[:2]) == (1, [f"0 dead letters of {setting.dead} replayed", "3 not replayed"])


def test_a_partition_that_is_no_more_is_chosen_by_the_key(kafka: Kafka) -> None:
    setting = Setting(kafka, 2)
    setting.die(b"x", partition=7)
    assert setting.replay("--yes")[0] == 0
    assert setting.values(2) == [b"x"]


def test_an_event_older_than_half_its_retention_gets_a_new_timestamp(kafka: Kafka) -> None:
    setting = Setting(kafka)
    old, young = NOW - 4 * 86_400_000, NOW - 3 * 86_400_000
    setting.die(b"old", timestamp=old)
    setting.die(b"young", timestamp=young)
    assert setting.replay("--yes")[0] == 0
    kept = {each.value: each.timestamp for each in everything(kafka, setting.topic)}
    assert kept[b"young"] == young
    assert kept[b"old"] >= NOW


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_replay_goes_on_where_it_stopped(kafka: Kafka, number: signal.Signals) -> None:
    setting = Setting(kafka)
    setting.die_all(b"%d" % each for each in range(40))
    process = setting.start("--yes", "--rate", "1")
    eventually(setting.values, "the first is replayed")
    process.send_signal(number)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "The same command goes on from here." in out
    assert 0 < len(setting.values()) < 40
    assert setting.replay("--yes")[0] == 0
    assert sorted(setting.values(), key=str) == sorted((b"%d" % each for each in range(40)), key=str)


def test_a_killed_replay_loses_nothing_and_repeats_nothing_that_was_committed(kafka: Kafka) -> None:
    setting = Setting(kafka)
    events = [b"%d" % each for each in range(80)]
    setting.die_all(events)
    process = setting.start("--yes", "--rate", "3")
    eventually(lambda: remembered(setting) > 0, "some are committed")
    process.kill()
    process.communicate()
    before, committed = len(setting.values()), remembered(setting)
    assert 0 < committed <= before < 80
    assert setting.replay("--yes")[0] == 0
    values = setting.values()
    assert set(values) == set(events)
    assert [values.count(event) for event in events[:committed]] == [1] * committed


def remembered(setting: Setting) -> int:
    """How many letters, all in one partition, the replay has committed."""
    return max(offset for offset, _ in setting.kafka.committed(f"{setting.group}.replay", setting.dead, 2))


def test_what_an_earlier_replay_did_is_kept_though_a_limited_one_does_not_read_so_far(kafka: Kafka) -> None:
    setting = Setting(kafka)
    for each in range(6):
        setting.die(b"%d" % each, INVALID if each < 3 else REFUSED)
    assert setting.replay("--yes", "--reason", "refused")[0] == 0
    assert setting.replay("--yes", "--limit", "1")[0] == 0
    assert setting.replay("--yes")[0] == 0
    assert sorted(setting.values(), key=str) == sorted((b"%d" % each for each in range(6)), key=str)


def test_before_more_is_replayed_than_can_be_remembered_it_stops(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "COMMIT_EVERY", 0.0)
    monkeypatch.setattr(dead_letter_topic, "FULL", len("pc1 0 replay "))
    setting = Setting(kafka)
    setting.die(b"passed over", INVALID)
    setting.die_all(b"%d" % each for each in range(500))
    connection = Connection(kafka.bootstrap)
    letters = DeadLetterTopic(connection, setting.dead, setting.group)
    run = Replay(connection, letters, Wish(Selection("refused"), 3, None, 100))
    assert run.run(lambda: None, threading.Event()) is None
    assert letters.full
    assert 0 < len(setting.values()) < 500


def test_a_missing_topic_is_named(kafka: Kafka) -> None:
    setting = Setting(kafka)
    setting.dead = "nowhere"
    assert setting.replay("--yes") == (1, f"Error: there is no topic nowhere on {kafka.bootstrap}\n")


def test_missing_rights_are_named_and_once_given_it_replays(secure_kafka: KafkaCluster) -> None:
    setting = Setting(secure_kafka)
    setting.die(b"x")
    setting.bootstrap, setting.properties = secure_kafka.bootstrap_sasl, secure_kafka.sasl("ann")
    secure_kafka.allow("ann", ResourceType.TOPIC, setting.dead, AclOperation.READ)
    code, text = setting.replay("--yes")
    assert code == 1
    assert f"we may not use the consumer group {setting.group}.replay: our user needs its right Read" in text
    secure_kafka.allow("ann", ResourceType.GROUP, f"{setting.group}.replay", AclOperation.READ)
    secure_kafka.allow("ann", ResourceType.TOPIC, setting.topic, AclOperation.DESCRIBE)
    code, text = setting.replay("--yes")
    assert (code, "AUTHORIZATION_FAILED" in text or "authorization failed" in text) == (1, True), text
    assert "Traceback" not in text
    secure_kafka.allow("ann", ResourceType.TOPIC, setting.topic, AclOperation.WRITE)
    assert setting.replay("--yes")[0] == 0
    assert setting.values() == [b"x"]


def test_without_a_broker_address_it_says_so() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "consumer", "replay", "--dead-letter-topic", "t", "--yes"],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "kafka.bootstrap_servers" in process.stderr.lower().replace("__", ".")
