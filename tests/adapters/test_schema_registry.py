from __future__ import annotations

import base64
import socket
import threading
import time
from typing import TYPE_CHECKING

import orjson
import pytest
from structlog.testing import capture_logs

from consumer.adapters import schema_registry
from consumer.adapters.schema_registry import SchemaRegistry
from consumer.core.command import FetchSchema
from consumer.core.formats.registered import RegisteredSchema, RegisteredSchemas
from consumer.core.schemas_wanted import SchemaAnswer
from tests.adapters.registry_server import RegistryServer
from tests.adapters.scripted_target import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

USER = "user and password are part of kafka.schema_registry_url"
LOOK = "is kafka.schema_registry_url right?"
TYPE = "it is of a type that is not understood; there are AVRO, JSON, PROTOBUF"
AVRO = '{"type": "record", "name": "R", "fields": []}'


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as running:
        yield running


class Client:
    """A registry's client with what it has learnt."""

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self.schemas = RegisteredSchemas()
        self.registry = SchemaRegistry(url, self.schemas, timeout)

    def ask(self, *numbers: int) -> list[SchemaAnswer]:
        for number in numbers:
            self.registry.request(FetchSchema(number))
        answers: list[SchemaAnswer] = []
        while len(answers) < len(numbers):
            answers += self.registry.poll()
            time.sleep(0.001)
        return answers

    def reason(self, number: int = 1) -> str:
        ((_, reason),) = self.ask(number)
        assert reason is not None
        assert not self.schemas
        return reason


@pytest.fixture
def client(server: RegistryServer) -> Iterator[Client]:
    client = Client(server.url)
    yield client
    client.registry.close(30)


def test_a_schema_is_told_by_its_id(server: RegistryServer, client: Client) -> None:
    server.register(7, AVRO)
    assert client.ask(7) == [SchemaAnswer(7)]
    assert client.schemas == {7: RegisteredSchema("AVRO", AVRO)}
    assert server.requests == ["/schemas/ids/7"]
    assert "authorization" not in server.headers


def test_nothing_is_known_before_it_is_polled(server: RegistryServer) -> None:
    server.register(7, AVRO)
    client = Client(server.url)
    client.registry.request(FetchSchema(7))
    while not server.requests:
        time.sleep(0.001)
    assert client.schemas == {}
    client.registry.close(30)


@pytest.mark.parametrize("language", ["AVRO", "JSON", "PROTOBUF"])
def test_every_language_is_told(server: RegistryServer, client: Client, language: str) -> None:
    server.register(1, "text", schemaType=language)
    client.ask(1)
    assert client.schemas[1].language == language


def test_references_come_each_after_those_it_needs(server: RegistryServer, client: Client) -> None:
    def reference(name: str, subject: str, version: int) -> dict[str, object]:
        return {"name": name, "subject": subject, "version": version}

    server.register(
        1, "main", schemaType="PROTOBUF", references=[reference("a.proto", "a/b c", 3), reference("b.proto", "b", 1)]
    )
    server.subject("a%2Fb%20c/versions/3", "A", references=[reference("b.proto", "b", 1)])
    server.subject("b/versions/1", "B", references=[reference("a.proto", "a/b c", 3)])
    assert client.ask(1) == [SchemaAnswer(1)]
    assert client.schemas[1] == RegisteredSchema("PROTOBUF", "main", (("b.proto", "B"), ("a.proto", "A")))
    assert len(server.requests) == 3


def test_what_a_json_schema_refers_to_is_not_needed(server: RegistryServer, client: Client) -> None:
    server.register(1, "{}", schemaType="JSON", references=[{"name": "a", "subject": "a", "version": 1}])
    assert client.ask(1) == [SchemaAnswer(1)]
    assert server.requests == ["/schemas/ids/1"]


def test_several_are_asked_for_at_once(server: RegistryServer, client: Client) -> None:
    for number in range(20):
        server.register(number, AVRO)
    assert sorted(client.ask(*range(20))) == [SchemaAnswer(number) for number in range(20)]


@pytest.mark.parametrize(
    ("user", "sent"), [("ann:pw", "ann:pw"), ("ann", "ann:"), ("a%40b:p%3Aw%2F", "a@b:p:w/"), ("ann:p@w", "ann:p@w")]
)
def test_user_and_password_are_part_of_the_address(server: RegistryServer, user: str, sent: str) -> None:
    server.answers["/apis/ccompat/v7/schemas/ids/1"] = 200, orjson.dumps({"schema": AVRO})
    client = Client(server.url.replace("//", f"//{user}@") + "/apis/ccompat/v7/")
    assert client.ask(1) == [SchemaAnswer(1)]
    assert server.headers["authorization"] == f"Basic {base64.b64encode(sent.encode()).decode()}"
    client.registry.close(30)


# -- when there is no schema -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {"error_code": 401}, f"the registry refuses us (401); {USER}"),
        (403, b"", f"the registry refuses us (403); {USER}"),
        (500, {"error_code": 50001}, "the registry answers 500"),
        (503, b"<html>", "the registry answers 503"),
        (429, b"", "the registry answers 429"),
        (301, b"", "the registry answers 301"),
        (404, b"<html>", f"the registry's address leads nowhere (404); {LOOK}"),
        (404, {"error_code": 404}, f"the registry's address leads nowhere (404); {LOOK}"),
        (404, {"error_code": 40403}, "the registry knows no schema with this id; was it registered elsewhere? (40403)"),
        (200, b"<html>", f"the registry's answer is no object; {LOOK}"),
        (200, [1], f"the registry's answer is no object; {LOOK}"),
        (200, {}, f"the registry's answer has no schema; {LOOK}"),
        (200, {"schema": 1}, f"the registry's answer has no schema; {LOOK}"),
        (200, {"schema": "", "schemaType": "XML"}, TYPE),
        (200, {"schema": "", "references": [1]}, f"the registry's answer has no name; {LOOK}"),
    ],
)  # fmt: skip
def test_the_reason_is_told_in_words(
    server: RegistryServer, client: Client, status: int, body: object, reason: str
) -> None:
    server.fail(status, body)
    assert client.reason() == f"schema 1: {reason}"
    server.register(1, AVRO)
    assert client.ask(1) == [SchemaAnswer(1)]


def test_a_reference_that_is_not_known_is_told(server: RegistryServer, client: Client) -> None:
    server.register(1, AVRO, references=[{"name": "a", "subject": "a", "version": 1}])
    assert client.reason() == "schema 1: the registry knows not all that the schema refers to (40403)"


def test_references_without_end_are_told(
    server: RegistryServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_registry, "MOST_REFERENCES", 3)
    for number in range(9):
        more = {"name": f"r{number + 1}", "subject": f"r{number + 1}", "version": 1}
        server.subject(f"r{number}/versions/1", "x", references=[more])
    server.register(1, AVRO, references=[{"name": "r0", "subject": "r0", "version": 1}])
    assert client.reason() == "schema 1: it refers to more than 3 others"


def test_a_registry_that_is_down_is_told() -> None:
    with closed_port() as port:
        client = Client(f"http://ann:secret@127.0.0.1:{port}")
        assert client.reason() == "schema 1: the schema registry can't be asked: connect_failed"
    client.registry.close(30)


def test_a_registry_that_drips_is_given_up(server: RegistryServer) -> None:
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not ended.wait(0.01):
            try:
                handler.wfile.write(b" ")
            except OSError:
                ended.set()

    server.faults.append(drip)
    client = Client(server.url, timeout=0.3)
    assert client.reason() == "schema 1: the schema registry has not answered within 0.3 s"
    client.registry.close(30)
    assert ended.wait(60), "the connection was not closed"


def test_an_answer_without_end_is_not_read(
    server: RegistryServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_registry, "LONGEST_ANSWER", 1 << 20)
    server.fail(200, b" " * (3 << 20))
    assert client.reason() == "schema 1: the registry's answer is longer than 1 MiB"


def test_a_connection_that_breaks_is_told(server: RegistryServer, client: Client) -> None:
    server.faults.append(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR))
    assert client.reason() == "schema 1: the schema registry can't be asked: connection_lost"


def test_nothing_of_password_or_answer_is_told(server: RegistryServer) -> None:
    client = Client(server.url.replace("//", "//ann:secret-1@"))
    with capture_logs() as logs:
        for status in (200, 401, 404, 500):
            server.fail(status, {"error_code": status, "message": "secret-2"})
            assert "secret" not in client.reason()
    assert "secret" not in str(logs)
    client.registry.close(30)


# -- the thread --------------------------------------------------------------------------------------------------------


def test_a_service_that_needs_no_schema_has_no_thread() -> None:
    before = threading.active_count()
    client = Client("")
    assert client.registry.poll() == []
    client.registry.close(30)
    assert threading.active_count() == before


def test_closing_gives_up_what_is_under_way(server: RegistryServer) -> None:
    going, ended = threading.Event(), threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        going.set()
        ended.wait(60)

    server.faults.append(hang)
    client = Client(server.url)
    client.registry.request(FetchSchema(1))
    assert going.wait(60)
    client.registry.close(30)
    ended.set()
    assert not [thread for thread in threading.enumerate() if thread.name == "schema-registry"]
    assert client.registry.poll() == []
