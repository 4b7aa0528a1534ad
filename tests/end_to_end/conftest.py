"""What end-to-end tests share: a service on the real Kafka and a simulated Target."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from consumer.simulator.target import Target
from tests.end_to_end.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.kafka import Kafka


@pytest.fixture
def target() -> Iterator[Target]:
    """A simulated Target that knows every visitor."""
    with Target() as simulated:
        yield simulated


@pytest.fixture
def service(kafka: Kafka, target: Target, tmp_path: Path) -> Callable[..., Service]:
    """Makes services of one group of the test's own; more settings as `delivery__linger="1s"`."""
    group = f"g-{uuid.uuid4().hex[:8]}"

    def make(**settings: Any) -> Service:
        basics = {
            "kafka__bootstrap_servers": kafka.bootstrap,
            "kafka__group_id": group,
            "target__client": "demo",
            "target__base_url": target.url,
            "quota__limit": 0,
        }
        return Service(tmp_path, **(basics | settings))

    return make
