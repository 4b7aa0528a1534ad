"""The chart on a real Kubernetes: installed, changed, rolled back, drained, removed."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.cluster import NODES
from tests.chart.rendered import CHART, CI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chart.cluster import Cluster
    from tests.chart.rendered import Chart

pytestmark = pytest.mark.chart

DEFAULT = CHART / "ci" / "default-values.yaml"
QUICK = ("--set", "minReadySeconds=0")
NAME = "x-profile-consumer"


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own that enforces `restricted`."""
    return cluster.namespace(f"n-{uuid.uuid4().hex[:8]}")


def install(
    cluster: Cluster, namespace: str, *words: str | Path, values: Path = DEFAULT, verb: str = "install"
) -> None:
    done = cluster.helm(verb, "x", CHART, "-n", namespace, "-f", values, *QUICK, "--wait", "--timeout", "180s", *words)
    assert done.returncode == 0, done.stderr


def pods(cluster: Cluster, namespace: str) -> dict[str, dict[str, Any]]:
    """The service's pods that are not on their way out."""
    return {
        pod["metadata"]["name"]: pod
        for pod in cluster.get(namespace, "pods", "-l", "app.kubernetes.io/component=consumer")
        if "deletionTimestamp" not in pod["metadata"]
    }


def replaced(
    cluster: Cluster, namespace: str, count: int, before: dict[str, dict[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """So many pods, none of those before, once it has come to that: Helm waits for the new ones, not for the old."""

    def settled() -> dict[str, dict[str, Any]] | None:
        now = pods(cluster, namespace)
        return now if len(now) == count and not now.keys() & (before or {}).keys() else None

    found: dict[str, dict[str, Any]] = cluster.eventually(settled)
    return found


def endpoints(cluster: Cluster, namespace: str) -> int:
    """How many pods the service has."""
    return sum(len(each["endpoints"] or ()) for each in cluster.get(namespace, "endpointslices"))


def everything(cluster: Cluster, namespace: str) -> set[str]:
    """Names of all objects of a namespace but those that every namespace has."""
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if not kind.startswith("events")]
    listed = cluster.kubectl("get", "-n", namespace, ",".join(kinds), "-o", "name", "--ignore-not-found").split()
    return set(listed) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}


@pytest.mark.parametrize("values", CI, ids=lambda file: file.name.removesuffix("-values.yaml"))
def test_the_server_takes_every_object_strictly(cluster: Cluster, chart: Chart, values: Path) -> None:
    rendered = yaml.safe_dump_all(chart.render("--values", values, "--no-hooks", namespace="default"))
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=rendered)


def test_the_server_would_refuse_a_field_that_there_is_not(cluster: Cluster, chart: Chart) -> None:
    objects = chart.render("--values", CHART / "ci" / "monitoring-values.yaml", namespace="default")
    for kind in ("PodMonitor", "Deployment"):
        wrong = next(each for each in objects if each["kind"] == kind)
        wrong["spec"]["selectr"] = {}
        command = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
        assert "selectr" in cluster.refused(*command, stdin=json.dumps(wrong))


def test_a_release_from_installing_to_removing(cluster: Cluster, namespace: str) -> None:
    def mappings() -> dict[str, str]:
        data: dict[str, str] = cluster.get(namespace, "configmap", f"{NAME}-mappings")["data"]
        return data

    install(cluster, namespace)
    first, mapping = pods(cluster, namespace), mappings()
    assert len(first) == 2
    assert len({pod["spec"]["nodeName"] for pod in first.values()}) == 2, "spread over the nodes"
    cluster.eventually(lambda: endpoints(cluster, namespace) == 2)

    install(cluster, namespace, "--set", "replicaCount=3", verb="upgrade")
    three = replaced(cluster, namespace, 3)
    assert first.keys() <= three.keys(), "pods are not replaced without need"
    install(cluster, namespace, verb="upgrade")
    assert replaced(cluster, namespace, 2).keys() <= three.keys(), "which of them goes is not ours to say"

    changed = mapping["store-visited.mapping.yaml"].replace("lastStore", "newestStore")
    install(
        cluster,
        namespace,
        "--set",
        rf"mappings.store-visited\.mapping\.yaml={changed.replace(',', chr(92) + ',')}",
        verb="upgrade",
    )
    second = replaced(cluster, namespace, 2, three)  # a changed mapping replaces the pods
    assert "newestStore" in mappings()["store-visited.mapping.yaml"]

    assert cluster.helm("rollback", "x", "-n", namespace, "--wait").returncode == 0
    replaced(cluster, namespace, 2, second)
    assert mappings() == mapping

    assert cluster.helm("uninstall", "x", "-n", namespace, "--wait").returncode == 0
    cluster.eventually(lambda: not everything(cluster, namespace))


def test_helm_test_asks_the_service_and_leaves_nothing(cluster: Cluster, namespace: str) -> None:
    install(cluster, namespace)
    with cluster.start("helm", "test", "x", "-n", namespace, "--timeout", "60s") as testing:
        words = ("get", "-n", namespace, "pod", f"{NAME}-test", "--ignore-not-found", "-o", "name")
        cluster.eventually(lambda: cluster.kubectl(*words))
        cluster.eventually(lambda: endpoints(cluster, namespace) == 2)  # the test's own pod is no part of the service
        ended = json.dumps({"status": {"phase": "Succeeded"}})  # these nodes run nothing
        cluster.kubectl(
            "patch", "-n", namespace, "pod", f"{NAME}-test", "--subresource=status", "--type=merge", "-p", ended
        )
        output, _ = testing.communicate(timeout=60)
    assert testing.returncode == 0, output
    cluster.eventually(lambda: not cluster.kubectl(*words))


def test_a_pod_that_asks_for_more_rights_is_refused(cluster: Cluster, namespace: str) -> None:
    more = ("--set", "securityContext.allowPrivilegeEscalation=true", "--wait", "--timeout", "4s")
    assert cluster.helm("install", "x", CHART, "-n", namespace, "-f", DEFAULT, *more).returncode != 0
    asked = ("get", "-n", namespace, "events", "-o", "jsonpath={.items[*].message}")
    cluster.eventually(lambda: "violates PodSecurity" in cluster.kubectl(*asked))


@pytest.fixture
def one_node_open(cluster: Cluster) -> Iterator[str]:
    """The name of the only node that takes pods."""
    cluster.kubectl("cordon", NODES[1])
    yield NODES[0]
    cluster.kubectl("uncordon", *NODES)


def test_a_drain_waits_for_the_disruption_budget(cluster: Cluster, namespace: str, one_node_open: str) -> None:
    install(cluster, namespace)
    before = pods(cluster, namespace)
    drain = ("drain", one_node_open, "--pod-selector", "app.kubernetes.io/instance=x", "--force")
    said = cluster.refused(*drain, "--timeout=8s")
    assert "disruption budget" in said or "global timeout" in said, said
    left = pods(cluster, namespace).keys() & before.keys()
    assert len(left) == 1, "one pod went, the other has to stay until there is a new one"

    def budget() -> tuple[int, int]:
        status = cluster.get(namespace, "poddisruptionbudget", NAME)["status"]
        return status["currentHealthy"], status["disruptionsAllowed"]

    cluster.eventually(lambda: budget() == (1, 0))

    cluster.kubectl("uncordon", NODES[1])
    cluster.kubectl(*drain, "--timeout=60s")
    after = cluster.eventually(lambda: (now := pods(cluster, namespace)) and len(now) == 2 and now)
    assert not after.keys() & before.keys()
    assert {pod["spec"].get("nodeName", NODES[1]) for pod in after.values()} == {NODES[1]}


def test_static_members_keep_their_names_when_they_are_replaced(cluster: Cluster, namespace: str) -> None:
    install(cluster, namespace)
    values = CHART / "ci" / "static-membership-values.yaml"
    install(cluster, namespace, values=values, verb="upgrade")
    assert cluster.get(namespace, "deployments") == [], "an installed release can change to static membership"
    before = pods(cluster, namespace)
    assert set(before) == {f"{NAME}-{number}" for number in range(3)}
    install(cluster, namespace, "--set", "settings.quota.limit=5", values=values, verb="upgrade")
    after = pods(cluster, namespace)
    assert after.keys() == before.keys()
    assert all(after[name]["metadata"]["uid"] != before[name]["metadata"]["uid"] for name in after)


def test_an_upgrade_leaves_the_number_of_pods_to_the_autoscaler(cluster: Cluster, namespace: str) -> None:
    values = CHART / "ci" / "autoscaling-values.yaml"
    install(cluster, namespace, values=values)
    cluster.kubectl("scale", "-n", namespace, f"deployment/{NAME}", "--replicas=4")
    install(cluster, namespace, "--set", "settings.quota.limit=5", values=values, verb="upgrade")
    assert cluster.get(namespace, "deployment", NAME)["spec"]["replicas"] == 4
