"""Prometheus metrics: the collectors of the catalogue, in a registry of their own.

Counters and histograms are fed by the runner as things happen. Gauges cost nothing between scrapes: they are read from
the status board when Prometheus asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from consumer.adapters.metric_catalogue import (
    CATALOGUE,
    PREFIX,
    CallOutcome,
    CommitOutcome,
    RebalanceKind,
    RecordOutcome,
)
from consumer.core.profile import REASONS
from consumer.core.state import PARTITION_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.adapters.status import Snapshot, StatusBoard
    from consumer.core.profile import Stage


class Metrics:
    """The counters and histograms, and the text that Prometheus reads.

    Every method is cheap enough for each call (about 1 µs); `records` takes whole batches. `topics` are those known
    at the start.
    """

    def __init__(self, board: StatusBoard, topics: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, read by nobody
        self._registry = CollectorRegistry()
        self._records = self._counter("records_total")
        self._calls = self._each("calls_total", get_args(CallOutcome))
        self._rebalances = self._each("rebalances_total", get_args(RebalanceKind))
        self._commits = self._each("commits_total", get_args(CommitOutcome))
        self._dead_letters = self._counter("dead_letters_total")
        self._call_seconds = self._histogram("call_seconds")
        self._delay_seconds = self._histogram("delay_seconds")
        self._events_per_call = self._histogram("events_per_call")
        self._registry.register(_Gauges(board))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._begin_at_zero(topics)

    def records(self, topic: str, outcome: RecordOutcome, count: int = 1) -> None:
        """Records of a topic that are resolved from now on."""
        self._records.labels(topic, outcome).inc(count)

    def call(self, outcome: str, seconds: float) -> None:
        """One call came back; `outcome` is a word of `CallOutcome`."""
        self._calls[outcome].inc()
        self._call_seconds.observe(seconds)

    def delivery(self, events: int, delay: float) -> None:
        """An update of so many events was accepted, `delay` seconds after the newest of them (below 0 counts as 0)."""
        self._events_per_call.observe(events)
        self._delay_seconds.observe(max(0.0, delay))

    def rebalance(self, kind: RebalanceKind) -> None:
        """The group gave or took partitions."""
        self._rebalances[kind].inc()

    def commit(self, result: CommitOutcome) -> None:
        """One commit request came to an end."""
        self._commits[result].inc()

    def dead_letter(self, stage: Stage, reason: str) -> None:
        """Kafka acknowledged a dead letter; `reason` is one of the fixed words of a rejection."""
        self._dead_letters.labels(stage, reason).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics and their content type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def _begin_at_zero(self, topics: Iterable[str]) -> None:
        """Make the series before they count: of a series that begins at 1, `increase()` never sees the first."""
        for stage, reasons in REASONS.items():
            for reason in reasons:
                self._dead_letters.labels(stage, reason)
        for topic in topics:
            for outcome in get_args(RecordOutcome):
                self._records.labels(topic, outcome)

    def _each(self, name: str, words: tuple[str, ...]) -> dict[str, Counter]:
        """The counters of a metric with one label of few words; looking a child up costs more than counting."""
        counter = self._counter(name)
        return {word: counter.labels(word) for word in words}

    def _counter(self, name: str) -> Counter:
        metric = CATALOGUE[name]
        return Counter(PREFIX + name, metric.help, metric.labels, registry=self._registry)

    def _histogram(self, name: str) -> Histogram:
        metric = CATALOGUE[name]
        return Histogram(PREFIX + name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets)


class _Gauges(Collector):
    """Reads the gauges from the newest snapshot at the moment of the scrape."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board

    def describe(self) -> list[GaugeMetricFamily]:
        """Names only: lets the registry find a duplicate without a scrape."""
        return [_family(name) for name, metric in CATALOGUE.items() if metric.kind == "gauge"]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All gauges of one snapshot; a value that is not known has no sample."""
        snapshot = self._board.latest
        for name, value in _values(snapshot).items():
            family = _family(name)
            if value is not None:
                family.add_metric([], value)
            yield family
        yield from _partitions(snapshot)
        build = _family("build_info")
        build.add_metric([snapshot.status.version], 1)
        yield build


def _family(name: str) -> GaugeMetricFamily:
    metric = CATALOGUE[name]
    return GaugeMetricFamily(PREFIX + name, metric.help, labels=metric.labels)


def _values(snapshot: Snapshot) -> dict[str, float | None]:
    return {
        "pending_events": snapshot.pending_events,
        "pending_bytes": snapshot.pending_bytes,
        "in_flight_calls": snapshot.in_flight_calls,
        "oldest_pending_seconds": snapshot.oldest_pending_seconds,
        "quota_used_calls": snapshot.status.quota.used,
        "quota_limit_calls": snapshot.status.quota.limit,
    }


def _partitions(snapshot: Snapshot) -> Iterator[GaugeMetricFamily]:
    lag, state = _family("lag_records"), _family("partition_state")
    for shown in snapshot.status.partitions:
        labels = [shown.topic, str(shown.partition)]
        if shown.lag is not None:
            lag.add_metric(labels, shown.lag)
        for possible in PARTITION_STATES:
            state.add_metric([*labels, possible], float(possible is shown.state))
    yield from (lag, state)
