# ruff: noqa: S603  # our own program, with words of our own
"""Secrets, visitors and their data go through every path; nothing that operators see holds any of them.

Everything that must not be told has the word PLANTED in it, and every library speaks as loud as it can.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson
import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]  # exported, without __all__

from consumer.core.formats.registered import frame
from tests.adapters.registry_server import RegistryServer
from tests.conftest import start_kafka
from tests.end_to_end.service import ROOT, Service, eventually
from tests.kafka import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consumer.simulator.target import Target
    from tests.kafka import KafkaCluster

PLANTED = "xPLANTEDx"
USER, PASSWORD = "ann", f"{PLANTED}-password"
TOKEN = f"{PLANTED}-token"
REGISTRY = f"reader:{PLANTED}-registry"
SPELLINGS = (
    PLANTED.encode(),
    base64.b64encode(REGISTRY.encode()),
    PLANTED.encode().hex().encode(),
    base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()),
)

LOUD = """\
import logging
from consumer.adapters import logs
logs._THIRD_PARTY_LEVEL = logging.DEBUG  # as nobody can set it
from consumer.__main__ import main
"""
BROKEN_LOOP = """
from consumer.core.engine import Engine
def received(self, records, now):
    records = list(records)
    if not records:
        return
    try:
        raise KeyError(records)
    except KeyError as error:
        raise ValueError(records[0].value) from error
Engine.received = received
"""
BROKEN_SETTINGS = """
from consumer import settings
def read(*_):
    raise ValueError("xPLANTEDx-password")
settings.load = read
"""
BROKEN_THREADS = """
from consumer.adapters import profile_api, sender, status_page
def render(view):
    raise ValueError("xPLANTEDx")
async def read(response):
    logging.getLogger("httpx").info("HTTP Request: %s %s", response.request.url, response.request.content)
    logging.getLogger("httpcore.http11").debug(f"send_request_body request={response.request.content}")
    raise ValueError(str(response.request.content) + "xPLANTEDx")
def start(self, sends, at, *, right=sender.Sender._start):
    right(self, sends, at)
    raise ValueError(sends)
status_page.render, profile_api._read, sender.Sender._start = render, read, start
"""

JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "customer": {"type": ["string", "null"]},
        "number": {"type": "integer"},
        "name": {"type": ["string", "object", "null"]},
        "at": {"type": "string"},
        "list": {"type": "array", "items": {"type": "number"}},
    },
}
MAPPING = """\
version: 1
topics: [{topic}]
schema: visit.event.json
where: {{event.type: visit}}
identity: {{mbox3rdPartyId: event.customer}}
attributes:
  visit: {{from: event.number}}
  name: {{from: event.name, required: true}}
  year: {{from: event.at, transform: [{{date: "%Y"}}]}}
  first: {{cel: 'event.list[3] > 1.0 ? "many" : "few"'}}
"""
AVRO = {
    "type": "record",
    "name": "Contact",
    "fields": [{"name": "customer", "type": "string"}, {"name": "subject", "type": "string"}],
}
REGISTERED = """\
version: 1
topics: [{topic}]
format: registry
schema: contact.event.avsc
identity: {{mbox3rdPartyId: event.customer}}
attributes: {{subject: {{from: event.subject}}}}
"""


def visit(customer: str | None, **more: object) -> bytes:
    event: dict[str, object] = {"type": "visit", "customer": customer and f"{PLANTED}-{customer}", "number": 1}
    return orjson.dumps(event | {"name": f"{PLANTED}-name", "list": [1, 2, 3, 4]} | more)


REASONS_MET = {
    "decode_failed",
    "expression_failed",
    "identity_invalid",
    "identity_missing",
    "refused",
    "required_missing",
    "schema_invalid",
    "transform_failed",
    "value_not_scalar",
    "value_too_long",
}
VISITS = (
    *(visit(f"good-{number}", number=number, at="2026-03-01T09:30:00Z") for number in range(12)),
    *(visit("refused", number=number) for number in range(3)),
    f"{PLANTED} is no JSON".encode(),
    b"\xff" + PLANTED.encode(),
    visit("good-1", number=f"{PLANTED}-number"),
    visit(None),
    visit("a/b"),
    visit("good-1", name={PLANTED: PLANTED}),
    visit("good-1", name=f"{PLANTED}-long" * 40),
    visit("good-1", at=f"{PLANTED}-moment"),
    visit("good-1", name=None),
    visit("good-1", list=[1, 2]),
    orjson.dumps({"type": PLANTED, "customer": PLANTED}),
    None,
)
CONTACTS = (
    frame(7, b"\x22" + f"{PLANTED}-known".encode() + b"\x1c" + b"planted subject"[:14]),
    frame(7, PLANTED.encode()),
    PLANTED.encode(),
)
FAULTS = (
    {"matching": "refused", "status": 400, "text": f"no visitor {PLANTED}-refused"},
    {"calls": 1, "status": 401, "text": f"not allowed: Bearer {TOKEN}"},
    {"calls": 1, "status": 302, "headers": {"Location": f"https://{PLANTED}.example/?{PLANTED}"}},
    {"calls": 1, "status": 500, "text": PLANTED, "headers": {"X-Cause": PLANTED}},
    {"calls": 1, "status": 429, "headers": {"Retry-After": PLANTED}},
    {"calls": 1, "status": 200, "text": f"//ERROR: {PLANTED}"},
    {"calls": 1, "delivery": "hang"},
    {"calls": 1, "delivery": "reset"},
    {"calls": 1, "delivery": "truncate", "text": PLANTED},
)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaCluster]:
    yield from start_kafka(users={USER: PASSWORD})


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with RegistryServer() as serving:
        serving.fail(401, f"{PLANTED}: no such user {REGISTRY}".encode())
        serving.fail(200, f"{PLANTED} is no JSON".encode())
        serving.register(7, orjson.dumps(AVRO).decode(), schemaType="AVRO")
        yield serving


class Loud(Service):
    """A service whose libraries say all they can; its log need not be JSON."""

    program = ("-c", f"{LOUD}\nmain()")

    @property
    def url(self) -> str:
        """Where its pages are, once they are served."""
        address = f"http://127.0.0.1:{self._settings['http__port']}"

        def answers() -> bool:
            assert self.process.poll() is None, self.log_file.read_text()[-4000:]
            try:
                return httpx.get(f"{address}/livez", timeout=10).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        self._url = self._url or (eventually(answers, "its HTTP server listens") and address)
        return self._url


class Broken(Loud):
    """The same, with parts of it broken."""

    def __init__(self, folder: Path, broken: str, **settings: object) -> None:
        super().__init__(folder, **settings)
        self.program = ("-c", f"{LOUD}{broken}main()")


class Planted(NamedTuple):
    """Topics full of what must not be told, and the settings of a service that reads them."""

    visits: str
    contacts: str
    settings: dict[str, Any]


@pytest.fixture
def planted(broker: KafkaCluster, registry: RegistryServer, target: Target, tmp_path: Path) -> Planted:
    visits, contacts, group = broker.create_topic(1), broker.create_topic(1), f"g-{uuid.uuid4().hex[:8]}"
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "visit.event.json").write_bytes(orjson.dumps(JSON_SCHEMA))
    (schemas / "visit.mapping.yaml").write_text(MAPPING.format(topic=visits))
    (schemas / "contact.event.avsc").write_bytes(orjson.dumps(AVRO))
    (schemas / "contact.mapping.yaml").write_text(REGISTERED.format(topic=contacts))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "password").write_text(PASSWORD)
    for topic in (visits, contacts):
        broker.allow(USER, ResourceType.TOPIC, topic, AclOperation.READ, AclOperation.DESCRIBE)
    broker.allow(USER, ResourceType.GROUP, group, AclOperation.READ, AclOperation.DESCRIBE)
    options: dict[str, Any] = {"key": f"{PLANTED}-key", "headers": {"channel": f"{PLANTED}-header"}}
    broker.produce(visits, VISITS, **options)
    broker.produce(contacts, CONTACTS, **options)
    target.control.patch(faults=FAULTS)
    settings = {
        "kafka__bootstrap_servers": broker.bootstrap_sasl,
        "kafka__group_id": group,
        "kafka__properties": {**broker.sasl(USER), "sasl.password": {"file": str(tmp_path / "password")}},
        "kafka__schema_registry_url": registry.url.replace("://", f"://{REGISTRY}@"),
        "schemas": str(schemas),
        "target__client": "demo",
        "target__base_url": target.url,
        "target__token_file": str(tmp_path / "token"),
        "target__timeout": "2s",
        "delivery__drain_timeout": "5s",
        "delivery__max_in_flight": 2,
        "dead_letter__topic": f"dead-{visits}",
        "dead_letter__max_ratio": 1,
        "log__level": "debug",
        "log__identity_key": f"{PLANTED}-identity-key",
        "quota__limit": 0,
    }
    return Planted(visits, contacts, settings)


def assert_nothing_is_told(text: bytes | str, where: str) -> None:
    told = text.encode() if isinstance(text, str) else text
    for spelling in SPELLINGS:
        at = told.lower().find(spelling.lower())
        assert at < 0, f"{where}: …{told[max(0, at - 300) : at + 300].decode(errors='replace')}…"


def look(running: Service) -> dict[str, str]:
    """Every page; nothing in any of them, nor in what is answered to a path that there is not."""
    pages = {path: running.get(path).text for path in ("/", "/status.json", "/metrics", "/readyz", "/livez")}
    for path, text in pages.items():
        assert_nothing_is_told(text, path)
    assert_nothing_is_told(running.get(f"/{PLANTED}?{PLANTED}").text, "the answer to a wrong path")
    return pages


def counted(pages: dict[str, str], metric: str, label: str) -> set[str]:
    """The values of a label of which the metric has counted some."""
    return set(
        re.findall(rf'^profile_consumer_{metric}{{.*?\b{label}="(\w+)".*}} [1-9]', pages["/metrics"], re.MULTILINE)
    )


def command_says(words: list[str], settings: dict[str, Any]) -> str:
    """What another command prints with the same settings; on standard output and error, whatever comes of it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PROFILE_CONSUMER_")}
    for key, value in settings.items():
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        environment[f"PROFILE_CONSUMER_{key.upper()}"] = text
    ran = [sys.executable, "-m", "consumer", *words]
    done = subprocess.run(ran, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr
    return done.stdout + done.stderr


def everything_happens(running: Service, planted: Planted, broker: KafkaCluster) -> None:
    """Each fault of Target, of the registry and of the dead-letter topic, and each reason of a dead letter."""
    eventually(lambda: "dead_letter_blocked" in look(running)["/status.json"], "the dead-letter topic can't be written")
    rights = (AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.CREATE)
    broker.allow(USER, ResourceType.TOPIC, f"dead-{planted.visits}", *rights)
    ends = {planted.visits: len(VISITS), planted.contacts: len(CONTACTS)}

    def resolved() -> dict[str, str] | None:
        pages = look(running)
        committed = {part["topic"]: part["committed"] for part in orjson.loads(pages["/status.json"])["partitions"]}
        return pages if committed == ends else None

    pages = eventually(resolved, "all is resolved")
    assert counted(pages, "dead_letters_total", "reason") == REASONS_MET
    assert counted(pages, "calls_total", "outcome") == {
        "delivered",
        "misconfigured",
        "refused",
        "throttled",
        "transient",
    }


@pytest.mark.parametrize(("fmt", "method"), [("json", "POST"), ("console", "GET")])
def test_nothing_is_told_on_any_path(
    planted: Planted, broker: KafkaCluster, tmp_path: Path, fmt: str, method: str
) -> None:
    settings = planted.settings | {"log__format": fmt, "target__method": method, "http__port": free_ports(1)[0]}
    settings["kafka__properties"] = settings["kafka__properties"] | {"debug": "all", "log_level": "7"}
    with Loud(tmp_path, **settings) as running:
        everything_happens(running, planted, broker)
        assert running.stop() == 0
        said = running.log_file.read_bytes()
    for event in ("library_logged", "librdkafka", "dead_lettered", "delivered", "target_refuses_credentials"):
        assert event.encode() in said
    assert_nothing_is_told(said, "the log")
    if fmt == "console":
        return  # commands print the same whatever the format of logs
    for command in (["status"], ["quota"], ["replay", "--dead-letter-topic", f"dead-{planted.visits}", "--dry-run"]):
        assert_nothing_is_told(command_says(command, planted.settings), " ".join(command))


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_nothing_is_told_when_the_loop_breaks(planted: Planted, tmp_path: Path, fmt: str) -> None:
    with Broken(tmp_path, BROKEN_LOOP, **(planted.settings | {"log__format": fmt})) as running:
        assert running.wait() == 1
        said = running.log_file.read_text()
    assert "crashed" in said
    assert "in received" in said
    assert "caused by KeyError" in said
    assert_nothing_is_told(said, "the log")


def test_nothing_is_told_when_the_settings_cannot_even_be_read(tmp_path: Path) -> None:
    with Broken(tmp_path, BROKEN_SETTINGS) as running:
        assert running.wait() == 1
        said = running.log_file.read_text()
    assert "crashed" in said
    assert "in read" in said
    assert_nothing_is_told(said, "the log")


def test_nothing_is_told_when_other_threads_break(planted: Planted, tmp_path: Path) -> None:
    with Broken(tmp_path, BROKEN_THREADS, **planted.settings, http__port=free_ports(1)[0]) as running:
        eventually(lambda: "transient" in counted(look(running), "calls_total", "outcome"), "a call failed")
        eventually(lambda: running.logs("sender_loop_failed"), "the sender's failure is logged")
        assert running.get("/").status_code == 500
        assert_nothing_is_told(running.get("/").text, "a page that can't be made")
        assert running.stop() == 0
        said = running.log_file.read_bytes()
    assert b"in render" in said
    assert b"HTTP Request: %s %s" in said
    assert_nothing_is_told(said, "the log")
