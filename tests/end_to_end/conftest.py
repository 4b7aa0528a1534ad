"""What end-to-end tests share: a service on the real Kafka and a simulated Target."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from consumer.simulator.target import Target
from tests.end_to_end.load import PARTITIONS, SEED
from tests.end_to_end.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka import Kafka


@pytest.fixture(autouse=True)
def seed() -> random.Random:
    """Random numbers that repeat."""
    print(f"seed {SEED}")  # noqa: T201 - shown when a test fails
    return random.Random(SEED)  # noqa: S311 - no secret


@pytest.fixture
def topic(kafka: Kafka) -> str:
    """A topic of the test's own."""
    return kafka.create_topic(PARTITIONS)


@pytest.fixture
def target() -> Iterator[Target]:
    """A simulated Target that knows every visitor."""
    with Target() as simulated:
        yield simulated


@pytest.fixture
def service(kafka: Kafka, target: Target, tmp_path: Path) -> Callable[..., Service]:
    """Makes services of one group of the test's own; more settings as `delivery__linger="1s"`."""
    group = f"g-{uuid.uuid4().hex[:8]}"

    def make(*options: str, **settings: Any) -> Service:
        basics = {
            "kafka__bootstrap_servers": kafka.bootstrap,
            "kafka__group_id": group,
            "target__client": "demo",
            "target__base_url": target.url,
            "quota__limit": 0,
            "delivery__commit_interval": "200ms",
        }
        return Service(tmp_path, *options, **(basics | settings))

    return make
