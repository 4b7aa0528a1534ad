"""The service as a process, on a real Kafka; the simulated Target's history is the judge."""

from __future__ import annotations

import signal
import time
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from consumer.core.mapping_file import parse_mappings
from consumer.core.record import Record
from consumer.simulator.judge import Event
from consumer.simulator.sample_events import TOPICS, bad_events, sample_events
from tests.end_to_end.load import PARTITIONS, SEED, Visits, committed, dead_letters, mappings, resolved
from tests.end_to_end.service import ROOT, Service, eventually

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import Kafka, KafkaCluster

SHORT_SESSION = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}


def test_the_four_use_cases_reach_their_profiles(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path
) -> None:
    suffix = uuid.uuid4().hex[:6]
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    for file in (ROOT / "schemas").glob("*"):
        text = file.read_text()
        for name in TOPICS:
            text = text.replace(name, f"{name}.{suffix}")
        (schemas / file.name).write_text(text)
    visits = {name: Visits(kafka, kafka.create_topic(1, f"{name}.{suffix}"), 1) for name in TOPICS}
    good = list(sample_events(seed, 2000, 150, time.time() - 3000))
    for sample in good + bad_events():
        visits[sample.topic].put(sample.value, key=sample.customer)
    for each in visits.values():
        each.flush()
    with service(schemas=str(schemas), dead_letter__topic=f"dead-{suffix}") as running:
        running.wait_until(resolved(2004), "all is read")
        metrics = running.get("/metrics").text
        assert running.get("/readyz").status_code == running.get("/livez").status_code == 200
        assert running.stop() == 0
    mapped = parse_mappings({path.name: path.read_bytes() for path in schemas.iterdir()})
    events = []
    for sample in good:
        update: Any = mapped.map(Record(f"{sample.topic}.{suffix}", 0, 0, int(time.time() * 1000), None, sample.value))
        events.append(Event(f"{update.identity.kind}={update.identity.value}", update.attributes))
    verdict = target.judge(events)
    assert verdict.sound, verdict
    assert verdict.accepted < len(good) / 2, "several events of a customer travel in one call"
    assert {headers["dead-letter.reason"] for _, headers in dead_letters(kafka, f"dead-{suffix}", 4)} == {
        "decode_failed",
        "identity_missing",
        "schema_invalid",
        "identity_invalid",
    }
    assert 'outcome="delivered"' in metrics


def test_members_join_and_leave_under_load(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path
) -> None:
    topic = kafka.create_topic(12)
    visits = Visits(kafka, topic, 12)
    target.control.patch(latency="10ms")
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": f"g-{topic}", "delivery__max_in_flight": 8}
    visits.produce(seed, 8000, 1500)
    with service(**options) as first:
        eventually(lambda: len(target.history) > 100, "calls")
        with service(**options) as second, service(**options) as third:
            visits.produce(seed, 8000, 1500)
            second.wait_until(lambda status: bool(status["partitions"]), "the second member has partitions")
            third.wait_until(lambda status: bool(status["partitions"]), "the third member has partitions")
            assert second.stop() == 0
            visits.produce(seed, 4000, 1500)
            assert third.stop() == 0
        first.wait_until(resolved(20_000), "all is read")
        assert first.stop() == 0
    verdict = target.judge(visits.events)
    assert verdict.sound, (SEED, verdict)
    assert verdict.overlapped == 0, "never two calls of one customer at once, not across a hand-over either"
    assert sum(committed(kafka, f"g-{topic}", topic, 12)) == 20_000


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_under_load_loses_nothing(
    kafka: Kafka,
    target: Target,
    service: Callable[..., Service],
    seed: random.Random,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 4000, 700)
    target.control.patch(latency="20ms")
    options = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": f"g-{topic}", "delivery__max_in_flight": 4}
    options |= {"delivery__commit_interval": "100ms"}
    if how == signal.SIGKILL:  # who leaves in order is not waited for, and must not be taken for dead before
        options["kafka__properties"] = SHORT_SESSION
    with service(**options) as running:
        eventually(lambda: len(target.history) > 150, "calls")
        running.process.send_signal(how)
        assert running.wait() == (0 if how == signal.SIGTERM else -signal.SIGKILL)
        before = len(target.history)
        running.start()
        running.wait_until(resolved(4000), "all is read")
        assert running.stop() == 0
    verdict = target.judge(visits.events)
    assert before < verdict.calls
    assert verdict.sound, (SEED, verdict)
    if how == signal.SIGTERM:
        assert verdict.repeated == 0, "a clean end repeats nothing that was answered"
    assert sum(committed(kafka, f"g-{topic}", topic, PARTITIONS)) == 4000


@pytest.mark.parametrize("why", ["a stop", "a second member"])
def test_a_kill_in_the_middle_of_a_drain_loses_nothing(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path, why: str
) -> None:
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 1000, 60)  # fewer customers than calls at once: each partition has some on the wire
    options: dict[str, Any] = {"schemas": str(mappings(tmp_path, topic)), "kafka__group_id": f"g-{topic}"}
    # Whenever the stop comes, it has calls to wait for: they are not given up before, nor are their partitions lost.
    options |= {"target__timeout": "240s", "delivery__drain_timeout": "250s", "delivery__commit_interval": "100ms"}
    options["kafka__properties"] = SHORT_SESSION | {"session.timeout.ms": "15000"}
    target.control.patch(faults=[{"delivery": "hang", "effect": True}])
    with service(**options) as draining, ExitStack() as members:
        eventually(lambda: len(target.history) >= 60, "calls that are not answered")
        if why == "a stop":
            draining.process.send_signal(signal.SIGTERM)
            eventually(lambda: draining.logs("stopping"), "it drains")
        else:
            members.enter_context(service(**options))
            eventually(lambda: draining.logs("draining"), "it drains")
        draining.kill()
        assert not draining.logs("stopped")
        assert not draining.logs("partition_revoked")
        target.control.patch(faults=[])
        visits.produce(seed, 1000, 200)
        draining.start()
        group = f"g-{topic}"
        eventually(lambda: sum(committed(kafka, group, topic, PARTITIONS)) == 2000, "all is read")
        assert draining.stop() == 0
    verdict = target.judge(visits.events)
    assert verdict.sound, (SEED, verdict)


def test_only_the_guilty_record_of_a_merged_update_dies(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path, topic: str
) -> None:
    visits = Visits(kafka, topic, PARTITIONS)
    target.control.patch(faults=[{"matching": "^c3$", "status": 400, "calls": 2}], latency="5ms")
    visits.produce(seed, 600, 30)
    for odd in (b"\xff", b"null", b"[" * 2000, None, b'{"type": "visit", "type": "visit"}'):
        visits.put(odd, headers={"h": b"\xff\xfe"})
    visits.put(b'{"type": "visit", "customer": "c999", "number": "' + b"x" * 900_000 + b'"}')
    visits.flush()
    dead = f"dead-{topic}"
    with service(schemas=str(mappings(tmp_path, topic)), dead_letter__topic=dead) as running:
        running.wait_until(resolved(606), "all is read")
        assert running.stop() == 0
    letters = dead_letters(kafka, dead, 5)
    reasons = sorted(headers["dead-letter.reason"] for _, headers in letters)
    assert reasons == ["decode_failed"] * 3 + ["refused", "value_too_long"]
    refused = next((value, headers) for value, headers in letters if headers["dead-letter.reason"] == "refused")
    assert refused[0] is not None
    assert b'"c3"' in refused[0]
    assert refused[1]["dead-letter.mapping"] == "visit"
    assert refused[1]["dead-letter.attempts"] == "2"
    assert refused[1]["dead-letter.http-status"] == "400"
    number = str(orjson.loads(refused[0])["number"])
    verdict = target.judge([event for event in visits.events if event.attributes["visit"] != number])
    assert verdict.sound, (SEED, verdict)


def test_a_broker_that_is_not_there_at_the_start_and_dies_again_under_load(
    kafka_cluster: Callable[[], KafkaCluster], target: Target, seed: random.Random, tmp_path: Path
) -> None:
    kafka = kafka_cluster()
    topic = kafka.create_topic(PARTITIONS)
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 3000, 800)
    kafka.kill()
    target.control.patch(latency="20ms")
    settings = {"kafka__bootstrap_servers": kafka.bootstrap, "target__client": "demo", "target__base_url": target.url}
    options = settings | {"schemas": str(mappings(tmp_path, topic)), "quota__limit": 0, "delivery__max_in_flight": 8}
    with Service(tmp_path, **options) as running:
        [line] = eventually(lambda: running.logs("kafka_unreachable"), "it is named")
        assert kafka.bootstrap in line["message"]
        running.wait_until(lambda status: status["state"] == "kafka_unreachable", "the status says so")
        answer = running.get("/readyz")
        assert (answer.status_code, kafka.bootstrap in answer.text) == (503, True)
        assert running.get("/livez").status_code == 200
        kafka.start()
        eventually(lambda: len(target.history) > 100, "calls")
        eventually(lambda: running.get("/readyz").status_code == 200, "ready")
        kafka.kill()
        running.wait_until(lambda status: status["state"] == "kafka_unreachable", "it says so again")
        kafka.start()
        visits.produce(seed, 1000, 800)
        running.wait_until(resolved(4000), "all is read")
        assert running.stop() == 0
    verdict = target.judge(visits.events)
    assert verdict.sound, (SEED, verdict)


def test_a_message_of_ten_megabytes_is_an_event_like_others(
    kafka: Kafka, target: Target, service: Callable[..., Service], seed: random.Random, tmp_path: Path, topic: str
) -> None:
    dead = kafka.create_topic(1, f"dead-{topic}", max_message_bytes="1000000")
    visits = Visits(kafka, topic, PARTITIONS)
    visits.produce(seed, 1, 1)
    picture = orjson.dumps({"type": "visit", "customer": "c70", "number": 1, "picture": "x" * 10_000_000})
    visits.events.append(Event("mbox3rdPartyId=c70", {"visit": "1"}))
    visits.put(picture)
    visits.put(picture[:-1], key=b"k", headers={"h": b"v"})
    visits.produce(seed, 100, 10)
    with service(schemas=str(mappings(tmp_path, topic)), dead_letter__topic=dead) as running:
        running.wait_until(resolved(103), "all is read")
        assert running.stop() == 0
    assert target.judge(visits.events).sound
    [(value, headers)] = dead_letters(kafka, dead, 1)
    assert value == picture[:65_536], "what does not fit is cut"
    assert headers["dead-letter.body"] == "cut"
    assert (headers["dead-letter.offset"], headers["dead-letter.reason"], headers["h"]) == ("2", "decode_failed", "v")
