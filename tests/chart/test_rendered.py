# ruff: noqa: S603, S607  # programs of the chart, with words of our own
"""What the chart renders for each file of `ci/`: valid for Kubernetes, and valid for the service itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest
import yaml

from consumer import __version__
from consumer.adapters.schema_folder import read_schemas
from consumer.core.mapping_file import parse_mappings
from consumer.settings import Settings, load
from consumer.settings_source import keys
from tests.chart.rendered import BUILT_IN, CHART, CI

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.rendered import Chart

pytestmark = pytest.mark.chart

each_values = pytest.mark.parametrize("values", CI, ids=lambda file: file.name.removesuffix("-values.yaml"))

OLDEST, NEWEST = "1.30", "1.34"
"""The versions of Kubernetes that the chart is written for."""

CHARTS_OWN = {("schemas",), ("http", "port")}
"""Settings that the chart sets itself."""


@each_values
def test_helm_lint_has_nothing_to_say(chart: Chart, values: Path) -> None:
    done = chart.run("lint", "--strict", "--quiet", CHART, "--values", values)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@each_values
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_what_kubernetes_expects(chart: Chart, values: Path, version: str) -> None:
    objects = chart.render("--values", values)
    for rendered in objects:
        if rendered["apiVersion"] in BUILT_IN:
            kubernetes_validate.validate(rendered, version, strict=True)
    names = Counter((rendered["kind"], rendered["metadata"]["name"]) for rendered in objects)
    assert set(names.values()) == {1}, names


@each_values
def test_the_service_takes_the_settings_and_mappings(chart: Chart, values: Path, tmp_path: Path) -> None:
    pod = chart.pod("--values", values)
    pod.mount(tmp_path)
    settings = load(None, pod.environment("profile-consumer", tmp_path))
    assert settings.kafka.bootstrap_servers.startswith("kafka-1:9093")
    assert parse_mappings(read_schemas(settings.schemas)).names == ("store-visited",)
    assert not settings.warnings


def test_large_numbers_and_other_types_reach_the_service_as_they_were_written(chart: Chart, tmp_path: Path) -> None:
    pod = chart.pod("--values", CHART / "ci" / "settings-values.yaml")
    pod.mount(tmp_path)
    settings = load(None, pod.environment("profile-consumer", tmp_path))
    assert (settings.quota.limit, settings.delivery.max_pending_events) == (1_000_000, 4_000_000)
    assert settings.kafka.start_from == 1_772_357_400_000
    assert settings.target.response_rules[0].status == ("404",)


def test_secrets_reach_the_service_as_files(chart: Chart, tmp_path: Path) -> None:
    pod = chart.pod("--values", CHART / "ci" / "secrets-values.yaml")
    pod.mount(tmp_path)
    settings = load(None, pod.environment("profile-consumer", tmp_path))
    assert settings.kafka.properties["sasl.password"] == "p w"
    assert settings.target.token_file
    assert settings.target.token_file.read_text() == "t-1"
    assert settings.log.identity_key
    assert settings.log.identity_key.get_secret_value() == "k-1"
    assert "p w" not in str([each for each in pod.objects if each["kind"] != "Secret"])


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (0, {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.password": "s-1"}),
        (1, {"security.protocol": "SSL"}),
        (
            2,
            {
                "security.protocol": "SASL_SSL",
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.secret": "s-2",
            },
        ),
    ],
    ids=["SCRAM", "mTLS", "OAUTHBEARER"],
)
def test_the_examples_of_kafka_with_authentication_reach_the_service(
    chart: Chart, tmp_path: Path, example: int, expected: dict[str, str]
) -> None:
    page = (CHART.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    blocks = re.findall(
        r"```yaml\n(.*?)```", page.split("## Kafka with authentication")[1].split("\n### ")[0], re.DOTALL
    )
    assert len(blocks) == 3
    (tmp_path / "client-secret").write_text("s-2")
    values = tmp_path / "values.yaml"
    values.write_text(blocks[example].replace("file: /etc/oauth", f"file: {tmp_path}"))
    pod = chart.pod("--values", CHART / "ci" / "default-values.yaml", "--values", values)
    pod.mount(tmp_path, {"profile-consumer": {"kafka-password": "s-1"}})
    properties = load(None, pod.environment("profile-consumer", tmp_path)).kafka.properties
    assert expected.items() <= properties.items()


def test_a_static_member_has_its_pods_name(chart: Chart, tmp_path: Path) -> None:
    pod = chart.pod("--values", CHART / "ci" / "static-membership-values.yaml")
    pod.mount(tmp_path)
    settings = load(None, pod.environment("profile-consumer", tmp_path))
    assert settings.kafka.properties == {"group.instance.id": "pod-0"}


def test_a_release_of_any_name_is_rendered(chart: Chart) -> None:
    for release in ("y", "1", "null", "a-name-of-fifty-three-characters-is-the-longest-taken"):
        objects = chart.render("--values", CI[0], release=release)
        metadata = [each["metadata"] for each in objects]
        assert all(isinstance(each["name"], str) for each in metadata)
        assert all(isinstance(value, str) for each in metadata for value in each["labels"].values())
        assert max(len(each["metadata"]["name"]) for each in objects) <= 63


def test_only_what_a_pod_reads_at_its_start_replaces_it(chart: Chart) -> None:
    def checksum(*words: str) -> str:
        workload = next(
            each
            for each in chart.render("--values", CHART / "ci" / "secrets-values.yaml", *words)
            if each["kind"] == "Deployment"
        )
        annotations: dict[str, str] = workload["spec"]["template"]["metadata"]["annotations"]
        return annotations["checksum/config"]

    before = checksum()
    assert checksum("--set", "replicaCount=3") == before
    assert checksum("--set", "secrets.token=t-2") == before, "the token is read again while running"
    for changed in ("secrets.kafkaPassword=other", "settings.quota.limit=5", r"mappings.a\.event\.json=true-ish"):
        assert checksum("--set", changed) != before, changed


def test_the_schema_knows_every_setting_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["settings"]["properties"]
    known = {(section, name) for section, of in schema.items() for name in of["properties"]}
    assert known == set(keys(Settings)) - CHARTS_OWN


def test_every_value_of_the_chart_is_in_the_schema_and_the_other_way_round() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) - {"global"} == set(values)
    for name, value in values.items():
        described = schema["properties"][name]
        if described.get("additionalProperties") is False and name not in {"settings", "mappings"}:
            assert set(described["properties"]) == set(value), name


def test_the_chart_installs_this_version() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_the_chart_packs_what_it_needs_and_nothing_else(chart: Chart, tmp_path: Path) -> None:
    assert chart.run("package", CHART, "--destination", tmp_path).returncode == 0
    (packed,) = tmp_path.glob("*.tgz")
    listed = subprocess.run(["tar", "-tzf", packed], capture_output=True, text=True, check=True).stdout.split()
    files = {name.split("/", 1)[1] for name in listed}
    assert {
        "values.schema.json",
        "README.md",
        "files/alerts.yaml",
        "files/dashboard.json",
        "templates/tests/ready.yaml",
    } <= files
    assert not [name for name in files if name.startswith(("ci/", "tests/"))]


def test_the_readme_is_that_of_these_values(tools: Path, tmp_path: Path) -> None:
    for name in ("Chart.yaml", "values.yaml", "README.md.gotmpl"):
        (tmp_path / name).write_bytes((CHART / name).read_bytes())
    words = ("--chart-search-root", tmp_path, "--sort-values-order", "file", "--log-level", "error")
    subprocess.run([tools / "helm-docs", *words], check=True)
    assert (tmp_path / "README.md").read_text() == (CHART / "README.md").read_text(), "run make chart-docs"


def test_helm_unittest_passes(tools: Path) -> None:
    done = subprocess.run([tools / "helm-unittest", CHART], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
