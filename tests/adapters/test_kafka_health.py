from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # without __all__
from structlog.testing import capture_logs

from consumer.adapters import kafka_health, kafka_lookup
from consumer.adapters.kafka_errors import Place
from consumer.adapters.kafka_health import PROBE_AGAIN, PROBE_EVERY, SPOKEN_SECONDS, KafkaHealth
from consumer.core.partition import Commit
from consumer.core.record import TopicPartition
from tests.adapters.kafka_member import PATIENCE, Member, new_group

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from tests.kafka import KafkaCluster


class Script:
    """A lookup whose answers come at the second step."""

    def __init__(self) -> None:
        self.failure: KafkaException | None = None
        self.topics: dict[str, int | KafkaError] = {"t": 2}
        self.may_read = True
        self.asked = 0

    def partitions(self, topics: Iterable[str]) -> Generator[None, None, dict[str, int | KafkaError]]:
        self.asked += 1
        yield
        return {topic: self.topics[topic] for topic in topics}

    def committed(self, group: str, partitions: Iterable[TopicPartition]) -> Generator[None, None, dict[str, int]]:
        assert (group, list(partitions)) == ("g", [TopicPartition("t", 0)])
        yield
        if self.failure:
            raise self.failure
        return {}

    def readable(self, topic: str) -> Generator[None, None, bool]:
        assert topic == "t"
        yield
        return self.may_read


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def health(script: Script) -> KafkaHealth:
    return KafkaHealth(script, Place("b:1", "g"), ["t"], 0.0)  # type: ignore[arg-type]


def probe(health: KafkaHealth, now: float) -> None:
    for _ in range(6):
        health.turn(now)


def error(code: int) -> KafkaError:
    return KafkaError(code, "said so")


DOWN = error(KafkaError._ALL_BROKERS_DOWN)


def reason(health: KafkaHealth) -> str:
    assert health.trouble
    return health.trouble.reason


def test_all_is_well_until_something_is_not(health: KafkaHealth, script: Script) -> None:
    probe(health, PROBE_EVERY - 1)
    assert script.asked == 0
    probe(health, PROBE_EVERY)
    assert script.asked == 1
    assert health.trouble is None


def test_one_broken_connection_is_no_trouble_and_all_of_them_are(health: KafkaHealth) -> None:
    health.reported(error(KafkaError._TRANSPORT), 1.0)
    assert health.trouble is None
    health.reported(DOWN, 2.0)
    assert reason(health).startswith("no broker answers at b:1: check kafka.bootstrap_servers")
    assert health.trouble
    assert (health.trouble.since, health.trouble.refused) == (2.0, False)


@pytest.mark.parametrize(
    ("code", "words", "refused"),
    [
        (KafkaError._AUTHENTICATION, "Kafka refuses our user: check sasl", True),
        (KafkaError._SSL, "the TLS connection to Kafka fails: check", False),
        (KafkaError._RESOLVE, "the name of a broker cannot be resolved: check", False),
    ],
)
def test_the_cause_that_the_library_named_is_told(health: KafkaHealth, code: int, words: str, *, refused: bool) -> None:
    health.reported(error(code), 1.0)
    health.reported(DOWN, 1.0 + SPOKEN_SECONDS - 1)
    assert reason(health).startswith(words)
    assert health.trouble
    assert health.trouble.refused is refused


def test_a_token_that_its_endpoint_refuses_is_told_without_the_answer_of_the_endpoint(health: KafkaHealth) -> None:
    answer = 'Failed to acquire SASL OAUTHBEARER token: {"error": "invalid_client"}'
    health.reported(KafkaError(KafkaError._AUTHENTICATION, answer), 1.0)
    health.reported(DOWN, 1.5)
    assert reason(health).startswith("there is no token to show to Kafka: check sasl.oauthbearer.token.endpoint.url")
    assert "invalid_client" not in reason(health)
    assert health.trouble
    assert health.trouble.refused


@pytest.mark.parametrize(
    "alert",
    [
        "error:0A000416:SSL routines::ssl/tls alert certificate unknown: SSL alert number 46",
        "error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116",
        "error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42",
        "error:0A000418:SSL routines::tlsv1 alert unknown ca: SSL alert number 48",
    ],
)
@pytest.mark.parametrize("code", [KafkaError._TRANSPORT, KafkaError._SSL])
def test_a_refused_certificate_is_told_by_its_text(health: KafkaHealth, alert: str, code: int) -> None:
    health.reported(KafkaError(code, f"ssl://b:1/bootstrap: Receive failed: {alert}"), 1.0)
    health.reported(DOWN, 1.5)
    assert reason(health).startswith("Kafka refuses our certificate: check ssl.certificate.location")
    assert health.trouble
    assert health.trouble.refused


def test_a_question_without_an_answer_does_not_hide_the_cause(health: KafkaHealth, script: Script) -> None:
    health.reported(error(KafkaError._AUTHENTICATION), 1.0)
    health.reported(DOWN, 1.0)
    script.failure = KafkaException(error(KafkaError._TIMED_OUT))
    probe(health, 10.0)
    assert "refuses our user" in reason(health)
    script.failure = KafkaException(error(KafkaError.GROUP_AUTHORIZATION_FAILED))
    probe(health, 20.0)
    assert "consumer group" in reason(health)


def test_a_cause_of_long_ago_is_not(health: KafkaHealth) -> None:
    health.reported(error(KafkaError._SSL), 1.0)
    health.reported(DOWN, 1.0 + SPOKEN_SECONDS)
    assert reason(health).startswith("no broker answers")


def test_a_question_answered_ends_the_trouble_unless_it_recurred_since(health: KafkaHealth, script: Script) -> None:
    health.reported(DOWN, 1.0)
    health.turn(1.0 + PROBE_AGAIN)
    health.reported(DOWN, 3.5)
    probe(health, 4.0)
    assert health.trouble
    probe(health, 4.0 + PROBE_AGAIN)
    assert health.trouble is None
    probe(health, 5.0 + PROBE_AGAIN)
    assert script.asked == 2


def test_a_question_without_an_answer_is_trouble_since_it_was_asked(health: KafkaHealth, script: Script) -> None:
    script.failure = KafkaException(error(KafkaError._TIMED_OUT))
    health.turn(PROBE_EVERY)
    probe(health, PROBE_EVERY + 10)
    assert reason(health).startswith("Kafka does not answer in time (b:1): check")
    assert health.trouble
    assert health.trouble.since == PROBE_EVERY
    script.failure = KafkaException(error(KafkaError.GROUP_AUTHORIZATION_FAILED))
    probe(health, 30.0)
    assert reason(health) == "we may not use the consumer group g: our user needs its right Read"
    assert health.trouble.since == PROBE_EVERY


def test_trouble_is_logged_once_and_when_it_ends(health: KafkaHealth) -> None:
    with capture_logs() as logs:
        for now in (1.0, 2.0, 2.5):
            health.reported(DOWN, now)
        probe(health, 5.0)
        health.failed(error(KafkaError.SASL_AUTHENTICATION_FAILED), 6.0)
        probe(health, 9.0)
        health.reported(DOWN, 10.0)
        probe(health, 13.0)
        health.reported(DOWN, 14.0)
    told = [(entry["event"], entry["log_level"], entry.get("error"), entry.get("suppressed")) for entry in logs]
    assert told == [
        ("kafka_unreachable", "warning", "_ALL_BROKERS_DOWN", 0),
        ("kafka_reachable", "info", None, None),
        ("kafka_refuses_credentials", "error", "SASL_AUTHENTICATION_FAILED", 0),
        ("kafka_reachable", "info", None, None),
        ("kafka_reachable", "info", None, None),
        ("kafka_unreachable", "warning", "_ALL_BROKERS_DOWN", 1),
    ]
    assert logs[1]["seconds"] == 4.0


def test_a_topic_that_we_may_not_read_stays_trouble_until_we_may(health: KafkaHealth, script: Script) -> None:
    health.failed(error(KafkaError.TOPIC_AUTHORIZATION_FAILED), 1.0, "t")
    script.may_read = False
    probe(health, 4.0)
    assert reason(health) == "we may not use the topic t: our user needs its rights Read and Describe"
    script.may_read = True
    probe(health, 7.0)
    assert health.trouble is None


def test_a_topic_that_is_hidden_is_trouble_and_a_missing_one_is_not(health: KafkaHealth, script: Script) -> None:
    script.topics["t"] = error(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    probe(health, PROBE_EVERY)
    assert "we may not use the topic t" in reason(health)
    script.topics["t"] = error(KafkaError.UNKNOWN_TOPIC_OR_PART)
    probe(health, PROBE_EVERY + PROBE_AGAIN)
    assert health.trouble is None
    assert health.missing_topics == {"t"}
    script.topics["t"] = 1
    probe(health, PROBE_EVERY + 2 * PROBE_AGAIN)
    assert health.missing_topics == frozenset()


# -- with a real broker ------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_health, "PROBE_EVERY", 0.3)
    monkeypatch.setattr(kafka_health, "PROBE_AGAIN", 0.3)
    monkeypatch.setattr(kafka_lookup, "ANSWER_SECONDS", 3.0)


@pytest.mark.usefixtures("quick")
def test_whatever_kafka_refuses_is_named_and_cured(secure_kafka: KafkaCluster) -> None:
    kafka = secure_kafka
    topic, group = kafka.create_topic(1), new_group()
    kafka.produce(topic, [b"x"])
    ann = kafka.sasl("ann")

    def names(properties: dict[str, str], words: str, *, refused: bool) -> None:
        with Member(kafka.bootstrap_sasl, [topic], group, properties) as member:
            member.until(lambda: member.source.trouble and words in member.source.trouble.reason, words)
            assert member.source.trouble
            assert member.source.trouble.refused is refused

    names(ann | {"sasl.password": "wrong"}, "check sasl.mechanism, sasl.username and sasl.password", refused=True)
    names({key: ann[key] for key in ann if key != "ssl.ca.location"}, "that ssl.ca.location holds", refused=False)
    names({}, "that security.protocol in kafka.properties is what their listener speaks", refused=False)
    with Member(kafka.bootstrap_sasl, [topic], group, ann) as member:

        def told(words: str) -> None:
            member.until(lambda: member.source.trouble and words in member.source.trouble.reason, words)
            assert member.source.trouble
            assert member.source.trouble.refused

        told("")
        kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.DESCRIBE)
        told(f"we may not use the consumer group {group}")
        kafka.allow("ann", ResourceType.GROUP, group, AclOperation.READ)
        told(f"we may not use the topic {topic}")
        kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.READ)
        member.until(lambda: member.records and member.source.trouble is None, "cured")


LEAVE = """
import sys, time
from tests.adapters.kafka_member import Member
member = Member(sys.argv[1], [sys.argv[2]], sys.argv[3])
member.until(lambda: member.records, "read")
print("ready", flush=True)
sys.stdin.readline()
member.source.poll(0.1, 1)
print(member.source.close(0.5), flush=True)
"""


@pytest.mark.usefixtures("quick")
def test_a_hanging_broker_blocks_neither_the_loop_nor_the_end(kafka_cluster: Callable[..., KafkaCluster]) -> None:
    kafka = kafka_cluster()
    topic, group = kafka.create_topic(1), new_group()
    kafka.produce(topic, [b"x"])
    key = TopicPartition(topic, 0)
    command = [sys.executable, "-c", LEAVE, kafka.bootstrap, topic, new_group()]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as leaving,  # noqa: S603  # our own
        Member(kafka.bootstrap, [topic], group) as member,
    ):
        member.until(lambda: member.records, "read")
        assert leaving.stdout
        assert "ready\n" in iter(leaving.stdout.readline, "")
        kafka.pause()
        try:
            for offset in (1, 2):
                member.source.commit([Commit(key, offset, "", member.assignments[key].generation)])
            turns = 0
            while member.source.trouble is None:
                member.turn(0.0)
                member.source.pause([key])
                member.source.resume([key])
                assert member.source.end_offsets({}) == {key: 1}
                turns += 1
            assert turns > 100, "a turn waited for Kafka"
            assert member.source.trouble.reason.startswith("Kafka does not answer in time")
            # The library itself would wait for a minute and more: the bound is ours.
            begun = time.monotonic()
            output, _ = leaving.communicate("leave\n", timeout=PATIENCE)
            assert (output.splitlines()[-1], leaving.returncode) == ("False", 0)
            assert time.monotonic() - begun < 30
        finally:
            leaving.kill()
            kafka.resume()
        member.until(lambda: member.source.trouble is None, "cured")
        member.until(lambda: any(result.commit.offset == 2 for result in member.results), "committed")
        assert [result.error for result in member.results] == [None, None]
