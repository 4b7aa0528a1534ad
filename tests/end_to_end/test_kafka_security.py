"""The service on a Kafka that asks who it is, by password (SCRAM), certificate (mTLS) or token (OAuth); with ACLs.

Whatever is wrong is named in the log; the pod says that it is not ready, and stays, because a restart would not help.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # exported, without __all__

from tests.end_to_end.load import mappings
from tests.end_to_end.service import Service, eventually
from tests.end_to_end.token_endpoint import TokenEndpoint
from tests.kafka_server import make_certificates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import KafkaCluster

USER = "ann"
CLIENT, SECRET = "profile-consumer", "client-secret"


class Place(NamedTuple):
    """A topic and a group of the test's own."""

    kafka: KafkaCluster
    topic: str
    group: str

    def give_all_rights(self) -> None:
        """What docs/operations.md asks for."""
        self.kafka.allow(USER, ResourceType.TOPIC, self.topic, AclOperation.READ, AclOperation.DESCRIBE)
        self.kafka.allow(USER, ResourceType.GROUP, self.group, AclOperation.READ)
        dead_letters = (AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.CREATE)
        self.kafka.allow(USER, ResourceType.TOPIC, f"{self.group}.dead-letters", *dead_letters)


@pytest.fixture
def place(secure_kafka: KafkaCluster) -> Place:
    return Place(secure_kafka, secure_kafka.create_topic(1), f"g-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def start(place: Place, target: Target, tmp_path: Path) -> Callable[[str, dict[str, str]], Service]:
    """Makes a service that reaches Kafka at an address with properties."""

    def make(bootstrap: str, properties: dict[str, str]) -> Service:
        return Service(
            tmp_path,
            kafka__bootstrap_servers=bootstrap,
            kafka__group_id=place.group,
            kafka__properties=properties,
            schemas=str(mappings(tmp_path, place.topic)),
            target__client="demo",
            target__base_url=target.url,
            quota__limit=0,
        )

    return make


def by_password(kafka: KafkaCluster, **changed: str) -> tuple[str, dict[str, str]]:
    return kafka.bootstrap_sasl, kafka.sasl(USER) | {name.replace("_", "."): value for name, value in changed.items()}


def by_certificate(kafka: KafkaCluster, **changed: str) -> tuple[str, dict[str, str]]:
    return kafka.bootstrap_mutual, kafka.mutual(USER) | {
        name.replace("_", "."): value for name, value in changed.items()
    }


def by_token(kafka: KafkaCluster, endpoint: TokenEndpoint, secret: str) -> tuple[str, dict[str, str]]:
    oauth = {
        "method": "oidc",
        "token.endpoint.url": endpoint.url,
        "client.id": CLIENT,
        "client.secret": secret,
    }
    tls = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "ssl.ca.location": str(kafka.ca)}
    return kafka.bootstrap_sasl, tls | {f"sasl.oauthbearer.{name}": value for name, value in oauth.items()}


def another_authority(folder: Path) -> Path:
    """Certificates that nobody here trusts."""
    folder.mkdir()
    make_certificates(folder, [USER])
    return folder


def told(running: Service, event: str, words: str) -> dict[str, Any]:
    """The log line that names the trouble; meanwhile the process stays, alive and not ready."""
    line: dict[str, Any] = eventually(
        lambda: next((line for line in running.logs(event) if words in line["message"]), None), f"{event}: {words}"
    )
    eventually(lambda: running.status()["state"] == "kafka_unreachable", "the state says so")
    assert running.get("/readyz").status_code == 503
    assert running.get("/livez").status_code == 200
    assert running.process.poll() is None
    assert running.stop() == 0
    return line


@pytest.mark.parametrize("who", [by_password, by_certificate])
def test_a_user_with_its_rights_delivers(
    place: Place,
    start: Callable[[str, dict[str, str]], Service],
    who: Callable[[KafkaCluster], tuple[str, dict[str, str]]],
) -> None:
    place.give_all_rights()
    with start(*who(place.kafka)) as running:
        running.wait_until(lambda status: bool(status["partitions"]), "the group gave the partition")
        assert running.get("/readyz").status_code == 200
        place.kafka.produce(place.topic, [b'{"type": "visit", "id": "v1", "n": 1}'])
        running.wait_until(
            lambda status: [each["committed"] for each in status["partitions"]] == [1], "the record is resolved"
        )
        assert running.stop() == 0
        assert not running.logs("kafka_refuses_credentials")


def test_a_wrong_password_is_named(place: Place, start: Callable[[str, dict[str, str]], Service]) -> None:
    place.give_all_rights()
    with start(*by_password(place.kafka, sasl_password="wrong-one")) as running:  # noqa: S106  # made up
        line = told(running, "kafka_refuses_credentials", "check sasl.mechanism, sasl.username and sasl.password")
    assert line["error"] in {"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"}
    assert "wrong-one" not in running.log_file.read_text()


def test_a_token_of_an_oauth_endpoint_opens_kafka(
    place: Place, start: Callable[[str, dict[str, str]], Service]
) -> None:
    place.give_all_rights()
    with (
        TokenEndpoint(USER, CLIENT, SECRET) as endpoint,
        start(*by_token(place.kafka, endpoint, SECRET)) as running,
    ):
        place.kafka.produce(place.topic, [b'{"type": "visit", "id": "v1", "n": 1}', b"no JSON"])
        running.wait_until(lambda s: sum(p["committed"] or 0 for p in s["partitions"]) == 2, "all is resolved")
        assert running.get("/readyz").status_code == 200
        assert running.stop() == 0
        assert not running.logs("kafka_refuses_credentials")
        assert SECRET not in running.log_file.read_text()
    assert endpoint.given >= 2, "consumer and dead-letter producer"


def test_a_token_that_nobody_gives_is_named(place: Place, start: Callable[[str, dict[str, str]], Service]) -> None:
    place.give_all_rights()
    with (
        TokenEndpoint(USER, CLIENT, SECRET) as endpoint,
        start(*by_token(place.kafka, endpoint, "wrong-one")) as running,
    ):
        told(running, "kafka_refuses_credentials", "check sasl.oauthbearer.token.endpoint.url")
        assert "wrong-one" not in running.log_file.read_text()


@pytest.mark.parametrize("who", [by_password, by_certificate])
def test_an_authority_that_we_do_not_trust_is_named(
    place: Place,
    start: Callable[[str, dict[str, str]], Service],
    tmp_path: Path,
    who: Callable[..., tuple[str, dict[str, str]]],
) -> None:
    other = another_authority(tmp_path / "other")
    with start(*who(place.kafka, ssl_ca_location=str(other / "ca.pem"))) as running:
        told(running, "kafka_unreachable", "check in kafka.properties that ssl.ca.location holds the authority")


def test_a_certificate_that_kafka_does_not_trust_is_named(
    place: Place, start: Callable[[str, dict[str, str]], Service], tmp_path: Path
) -> None:
    other = another_authority(tmp_path / "other")
    ours = {"ssl_certificate_location": f"{other}/user-ann.crt", "ssl_key_location": f"{other}/user-ann.key"}
    with start(*by_certificate(place.kafka, **ours)) as running:
        told(running, "kafka_refuses_credentials", "Kafka refuses our certificate: check ssl.certificate.location")


@pytest.mark.parametrize("who", [by_password, by_certificate])
def test_a_missing_right_is_named_until_it_is_given(
    place: Place,
    start: Callable[[str, dict[str, str]], Service],
    who: Callable[[KafkaCluster], tuple[str, dict[str, str]]],
) -> None:
    place.kafka.allow(USER, ResourceType.TOPIC, f"{place.group}.dead-letters", AclOperation.WRITE)
    place.kafka.allow(USER, ResourceType.TOPIC, place.topic, AclOperation.DESCRIBE)
    with start(*who(place.kafka)) as running:

        def refused(words: str) -> None:
            found = lambda: any(words in line["message"] for line in running.logs("kafka_refuses_credentials"))  # noqa: E731
            eventually(found, words)
            assert running.get("/readyz").status_code == 503
            assert running.process.poll() is None

        refused(f"we may not use the consumer group {place.group}: our user needs its right Read")
        place.kafka.allow(USER, ResourceType.GROUP, place.group, AclOperation.READ)
        refused(f"we may not use the topic {place.topic}: our user needs its rights Read and Describe")
        place.kafka.allow(USER, ResourceType.TOPIC, place.topic, AclOperation.READ)
        eventually(lambda: running.get("/readyz").status_code == 200, "ready, without a restart")
        assert running.stop() == 0
