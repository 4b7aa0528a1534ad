# ruff: noqa: S603  # our own programs, with words of our own
"""What the chart renders, run as processes: commands, variables, mounted files and probes, on real Kafka."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson
import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # exported, without __all__

from tests.chart.rendered import CHART, MOUNTED
from tests.end_to_end.service import PATIENCE, eventually
from tests.kafka import free_ports

if TYPE_CHECKING:
    from consumer.simulator.target import Target
    from tests.chart.rendered import Chart, Pod
    from tests.kafka import Kafka, KafkaCluster

pytestmark = pytest.mark.chart

DOCKERFILE = (CHART.parent / "Dockerfile").read_text()
EVENT = orjson.dumps({"type": "store.visited", "customer": {"id": "c-1"}, "store": {"name": " Main Street "}})


class Container:
    """A container of the pod as a process: the image's entry point with the chart's arguments, variables and files."""

    def __init__(self, pod: Pod, name: str, root: Path) -> None:
        self._port = free_ports(1)[0]
        self._spec = pod.container(name)
        here = {"PROFILE_CONSUMER_HTTP__HOST": "127.0.0.1", "PROFILE_CONSUMER_HTTP__PORT": str(self._port)}
        self._environment = pod.environment(name, root) | here  # port 8080 may be somebody else's
        self.log = root / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (program, *words) = orjson.loads(re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)[0])
        command = [Path(sys.executable).with_name(Path(program).name), *words, *self._spec["args"]]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd="/", env=self._environment, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def probe(self, name: str) -> int:
        """The status that the kubelet would see; 0 when nobody answers."""
        assert self._spec["ports"][0]["name"] == self._spec[name]["httpGet"]["port"]
        try:
            return httpx.get(self.url + self._spec[name]["httpGet"]["path"], timeout=5).status_code
        except httpx.TransportError:
            return 0

    def passes(self, name: str) -> None:
        def passed() -> bool:
            assert self.process
            assert self.process.poll() is None, self.log.read_text()
            return self.probe(name) == 200

        eventually(passed, f"{name} passes")

    def stop(self) -> int:
        """SIGTERM, and the exit code, which must come within the grace period."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def values(kafka: str, target: Target, topic: str, **more: Any) -> list[str]:
    """Words for helm: the mapping of `ci/` for a topic of our own, real Kafka, simulated Target."""
    group = f"g-{uuid.uuid4().hex[:8]}"
    text = "\n".join(
        (
            "version: 1",
            f"topics: [{topic}]",
            "where: {event.type: store.visited}",
            "identity: {mbox3rdPartyId: event.customer.id}",
            "attributes: {lastStore: {from: event.store.name, transform: [trim]}}",
        )
    )
    settings = {
        "kafka": {"bootstrap_servers": kafka, "group_id": group, **more},
        "target": {"client": "demo", "base_url": target.url},
        "quota": {"limit": 0},
    }
    given = {"settings": settings, "mappings": {"store-visited.mapping.yaml": text}}
    return [word for name, value in given.items() for word in ("--set-json", f"{name}={orjson.dumps(value).decode()}")]


def test_what_the_chart_renders_starts_delivers_and_stops(
    chart: Chart, kafka: Kafka, target: Target, tmp_path: Path
) -> None:
    topic = kafka.create_topic(2)
    pod = chart.pod(*values(kafka.bootstrap, target, topic), "--set", "secrets.token=t-1,secrets.identityKey=k-1")
    pod.mount(tmp_path)
    with Container(pod, "profile-consumer", tmp_path) as running:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            running.passes(probe)
        kafka.produce(topic, [EVENT])
        eventually(lambda: len(target.history) == 1, "the event is delivered")
        hook = next(each for each in pod.objects if each["kind"] == "Pod")["spec"]["containers"][0]
        ask = [sys.executable, "-c", hook["args"][0], f"{running.url}/readyz"]
        assert subprocess.run(ask, check=False).returncode == 0
        exported = httpx.get(f"{running.url}/metrics", timeout=PATIENCE).text
        assert running.stop() == 0, running.log.read_text()
        assert subprocess.run(ask, capture_output=True, check=False).returncode != 0
    asked = re.findall(
        r"\b(?:profile_consumer|process)_\w+", "".join(file.read_text() for file in CHART.glob("files/*"))
    )
    families = set(re.findall(r"^# HELP (\w+)", exported, re.MULTILINE))
    assert {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in asked} <= families


def test_invalid_mappings_end_before_anything_is_read(
    chart: Chart, kafka: Kafka, target: Target, tmp_path: Path
) -> None:
    wrong = values(kafka.bootstrap, target, "t", on_out_of_range="sometimes")
    pod = chart.pod(*wrong, "--set", r"mappings.other\.mapping\.yaml=version: 2")
    pod.mount(tmp_path)
    with Container(pod, "profile-consumer", tmp_path) as running:
        assert running.process
        assert running.process.wait(PATIENCE) == 3
    assert "settings.yaml:" in running.log.read_text()
    assert "kafka.on_out_of_range: expected stop, earliest or latest" in running.log.read_text()


def test_the_init_container_finds_what_is_wrong(chart: Chart, kafka: Kafka, target: Target, tmp_path: Path) -> None:
    for name, mapping, code in (("good", "", 0), ("bad", "version: 2", 1)):
        root = tmp_path / name
        root.mkdir()
        more = ("--set", rf"mappings.other\.mapping\.yaml={mapping}") if mapping else ()
        pod = chart.pod(*values(kafka.bootstrap, target, "t"), *more)
        pod.mount(root)
        with Container(pod, "check", root) as running:
            assert running.process
            assert running.process.wait(PATIENCE) == code, running.log.read_text()
    assert f"{root}{MOUNTED}/schemas/other.mapping.yaml" in running.log.read_text()


def test_password_and_certificate_authority_reach_kafka_from_secrets(
    chart: Chart, secure_kafka: KafkaCluster, target: Target, tmp_path: Path
) -> None:
    kafka, topic = secure_kafka, secure_kafka.create_topic(1)
    properties = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "ann"}
    words = values(kafka.bootstrap_sasl, target, topic, properties=properties)
    group = orjson.loads(words[1].removeprefix("settings="))["kafka"]["group_id"]
    kafka.allow("ann", ResourceType.TOPIC, topic, AclOperation.READ, AclOperation.DESCRIBE)
    kafka.allow("ann", ResourceType.GROUP, group, AclOperation.READ)
    kafka.allow("ann", ResourceType.TOPIC, f"{group}.dead-letters", AclOperation.CREATE, AclOperation.WRITE)
    pod = chart.pod("--values", CHART / "ci" / "existing-secret-values.yaml", *words)
    assert kafka.ca
    secrets = {
        "profile-consumer-secrets": {"target-token": "t-1", "password": kafka.users["ann"]},
        "kafka-ca": {"ca.crt": kafka.ca.read_text()},
    }
    pod.mount(tmp_path, secrets)
    kafka.produce(topic, [EVENT])
    with Container(pod, "profile-consumer", tmp_path) as running:
        running.passes("readinessProbe")
        eventually(lambda: len(target.history) == 1, "the event is delivered")
        assert running.stop() == 0
