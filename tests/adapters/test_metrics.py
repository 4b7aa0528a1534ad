from __future__ import annotations

from typing import get_args

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from consumer.adapters.metric_catalogue import CATALOGUE, PREFIX, CallOutcome
from consumer.adapters.metrics import Metrics
from consumer.adapters.status import QuotaStatus, Snapshot, StatusBoard
from consumer.core import outcome as outcomes
from consumer.core.profile import REASONS
from consumer.core.state import PARTITION_STATES, State
from tests.adapters.snapshots import partition, snapshot

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Label values (in the order of the catalogue) to value."""
    labels = CATALOGUE[name.removesuffix("_sum").removesuffix("_count")].labels
    text = metrics.exposition("")[0].decode()
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in plain(text)
        for sample in family.samples
        if sample.name == PREFIX + name
    }


def made(shown: Snapshot | None = None, *topics: str) -> Metrics:
    return Metrics(StatusBoard(shown or snapshot()), topics)


def test_exactly_the_metrics_of_the_catalogue_are_served() -> None:
    families = plain(made(None, "t").exposition("")[0].decode())
    own = {family.name: family.type for family in families if family.name.startswith(PREFIX)}
    wanted = {PREFIX + metric.name: metric.kind for metric in CATALOGUE.values()}
    assert {name.removesuffix("_total") for name in wanted} == set(own)
    assert {name.removesuffix("_total"): kind for name, kind in wanted.items()} == own


def test_the_catalogue_holds_every_metric_of_the_contract() -> None:
    contract = (
        "records_total calls_total call_seconds delay_seconds events_per_call pending_events pending_bytes"
        " in_flight_calls lag_records partition_state oldest_pending_seconds quota_used_calls quota_limit_calls"
        " rebalances_total commits_total dead_letters_total build_info"
    )
    assert set(CATALOGUE) == set(contract.split())


def test_records_count_in_batches_by_topic_and_outcome() -> None:
    metrics = made()
    metrics.records("a", "delivered", 3)
    metrics.records("a", "delivered")
    metrics.records("b", "skipped", 2)
    assert samples(metrics, "records_total") == {("a", "delivered"): 4, ("b", "skipped"): 2}


def test_calls_count_by_outcome_and_time() -> None:
    metrics = made()
    metrics.call("delivered", 0.2)
    metrics.call("transient", 3.0)
    counted = {key: value for key, value in samples(metrics, "calls_total").items() if value}
    assert counted == {("delivered",): 1, ("transient",): 1}
    assert samples(metrics, "call_seconds_sum") == {(): 3.2}


def test_every_outcome_of_the_core_has_its_counter() -> None:
    assert {kind.__name__.lower() for kind in get_args(outcomes.Outcome)} == set(get_args(CallOutcome))


def test_a_delivery_counts_its_events_and_a_delay_is_never_negative() -> None:
    metrics = made()
    metrics.delivery(4, -60.0)
    metrics.delivery(1, 2.0)
    assert samples(metrics, "events_per_call_sum") == {(): 5}
    assert samples(metrics, "delay_seconds_sum") == {(): 2}


def test_rebalances_commits_and_dead_letters_count() -> None:
    metrics = made()
    metrics.rebalance("lost")
    metrics.commit("fenced")
    metrics.dead_letter("map", "identity_missing")
    assert samples(metrics, "rebalances_total")[("lost",)] == 1
    assert samples(metrics, "commits_total")[("fenced",)] == 1
    assert samples(metrics, "dead_letters_total")[("map", "identity_missing")] == 1


def test_series_begin_at_zero_so_that_the_first_event_is_an_increase() -> None:
    metrics = made(None, "t")
    assert set(samples(metrics, "dead_letters_total").items()) == {
        ((stage, reason), 0.0) for stage, reasons in REASONS.items() for reason in reasons
    }
    assert samples(metrics, "records_total").keys() == {
        ("t", outcome) for outcome in ("delivered", "skipped", "unmatched", "dead_lettered")
    }
    for name in ("calls_total", "rebalances_total", "commits_total"):
        assert set(samples(metrics, name).values()) == {0.0}


def test_gauges_come_from_the_newest_snapshot_at_the_scrape() -> None:
    board = StatusBoard(snapshot(State.STARTING))
    metrics = Metrics(board)
    quota = QuotaStatus(limit=1000, window_seconds=60, used=400, left=600)
    board.publish(
        snapshot(pending_events=5, pending_bytes=6, in_flight_calls=7, oldest_pending_seconds=8.5, quota=quota)
    )
    names = "pending_events pending_bytes in_flight_calls oldest_pending_seconds quota_used_calls quota_limit_calls"
    assert [samples(metrics, name)[()] for name in names.split()] == [5, 6, 7, 8.5, 400, 1000]
    assert samples(metrics, "build_info") == {("1.2.3",): 1}


def test_a_partition_shows_one_state_and_its_lag() -> None:
    metrics = made(snapshot(partitions=(partition(3, State.PARKED, lag=9),)))
    states = samples(metrics, "partition_state")
    assert len(states) == len(PARTITION_STATES)
    assert [key for key, value in states.items() if value] == [("customer.loans", "3", "parked")]
    assert samples(metrics, "lag_records") == {("customer.loans", "3"): 9}


def test_what_is_not_known_has_no_sample() -> None:
    unknown = snapshot(partitions=(partition(lag=None),), quota=QuotaStatus(limit=0, window_seconds=60))
    metrics = made(unknown)
    assert samples(metrics, "lag_records") == {}
    assert samples(metrics, "quota_used_calls") == {}


def test_a_partition_that_left_is_gone_from_the_next_scrape() -> None:
    board = StatusBoard(snapshot())
    metrics = Metrics(board)
    assert samples(metrics, "partition_state")
    board.publish(snapshot(partitions=()))
    assert samples(metrics, "partition_state") == {}


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", "nonsense;;;q=,"])
def test_a_scraper_that_asks_for_nothing_special_gets_the_text_format(accept: str) -> None:
    assert made().exposition(accept)[1].startswith("text/plain; version=")


def test_a_scraper_that_asks_for_open_metrics_gets_it_without_created_series() -> None:
    body, content_type = made().exposition(OPEN_METRICS)
    assert content_type.startswith("application/openmetrics-text")
    families = open_metrics(body.decode())  # type: ignore[no-untyped-call]
    assert f"{PREFIX}calls" in [family.name for family in families]
    assert "_created" not in body.decode()


def test_process_and_python_metrics_are_there_too() -> None:
    text = made().exposition("")[0].decode()
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text


def test_two_of_them_do_not_share_anything() -> None:
    one, other = made(), made()
    one.call("delivered", 1.0)
    assert samples(other, "calls_total")[("delivered",)] == 0
