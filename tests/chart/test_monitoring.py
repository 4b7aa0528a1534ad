# ruff: noqa: S603  # promtool, with words of our own
"""Alerts and dashboard: every query asks for metrics that there are; each alert fires when it should, and only then."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from consumer.adapters.metric_catalogue import CATALOGUE, PREFIX
from consumer.core.state import PARTITION_STATES, State
from tests.chart.rendered import CHART

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chart.rendered import Chart

pytestmark = pytest.mark.chart

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
"""Metrics of the client library that are asked for."""
SCRAPED = {"namespace", "pod"}
"""Labels that Prometheus puts on what it scrapes from a pod."""

_METRIC = re.compile(r'\b((?:profile_consumer|process)_\w+)(\{(?:[^}"]|"[^"]*")*\})?')
_LABEL = re.compile(r"(\w+)(?:=~|!~|!=|=)\"([^\"]*)\"")
_GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@pytest.fixture(scope="module")
def rules(chart: Chart) -> list[dict[str, Any]]:
    """The alerts of the release "x" in the namespace "profiles"."""
    rendered = chart.render("--values", CHART / "ci" / "monitoring-values.yaml")
    (found,) = (each["spec"]["groups"][0]["rules"] for each in rendered if each["kind"] == "PrometheusRule")
    alerts: list[dict[str, Any]] = found
    return alerts


def queries() -> list[str]:
    """All queries of the dashboard."""
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def labels_of(metric: str) -> set[str]:
    """The labels of a metric as Prometheus stores it."""
    if metric in PROCESS:
        return SCRAPED
    name = metric.removeprefix(PREFIX)
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and base in CATALOGUE and CATALOGUE[base].kind == "histogram":
            return {*CATALOGUE[base].labels, *({"le"} if suffix == "_bucket" else ()), *SCRAPED}
    return {*CATALOGUE[name].labels, *SCRAPED}


def selectors(query: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of a query with its label matchers."""
    for metric, matchers in _METRIC.findall(query):
        yield metric, dict(_LABEL.findall(matchers))


def assert_known(query: str) -> None:
    """The query asks for metrics that there are, by labels that they have, and for words that they take."""
    asked = list(selectors(query))
    assert asked, query
    for metric, matchers in asked:
        assert set(matchers) <= labels_of(metric), (metric, query)
        assert set(matchers) >= SCRAPED, f"{query} would count other releases"
        for state in filter(None, matchers.get("state", "").split("|")):
            assert state in PARTITION_STATES, query
    grouped = {label.strip() for labels in _GROUPED.findall(query) for label in labels.split(",")}
    assert grouped <= set.union(*(labels_of(metric) for metric, _ in asked)), query


def test_every_query_of_the_dashboard_asks_for_what_there_is(promtool: Path, tmp_path: Path) -> None:
    plain = [
        query.replace("$__rate_interval", "5m").replace("$namespace", "n").replace("$pod", "p") for query in queries()
    ]
    for query in plain:
        assert_known(query)
    recorded = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(plain)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(plain)} rules found" in done.stdout


def test_the_dashboard_shows_every_metric() -> None:
    shown = {metric for query in queries() for metric, _ in selectors(query)}
    missing = [name for name in CATALOGUE if not any(metric.startswith(PREFIX + name) for metric in shown)]
    assert missing == []


def test_the_panels_of_the_dashboard_are_laid_out_without_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads((CHART / "files" / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_every_alert_asks_for_what_there_is_of_this_release_alone(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert_known(rule["expr"])
        for _, matchers in selectors(rule["expr"]):
            assert matchers["namespace"] == "profiles"
            for pod, ours in (
                ("x-profile-consumer-5d8f7c9f6b-abcde", True),
                ("x-profile-consumer-12", True),
                ("x-profile-consumer-rehearsal-5d8f7c9f6b-abcde", False),
                ("xx-profile-consumer-0", False),
            ):
                assert bool(re.fullmatch(matchers["pod"], pod)) is ours, (pod, rule["alert"])


def test_every_alert_says_how_urgent_it_is_and_has_its_chapter(rules: list[dict[str, Any]]) -> None:
    chapters = re.findall(r"^### (ProfileConsumer\w+)$", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(chapters) == sorted(rule["alert"] for rule in rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["runbook_url"].endswith(f"#{rule['alert'].lower()}")
        assert rule["annotations"]["summary"]


def test_every_state_has_its_line_in_the_table_of_states() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", OPERATIONS.read_text(encoding="utf-8").split("## States")[1], re.MULTILINE)
    told = [word for row in rows for word in re.findall(r"`(\w+)`", row)]
    assert set(told) >= {str(state) for state in State}


def test_every_link_within_the_operations_page_leads_somewhere() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors
    for file in re.findall(r"\]\((?!#|http)([^)#]*)", text):
        assert (OPERATIONS.parent / file).exists(), file


def test_every_alert_fires_when_it_should_and_only_then(
    rules: list[dict[str, Any]], promtool: Path, tmp_path: Path
) -> None:
    tests = Path(__file__).with_name("alerts.test.yaml")
    shutil.copy(tests, tmp_path)
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({"groups": [{"name": "alerts", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "test", "rules", tests.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"ProfileConsumer\w+", tests.read_text()))
    assert tested == {rule["alert"] for rule in rules}, "an alert without a test"


def test_alerts_can_be_left_out_and_added(chart: Chart) -> None:
    rendered = chart.render(
        "--values",
        CHART / "ci" / "monitoring-values.yaml",
        "--set",
        "prometheusRule.disabled={ProfileConsumerEventsOld}",
        "--set-json",
        'prometheusRule.additionalRules=[{"alert": "Ours", "expr": "vector(1)"}]',
    )
    (rules,) = (each["spec"]["groups"][0]["rules"] for each in rendered if each["kind"] == "PrometheusRule")
    names = [rule["alert"] for rule in rules]
    assert "ProfileConsumerEventsOld" not in names
    assert names[-1] == "Ours"
