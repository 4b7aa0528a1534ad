# ruff: noqa: S603  # Prometheus, with words of our own
"""Every query of the dashboard and every alert, asked of a real Prometheus that scrapes a real run."""

from __future__ import annotations

import json
import subprocess
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.chart import binaries
from tests.chart.rendered import CHART
from tests.end_to_end.load import mappings
from tests.end_to_end.service import Service, eventually
from tests.kafka import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.chart.rendered import Chart
    from tests.kafka import Kafka

pytestmark = pytest.mark.chart

NAMESPACE, POD = "profiles", "x-profile-consumer-0"


def queries() -> list[tuple[str, str]]:
    """Title and query of everything that the dashboard shows of one pod; a rate is taken over ten seconds."""
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    values = {"$namespace": NAMESPACE, "$pod": POD, "$__rate_interval": "10s"}
    found = []
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"]
            for variable, value in values.items():
                query = query.replace(variable, value)
            found.append((panel["title"], query))
    return found


class Prometheus:
    """A Prometheus that answers at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What a query finds now; a query that it does not understand is an error."""
        answer = httpx.get(f"{self._url}/api/v1/query", params={"query": query}, timeout=30).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every alert with its health."""
        groups = httpx.get(f"{self._url}/api/v1/rules", timeout=30).raise_for_status().json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def serves(self) -> bool:
        """Whether it is ready."""
        try:
            return httpx.get(f"{self._url}/-/ready", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def scraping(service: str, rules: list[dict[str, Any]], folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes a service every second, as if it were a pod of the release, and asks for the alerts."""
    labels = {"namespace": NAMESPACE, "pod": POD}
    scraped = [{"job_name": "x", "static_configs": [{"targets": [service], "labels": labels}]}]
    often = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configured = {"global": often, "rule_files": ["alerts.yaml"], "scrape_configs": scraped}
    (folder / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "alerts", "rules": rules}]}))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configured))
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command: list[str | Path] = [
        binaries.prometheus(),
        f"--config.file={folder}/prometheus.yaml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        asked = Prometheus(f"http://{address}")
        eventually(asked.serves, "Prometheus is ready")
        yield asked
    finally:
        process.terminate()
        process.wait()


def test_every_query_finds_something_in_a_real_run_and_no_alert_fires_while_all_is_well(
    chart: Chart, kafka: Kafka, target: Target, tmp_path: Path
) -> None:
    topic = kafka.create_topic(2)
    settings = {
        "kafka__bootstrap_servers": kafka.bootstrap,
        "kafka__group_id": f"g-{uuid.uuid4().hex[:8]}",
        "schemas": str(mappings(tmp_path, topic)),
        "target__client": "demo",
        "target__base_url": target.url,
        "quota__limit": 100_000,
        "quota__topic": f"quota-{topic}",
        "dead_letter__topic": f"dead-{topic}",
        "dead_letter__max_ratio": 1,
        "dead_letter__max_consecutive": 1_000_000,
    }
    rendered = chart.render("--values", CHART / "ci" / "monitoring-values.yaml")
    (rules,) = (each["spec"]["groups"][0]["rules"] for each in rendered if each["kind"] == "PrometheusRule")
    visit = b'{"type": "visit", "customer": "c1", "number": 1}'
    with (
        Service(tmp_path, **settings) as running,
        scraping(running.url.removeprefix("http://"), rules, tmp_path) as prometheus,
    ):
        empty = dict.fromkeys(queries(), True)

        def all_find_something() -> bool:
            kafka.produce(topic, [visit, b"no JSON"])
            for asked in [asked for asked, still in empty.items() if still]:
                empty[asked] = not prometheus.ask(asked[1])
            return not any(empty.values())

        try:
            eventually(all_find_something, "every query of the dashboard finds something")
        except AssertionError as late:
            raise AssertionError(f"nothing found by {[asked for asked, still in empty.items() if still]}") from late
        found = prometheus.rules()
        assert {rule["name"] for rule in found} == {rule["alert"] for rule in rules}
        assert {(rule["health"], rule.get("lastError", "")) for rule in found} == {("ok", "")}
        firing = {rule["name"] for rule in found if rule["state"] == "firing"}
        assert firing <= {"ProfileConsumerDeadLetters"}, "dead letters there were"
        states = prometheus.ask(f'profile_consumer_partition_state{{pod="{POD}"}} == 1')
        assert {each["metric"]["namespace"] for each in states} == {NAMESPACE}
        assert running.stop() == 0
