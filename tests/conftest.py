"""Fixtures that all tests share."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.kafka import Kafka, KafkaCluster
from tests.kafka_runtime import KafkaMissing
from tests.registry import Registry, RegistryMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import EventDict

settings.register_profile(
    "steady",
    deadline=None,  # no test's result depends on how fast the machine is
    suppress_health_check=[HealthCheck.too_slow],
    # A run fails for what was changed. Whoever has time may look further.
    derandomize=os.environ.get("FRESH_EXAMPLES") != "1",
)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One broker that all tests share: make topics and groups of your own, and do it no harm."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP"):
        yield Kafka(bootstrap)
        return
    with ExitStack() as running:
        cluster = _start(running)
        cluster.settle()
        yield cluster


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[KafkaCluster]:
    """One broker with SASL, TLS and ACLs that all tests share; its user `ann` may nothing until a test allows it."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP names a broker whose users we don't know")
    with ExitStack() as running:
        cluster = _start(running, users={"ann": "pw"})
        cluster.settle()
        yield cluster


@pytest.fixture
def kafka_cluster() -> Iterator[Callable[..., KafkaCluster]]:
    """Starts brokers of the test's own (arguments of `KafkaCluster`), to be hurt at will."""
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP names a broker that tests must not hurt")
    with ExitStack() as running:
        yield lambda **options: _start(running, **options)


def start_kafka(**options: object) -> Iterator[KafkaCluster]:
    """Brokers for a fixture of a wider scope; skips, or fails where it must not be skipped."""
    with ExitStack() as running:
        yield _start(running, **options)


@pytest.fixture
def said() -> Iterator[list[EventDict]]:
    """What is logged, at every level."""
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as entries:
        yield entries
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def schema_registry() -> Iterator[Registry]:
    """A registry that all tests share; it is running when a test begins, and must be when it ends."""
    with ExitStack() as running:
        try:
            yield running.enter_context(Registry())
        except RegistryMissing as missing:
            _missing(str(missing))


def _start(running: ExitStack, **options: object) -> KafkaCluster:
    try:
        return running.enter_context(KafkaCluster(**options))  # type: ignore[arg-type]
    except KafkaMissing as missing:
        _missing(str(missing))


def _missing(what: str) -> NoReturn:
    if os.environ.get("REQUIRE_REAL_KAFKA") == "1":
        pytest.fail(what)
    pytest.skip(what)
