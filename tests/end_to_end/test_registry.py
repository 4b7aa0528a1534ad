"""The service with a real schema registry: every language, schemas that evolve, a registry that goes away."""

from __future__ import annotations

import base64
import io
import re
import uuid
from typing import TYPE_CHECKING, Any

import fastavro
import orjson
import pytest

from consumer.core.formats.proto_text import parse_proto
from consumer.core.formats.registered import frame
from consumer.simulator.judge import Event
from tests.end_to_end.load import dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.end_to_end.service import Service
    from tests.kafka import Kafka
    from tests.registry import Registry

MAPPING = """\
version: 1
topics: [{topic}]
format: registry
schema: visit.event.avsc
identity: {{mbox3rdPartyId: event.customer}}
attributes:
  visit: {{from: event.number}}
  place: {{from: event.place}}
"""
PROTO = """\
syntax = "proto3";
message Other {{ int32 x = 1; }}
message {name} {{ string customer = 1; int64 number = 2; optional string place = 3; }}
"""
JSON = '{"type": "object", "properties": {"customer": {"type": "string"}, "number": {"type": "integer"}}}'


def avro(*more: dict[str, Any], name: str = "Visit") -> dict[str, Any]:
    fields = [{"name": "customer", "type": "string"}, {"name": "number", "type": "long"}, *more]
    return {"type": "record", "name": name, "namespace": "shop", "fields": fields}


OLD = avro({"name": "shop", "type": "string"})
NEW = avro({"name": "place", "type": "string", "default": "unknown", "aliases": ["shop"]})


def body(schema: dict[str, Any], **event: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema, _force=True), event)
    return out.getvalue()


class Topic:
    """A topic of the test's own with a mapping, and what Target should hold in the end."""

    def __init__(self, kafka: Kafka, folder: Path) -> None:
        self.name = kafka.create_topic(2)
        self.events: list[Event] = []
        self._kafka = kafka
        self.schemas = folder / "schemas"
        self.schemas.mkdir()
        (self.schemas / "visit.mapping.yaml").write_text(MAPPING.format(topic=self.name))
        (self.schemas / "visit.event.avsc").write_bytes(orjson.dumps(NEW))

    def put(self, payload: bytes, customer: str, number: int, place: str, partition: int = 0) -> None:
        attributes = {"visit": str(number)} | ({"place": place} if place else {})
        self.events.append(Event(f"mbox3rdPartyId={customer}", attributes))
        self._kafka.produce(self.name, [payload], partition)

    def spoil(self, payload: bytes) -> None:
        self._kafka.produce(self.name, [payload])


@pytest.fixture
def topic(kafka: Kafka, tmp_path: Path) -> Topic:
    return Topic(kafka, tmp_path)


def dead_letters_written(service: Service) -> float:
    counted = re.findall(
        r"^profile_consumer_dead_letters_total\{.*\} (.*)$", service.get("/metrics").text, re.MULTILINE
    )
    return sum(map(float, counted))


def committed(offsets: list[int]) -> Callable[[dict[str, Any]], bool]:
    return lambda status: [each["committed"] for each in status["partitions"]] == offsets


def test_every_language_is_read_and_an_outage_is_waited_for(
    kafka: Kafka,
    target: Target,
    topic: Topic,
    service: Callable[..., Service],
    schema_registry: Registry,
) -> None:
    subject = f"s-{uuid.uuid4().hex[:8]}"
    register = schema_registry.register
    old = register(f"{subject}-visit", orjson.dumps(OLD).decode())
    new = register(f"{subject}-newer", orjson.dumps(NEW).decode())
    json = register(f"{subject}-json", JSON, "JSON")
    text = register(f"{subject}-text", PROTO.format(name="Text"), "PROTOBUF")
    described = parse_proto("visit.proto", PROTO.format(name="Described")).SerializeToString()
    descriptor = register(f"{subject}-descriptor", base64.b64encode(described).decode(), "PROTOBUF")
    late = register(f"{subject}-late", orjson.dumps(avro(name="Late")).decode())
    second = b"\x02\x02"  # of the messages of its file
    topic.put(frame(old, body(OLD, customer="c1", number=1, shop="Delft")), "c1", 1, "Delft")
    topic.put(frame(new, body(NEW, customer="c2", number=2, place="Breda")), "c2", 2, "Breda")
    topic.put(frame(json, b'{"customer": "c3", "number": 3}'), "c3", 3, "")
    topic.put(frame(text, second + b"\x0a\x02c4\x10\x04\x1a\x01x"), "c4", 4, "x")
    topic.put(frame(descriptor, second + b"\x0a\x02c5\x10\x05"), "c5", 5, "")
    topic.spoil(frame(old, body(OLD, customer="c6", number=6, shop="Delft")[:-1]))
    topic.spoil(b'{"customer": "c6", "number": 6}')
    dead = f"dead-{topic.name}"
    settings = {"schemas": str(topic.schemas), "dead_letter__topic": dead}
    with service(kafka__schema_registry_url=schema_registry.url, **settings) as running:
        running.wait_until(committed([7, 0]), "all is read")
        reasons = [headers["dead-letter.reason"] for _, headers in dead_letters(kafka, dead, 2)]
        assert reasons == ["decode_failed", "decode_failed"]

        schema_registry.stop()
        topic.put(frame(late, body(avro(), customer="c7", number=7)), "c7", 7, "")
        topic.put(frame(old, body(OLD, customer="c7", number=8, shop="Delft")), "c7", 8, "Delft")
        topic.put(frame(old, body(OLD, customer="c9", number=9, shop="Delft")), "c9", 9, "Delft", partition=1)
        waiting = "schema_registry_unavailable"
        running.wait_until(lambda status: status["state"] == waiting, "the outage is shown")
        reason = f"schema {late}: the schema registry can't be asked: connect_failed"

        def free(status: dict[str, Any]) -> bool:
            states = [(part["state"], part["reason"]) for part in status["partitions"]]
            return committed([7, 1])(status) and states == [(waiting, reason), ("idle", None)]

        running.wait_until(free, "the other partition goes on")
        assert running.get("/readyz").status_code == 200

        schema_registry.start()
        running.wait_until(committed([9, 1]), "it goes on by itself")
        running.wait_until(lambda status: status["state"] == "idle", "the outage is over")
        assert [line["reason"] for line in running.logs("state_changed") if line["state"] == waiting] != []
        assert dead_letters_written(running) == 2
        assert running.stop() == 0
    verdict = target.judge(topic.events)
    assert verdict.sound, verdict


def test_without_an_address_the_service_says_what_it_needs(topic: Topic, service: Callable[..., Service]) -> None:
    with service(schemas=str(topic.schemas)) as running:
        assert running.wait() == 3
        said = running.log_file.read_text()
    assert (
        "visit.mapping.yaml: format: registry needs the address of the registry: set kafka.schema_registry_url" in said
    )
