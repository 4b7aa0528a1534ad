"""What an error of Kafka means for us, and the sentence that tells a person what to check.

Codes are those of librdkafka (negative: its own, positive: a broker's), as `confluent_kafka.KafkaError` lists them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException

from consumer.errors import Problem, SettingsInvalid

MISSING_TOPIC = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001  # public names
)
"""A topic that does not exist, not yet, or not for us."""

REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001  # librdkafka's own codes are spelt so
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
"""Kafka knows us and says no: our credentials or our rights."""

GONE = frozenset(
    {KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001  # as above
)
"""The offset to be read is not in the topic (any more)."""

CORRUPT = frozenset({KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError.INVALID_MSG})  # noqa: SLF001  # as above
"""Records that can't be read; librdkafka goes on behind them, so that going on would lose them."""

FENCED = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001  # as above
    }
)
"""This member is out of the group. An old generation alone is not: a rebalance may leave us the partition."""

MOVING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""A group's coordinator is on its way to another broker, or has just come there; the same question is answered soon."""

METADATA_TOO_LARGE = frozenset({KafkaError.OFFSET_METADATA_TOO_LARGE, KafkaError.INVALID_COMMIT_OFFSET_SIZE})


_CERTIFICATE_REFUSED = re.compile(r"\balert [a-z ]*(certificate|unknown ca)")
"""How OpenSSL words it that the other side refuses our certificate, or misses one."""


_UNSERVED = "Failed to acquire SASL OAUTHBEARER token"
"""How librdkafka words it that the token endpoint gives nothing; its answer comes behind it."""


class Place(NamedTuple):
    """What an error is about; for the sentence."""

    bootstrap_servers: str
    group_id: str = ""
    topic: str | None = None


def cause(error: KafkaException) -> KafkaError:
    """The `KafkaError` inside an exception."""
    found = error.args[0]
    return found if isinstance(found, KafkaError) else KafkaError(KafkaError._FAIL, str(found))  # noqa: SLF001  # as above


def properties_refused(error: KafkaException) -> SettingsInvalid:
    """What the library says about `kafka.properties` that it does not take."""
    return SettingsInvalid([Problem("kafka.properties", 0, 0, cause(error).str())])


def certificate_refused(error: KafkaError) -> bool:
    """Whether Kafka refuses our certificate. With TLS 1.3 it looks like any broken connection, but for its text."""
    return _CERTIFICATE_REFUSED.search(error.str()) is not None


def refused(error: KafkaError) -> bool:
    """Whether Kafka answers, and says no to our credentials or our rights."""
    return error.code() in REFUSED or certificate_refused(error)


def sentence(error: KafkaError, place: Place) -> str:
    """What is wrong and what to check, for the operator; holds no secret."""
    code = error.code()
    if certificate_refused(error):
        return _CERTIFICATE
    if code == KafkaError._AUTHENTICATION and _UNSERVED in error.str():  # noqa: SLF001  # as above
        return _ENDPOINT
    if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return f"we may not use the topic {place.topic or '(unnamed)'}: our user needs its rights Read and Describe"
    if code == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return f"we may not use the consumer group {place.group_id}: our user needs its right Read"
    if code in _SENTENCES:
        return _SENTENCES[code].format(servers=place.bootstrap_servers)
    return f"Kafka answers {error.name()}: {error.str()}"


_NO_ANSWER = (
    "no broker answers at {servers}: check kafka.bootstrap_servers, the network, whether the brokers run, and that "
    "security.protocol in kafka.properties is what their listener speaks"
)
_USER = (
    "Kafka refuses our user: check sasl.mechanism, sasl.username and sasl.password in kafka.properties, or with "
    "OAUTHBEARER whom its token names and until when"
)
_ENDPOINT = (
    "there is no token to show to Kafka: check sasl.oauthbearer.token.endpoint.url, sasl.oauthbearer.client.id and "
    "sasl.oauthbearer.client.secret in kafka.properties, and that the endpoint answers"
)
_CERTIFICATE = (
    "Kafka refuses our certificate: check ssl.certificate.location and ssl.key.location in kafka.properties, that the "
    "certificate is still valid, and that the brokers trust its authority"
)
_SENTENCES = {
    KafkaError._AUTHENTICATION: _USER,  # noqa: SLF001  # as above
    KafkaError.SASL_AUTHENTICATION_FAILED: _USER,
    KafkaError._SSL: (  # noqa: SLF001  # as above
        "the TLS connection to Kafka fails: check in kafka.properties that ssl.ca.location holds the authority of the "
        "brokers' certificates, and that security.protocol is what their listener speaks"
    ),
    KafkaError._RESOLVE: (  # noqa: SLF001  # as above
        "the name of a broker cannot be resolved: check kafka.bootstrap_servers, DNS, and the brokers' "
        "advertised.listeners"
    ),
    KafkaError._ALL_BROKERS_DOWN: _NO_ANSWER,  # noqa: SLF001  # as above
    KafkaError._TRANSPORT: _NO_ANSWER,  # noqa: SLF001  # as above
    KafkaError._TIMED_OUT: (  # noqa: SLF001  # as above
        "Kafka does not answer in time ({servers}): check the brokers' health and the network"
    ),
}
