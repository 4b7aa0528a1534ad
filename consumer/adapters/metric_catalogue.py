"""The catalogue of metrics, and the page `docs/metrics.md` that is made of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

RecordOutcome = Literal["delivered", "skipped", "unmatched", "dead_lettered"]
CallOutcome = Literal["delivered", "throttled", "transient", "refused", "misconfigured"]
RebalanceKind = Literal["assigned", "revoked", "lost"]
CommitOutcome = Literal["ok", "fenced", "failed", "unknown"]

PREFIX = "profile_consumer_"


class Metric(NamedTuple):
    """One entry of the catalogue; `buckets` (upper bounds in the metric's unit) belong to histograms."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


CATALOGUE = {
    metric.name: metric
    for metric in (
        Metric(
            "records_total",
            "counter",
            "Records resolved, by what became of them: delivered, skipped, unmatched or dead_lettered.",
            ("topic", "outcome"),
        ),
        Metric(
            "calls_total",
            "counter",
            "Calls of the profile API, by outcome: delivered, throttled, transient, refused or misconfigured.",
            ("outcome",),
        ),
        Metric(
            "call_seconds",
            "histogram",
            "Time of one call, from handing it to the sender to its outcome, in seconds.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        ),
        Metric(
            "delay_seconds",
            "histogram",
            "From the time of the newest event of an update to its acceptance by Target, in seconds.",
            buckets=(0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0),
        ),
        Metric(
            "events_per_call",
            "histogram",
            "Events that one delivered call carried; above 1 by merging what waits for the same visitor.",
            buckets=(1.0, 2.0, 3.0, 5.0, 10.0, 25.0, 100.0, 1000.0),
        ),
        Metric("pending_events", "gauge", "Events read and not yet resolved."),
        Metric("pending_bytes", "gauge", "Memory of what is pending, in bytes; partitions pause at the limit."),
        Metric("in_flight_calls", "gauge", "Calls on the wire."),
        Metric("lag_records", "gauge", "End of the partition less the committed offset.", ("topic", "partition")),
        Metric(
            "partition_state",
            "gauge",
            "1 for the state that the partition shows, 0 for the others.",
            ("topic", "partition", "state"),
        ),
        Metric("oldest_pending_seconds", "gauge", "Age of the oldest pending event, in seconds; 0 when none is."),
        Metric("quota_used_calls", "gauge", "Calls of all replicas that count in the quota's window."),
        Metric("quota_limit_calls", "gauge", "Calls allowed in the quota's window; 0 when the quota is off."),
        Metric("rebalances_total", "counter", "Rebalances: assigned, revoked or lost.", ("kind",)),
        Metric(
            "commits_total",
            "counter",
            "Offset commits, by result: ok, fenced (the partition has another owner), failed (tried again) or unknown"
            " (handed over while leaving).",
            ("result",),
        ),
        Metric("dead_letters_total", "counter", "Dead letters acknowledged by Kafka.", ("stage", "reason")),
        Metric("build_info", "gauge", "Always 1; the label is the version.", ("version",)),
    )
}


def render() -> str:
    """The text of `docs/metrics.md`."""
    rows = [
        f"| `{PREFIX}{metric.name}` | {metric.kind} | {_codes(metric.labels)} | {metric.help}{_buckets(metric)} |"
        for metric in CATALOGUE.values()
    ]
    return "\n".join((_HEAD, *rows, _TAIL))


def _codes(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _buckets(metric: Metric) -> str:
    return f" Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}." if metric.buckets else ""


_HEAD = """# Metrics

Served at `/metrics` of `http.port`, in the Prometheus text format or OpenMetrics, as the scraper asks. This page is
generated from the code (`make docs`). No metric holds anything about a visitor, and every label takes few values:
topics and partitions that you configured, and fixed words.

Besides these there are the usual `process_*` and `python_*` metrics of the Prometheus client library.

| name | type | labels | meaning |
| --- | --- | --- | --- |"""

_TAIL = """
Calls and outcomes are counted by each replica; `quota_used_calls` is the same figure in every replica, so take its \
maximum, not its sum.

The Helm chart brings [alerts](../helm/files/alerts.yaml), each with its chapter in [operations](operations.md), and a \
[dashboard](../helm/files/dashboard.json) that shows all of these.
"""
