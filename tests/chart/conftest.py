"""What the chart's tests share: the programs, and the chart rendered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from consumer.simulator.target import Target
from tests.chart import binaries
from tests.chart.rendered import Chart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chart.cluster import Cluster


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of helm, kubectl, kube-apiserver and the others; the first time it takes minutes to build."""
    return binaries.folder()


@pytest.fixture(scope="session")
def promtool() -> Path:
    return binaries.promtool()


@pytest.fixture(scope="session")
def chart(tools: Path) -> Chart:
    return Chart(tools / "helm")


@pytest.fixture(scope="session")
def cluster(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real Kubernetes with two nodes that run nothing; give each test a namespace of its own."""
    from tests.chart.cluster import Cluster  # noqa: PLC0415  # needs nothing of it unless asked for

    with Cluster(tools, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def target() -> Iterator[Target]:
    """A simulated Target that knows every visitor."""
    with Target() as simulated:
        yield simulated


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("PROFILE_CONSUMER_", "HELM_"))]:
        monkeypatch.delenv(name)
