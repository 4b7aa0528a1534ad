"""What operators see of the service: dry runs, metrics, faults in settings, in Kafka and in who we are."""

from __future__ import annotations

import signal
import time
import uuid
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from consumer.adapters.metric_catalogue import CATALOGUE, PREFIX
from tests.end_to_end.load import PARTITIONS, Visits, committed, mappings, resolved
from tests.end_to_end.service import ROOT, Service, eventually

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import Kafka, KafkaCluster


PASSING = ("pending_events", "pending_bytes", "in_flight_calls", "lag_records", "oldest_pending_seconds")
"""Gauges that are above zero only while there is work: Target is slow until they were seen so."""


def test_a_dry_run_calls_nothing_and_touches_nothing_of_the_service(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path, topic: str
) -> None:
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 50, 10)
    visits.put(b"secret-body, no json")
    visits.flush()
    group, dead = f"g-{topic}", f"dead-{topic}"
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": group, "dead_letter__topic": dead}
    with service("--dry-run", **options) as running:
        running.wait_until(resolved(51), "all is read")
        assert "dry run" in running.get("/").text
        assert running.stop() == 0
        assert all(line["attributes"] == ["profile.visit"] for line in running.logs("would_send"))
        visitors = {event.identity for event in visits.events}
        assert len({line["identity"] for line in running.logs("would_send")}) == len(visitors)
        [letter] = running.logs("would_dead_letter")
        assert (letter["topic"], letter["reason"]) == (topic, "decode_failed")
        assert "secret-body" not in running.log_file.read_text()
    assert len(target.history) == 0
    assert dead not in kafka.admin.list_topics(timeout=30).topics
    assert committed(kafka, group, topic, PARTITIONS) == [-1001] * PARTITIONS
    assert sum(committed(kafka, f"{group}.dry-run", topic, PARTITIONS)) == 51, (
        "the next dry run goes on behind this one"
    )


def test_every_metric_of_the_catalogue_is_there_and_moves(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path, topic: str
) -> None:
    target.control.patch(latency="2s", faults=[{"status": 500, "calls": 1}])
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 200, 40)
    for other in (b"no json", None, b'{"type": "other"}'):
        visits.put(other)
    visits.flush()
    most: dict[str, float] = {}
    with service(schemas=str(mappings(tmp_path, topic)), delivery__max_in_flight=2) as running:

        def done(status: dict[str, Any]) -> bool:
            for family in text_string_to_metric_families(running.get("/metrics").text):
                for sample in family.samples:
                    name = f"{sample.name}{sorted(sample.labels.values())}"
                    most[name] = max(most.get(name, sample.value), sample.value)
            if all(max(value for name, value in most.items() if name.startswith(PREFIX + gauge)) for gauge in PASSING):
                target.control.patch(latency=0)
            return resolved(203)(status)

        running.wait_until(done, "all is read")
        assert running.stop() == 0
    moved = {name.removeprefix(PREFIX).partition("[")[0] for name, value in most.items() if value > 0}
    names = {f"{metric.name}_count" if metric.kind == "histogram" else metric.name for metric in CATALOGUE.values()}
    assert names - moved == {"quota_used_calls", "quota_limit_calls"}, "all but those of the quota, which is off"
    outcomes = ("delivered", "dead_lettered", "skipped", "unmatched")
    counted = {outcome: most[f"{PREFIX}records_total{sorted([outcome, topic])}"] for outcome in outcomes}
    assert counted == {"delivered": 200, "dead_lettered": 1, "skipped": 1, "unmatched": 1}
    assert most[f"{PREFIX}calls_total['transient']"] == 1
    assert most[f"{PREFIX}commits_total['ok']"] > 0
    assert most[f"{PREFIX}rebalances_total['assigned']"] == 1
    assert most[f"{PREFIX}dead_letters_total['decode', 'decode_failed']"] == 1


def test_invalid_settings_and_mappings_end_it_with_every_problem(tmp_path: Path) -> None:
    with Service(tmp_path, target__timeout="soon", kafka__group="g") as running:
        assert running.wait() == 3
        text = running.log_file.read_text()
    assert "KAFKA__BOOTSTRAP_SERVERS" in text.upper().replace(".", "__")
    assert "TARGET__TIMEOUT" in text
    assert "did you mean" in text
    missing = tmp_path / "missing.yaml"
    with Service(tmp_path, "--config", str(missing)) as running:
        assert running.wait() == 3
        assert f"{missing}: can't be read" in running.log_file.read_text()
    unknown = {"kafka__bootstrap_servers": "127.0.0.1:1", "target__client": "demo", "schemas": str(ROOT / "schemas")}
    with Service(tmp_path, kafka__properties={"fetch.max": "1"}, **unknown) as running:
        assert running.wait() == 3
        assert 'kafka.properties: No such configuration property: "fetch.max"' in running.log_file.read_text()
    (tmp_path / "x.mapping.yaml").write_text("version: 1\ntopics: []\n")
    valid = {"kafka__bootstrap_servers": "127.0.0.1:1", "target__client": "demo"}
    with Service(tmp_path, schemas=str(tmp_path), **valid) as running:
        assert running.wait() == 3
        assert "x.mapping.yaml:" in running.log_file.read_text()


def test_an_unknown_topic_is_named_once_and_read_when_it_appears(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path
) -> None:
    topic = f"late-{uuid.uuid4().hex[:8]}"
    options = {"schemas": str(mappings(tmp_path, topic))}
    options["kafka__properties"] = {"topic.metadata.refresh.interval.ms": "1000"}  # type: ignore[assignment]
    with service(**options) as running:
        eventually(lambda: running.logs("topic_missing"), "the topic is named")
        kafka.create_topic(PARTITIONS, topic)
        visits = Visits(kafka, topic, PARTITIONS)
        visits.produce(seed, 100, 10)
        running.wait_until(resolved(100), "all is read")
        assert len(running.logs("topic_missing")) == 1
        assert running.stop() == 0
    assert target.judge(visits.events).sound


def test_a_signal_too_many_changes_nothing(kafka: Kafka, service: Callable[..., Service], tmp_path: Path) -> None:
    with service(schemas=str(mappings(tmp_path, kafka.create_topic(1)))) as running:
        running.wait_until(lambda status: status["partitions"], "it reads")
        while running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        assert running.process.returncode == 0


def test_a_wrong_password_is_named_within_seconds(secure_kafka: KafkaCluster, target: Target, tmp_path: Path) -> None:
    properties = secure_kafka.sasl("ann") | {"sasl.password": "wrong-secret"}
    topic = secure_kafka.create_topic(1)
    settings = {"kafka__bootstrap_servers": secure_kafka.bootstrap_sasl, "kafka__properties": properties}
    settings |= {"schemas": str(mappings(tmp_path, topic)), "target__client": "demo", "target__base_url": target.url}
    with Service(tmp_path, quota__limit=0, **settings) as running:
        eventually(lambda: running.logs("kafka_refuses_credentials"), "the password is named", 45)
        assert running.get("/readyz").status_code == 503
        assert running.get("/livez").status_code == 200
        assert running.stop() == 0
        assert "wrong-secret" not in running.log_file.read_text()
