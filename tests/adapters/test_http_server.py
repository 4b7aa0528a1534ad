from __future__ import annotations

import json
import logging
import select
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple

import pytest

from consumer.adapters import http_server
from consumer.adapters.health import Heartbeat
from consumer.adapters.http_server import HttpServer, Sources
from consumer.adapters.metrics import Metrics
from consumer.adapters.status import StatusBoard
from consumer.adapters.status_page import About
from consumer.core.state import State
from consumer.errors import Stopped
from tests.adapters.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = ["/", "/livez", "/readyz", "/metrics", "/status.json"]


class Served(NamedTuple):
    port: int
    sources: Sources


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


@contextmanager
def serving(*, since_beat: float = 0.0) -> Iterator[Served]:
    board = StatusBoard(snapshot())
    sources = Sources(
        About("g", "acme", 0.0), board, Heartbeat(60.0, time.monotonic() - since_beat), Metrics(board, ("t",))
    )
    server = HttpServer("127.0.0.1", 0, sources)
    port = server.start()
    try:
        yield Served(port, sources)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _an_ordinary_snapshot(request: pytest.FixtureRequest) -> None:
    if "served" in request.fixturenames:
        request.getfixturevalue("served").sources.board.publish(snapshot())


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Got:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Got(answer.status, dict(answer.getheaders()), answer.read().decode())


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def until_the_end(client: socket.socket) -> bytes:
    """Everything up to the other side's end of the connection, whichever way it ends."""
    received = b""
    try:
        while chunk := client.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def test_alive_while_the_loop_turns_and_not_when_it_stands_still(served: Served) -> None:
    assert ask(served.port, "/livez")[::2] == (200, "the loop turns\n")
    with serving(since_beat=90.0) as stalled:
        answer = ask(stalled.port, "/livez")
        assert answer.status == 503
        assert "stood still" in answer.body
        stalled.sources.heartbeat.beat(time.monotonic())
        assert ask(stalled.port, "/livez").status == 200


def test_ready_follows_the_newest_snapshot_and_says_why(served: Served) -> None:
    board = served.sources.board
    assert ask(served.port, "/readyz")[::2] == (200, "ready\n")
    board.publish(snapshot(State.QUOTA_BLOCKED))
    assert ask(served.port, "/readyz").status == 200
    board.publish(snapshot(credentials_refused=True))
    assert ask(served.port, "/readyz")[::2] == (503, "our credentials are refused; the log says by whom\n")
    board.publish(snapshot(kafka_failing_since=time.monotonic() - 31))
    assert ask(served.port, "/readyz").status == 503
    board.publish(snapshot().stopping(0.0))
    assert ask(served.port, "/readyz")[::2] == (503, "stopping\n")
    assert ask(served.port, "/livez").status == 200


def test_status_json_is_the_newest_status(served: Served) -> None:
    served.sources.board.publish(snapshot(State.PACED))
    answer = ask(served.port, "/status.json")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.body)["state"] == "paced"


def test_metrics_are_served_in_the_format_asked_for(served: Served) -> None:
    answer = ask(served.port, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "profile_consumer_records_total" in answer.body
    answer = ask(served.port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith("# EOF\n")


def test_the_page_is_html(served: Served) -> None:
    answer = ask(served.port, "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.body.startswith("<!doctype html>")
    assert "Delivering" in answer.body


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_every_answer_protects_its_reader(served: Served, path: str) -> None:
    headers = ask(served.port, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "profile-consumer"
    assert headers["Connection"] == "close"


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_like_get_without_a_body(served: Served, path: str) -> None:
    answer = ask(served.port, path, "HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/livez", "/nothing"])
def test_nothing_but_get_and_head_is_allowed(served: Served, method: str, path: str) -> None:
    answer = ask(served.port, path, method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/nothing", "/status.json/", "//", "/../etc/passwd", "/LIVEZ"])
def test_other_paths_are_not_found(served: Served, path: str) -> None:
    assert ask(served.port, path).status == 404


def test_a_query_changes_nothing(served: Served) -> None:
    assert ask(served.port, "/livez?verbose=1").status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "version", "long line", "long header"],
)
def test_nonsense_is_refused_and_the_next_client_served(served: Served, raw: bytes) -> None:
    with connected(served.port) as client:
        client.sendall(raw)
        assert b" 200 " not in until_the_end(client)
    assert ask(served.port, "/livez").status == 200


def test_a_client_that_does_not_finish_its_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECTION_SECONDS", 0.0)
    monkeypatch.setattr(http_server, "_TICK_SECONDS", 0.01)
    with serving() as server, connected(server.port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert until_the_end(client) == b""


def test_no_burst_gets_more_connections_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 2)
    with serving() as server, ExitStack() as open_ones:
        clients = [open_ones.enter_context(connected(server.port)) for _ in range(20)]
        admitted = set(clients)
        while len(admitted) > 2:
            refused, _, _ = select.select(list(admitted), [], [], 60)
            assert refused, f"{len(admitted)} connections stay open"
            admitted -= set(refused)
        for client in admitted:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [b"200 OK" in until_the_end(client) for client in admitted] == [True, True]
        assert ask_until_served(server.port).status == 200


def ask_until_served(port: int) -> Got:
    """The place of a client that has just gone comes free at the server's next turn."""
    while True:
        try:
            return ask(port, "/livez")
        except ConnectionError:
            continue


def test_only_those_who_stayed_too_long_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        def __init__(self) -> None:
            self.transport: Connection | None = self
            self.aborted = False

        def abort(self) -> None:
            self.aborted = True

    old, young, gone = Connection(), Connection(), Connection()
    gone.transport = None
    present: list[Connection] = [old, gone]
    monkeypatch.setattr(http_server._Door, "connections", property(lambda _: present))
    door = http_server._Door.__new__(http_server._Door)
    door._seen = {}
    door.sweep(100.0)
    present.append(young)
    door.sweep(114.9)
    assert [old.aborted, young.aborted] == [False, False]
    door.sweep(115.0)
    assert [old.aborted, young.aborted] == [True, False]
    present.remove(old)
    door.sweep(200.0)
    assert young.aborted


def test_the_page_plots_the_minutes_that_the_server_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    board = StatusBoard(snapshot(calls={"delivered": 100, "transient": 20}))
    pages = http_server._Pages(Sources(About("g", "c", 0.0), board, Heartbeat(60.0, 0.0), Metrics(board)))
    for wall, delivered in ((600.0, 100), (630.0, 107), (660.0, 107)):
        monkeypatch.setattr("consumer.adapters.http_server.time.time", lambda wall=wall: wall)
        board.publish(snapshot(calls={"delivered": delivered, "transient": 20}))
        pages.sample()
    assert [(sample.minute, sample.calls, sample.quota_used) for sample in pages._history.samples] == [(10, 7, 400)]


def test_a_port_in_use_is_told_with_the_setting_to_change(served: Served) -> None:
    server = HttpServer("127.0.0.1", served.port, served.sources)
    with pytest.raises(Stopped, match=rf"^http.port: {served.port} on 127.0.0.1 is in use by another process; choose"):
        server.start()
    server.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "x..y", "x" * 70])
def test_an_address_that_is_not_ours_is_told_with_the_setting_to_change(served: Served, host: str) -> None:
    with pytest.raises(Stopped, match=rf"^http.host: cannot listen on {host}; choose an address of this machine"):
        HttpServer(host, 0, served.sources).start()


def test_a_port_that_needs_a_privilege_is_told() -> None:
    assert "choose a port above 1023" in http_server._explain(PermissionError(13, ""), "h", 80)


def test_stopping_twice_or_before_the_start_is_fine_and_frees_the_port() -> None:
    board = StatusBoard(snapshot())
    sources = Sources(About("g", "c", 0.0), board, Heartbeat(60.0, 0.0), Metrics(board))
    HttpServer("127.0.0.1", 0, sources).stop()
    server = HttpServer("127.0.0.1", 0, sources)
    port = server.start()
    with connected(port) as idle:
        assert ask(port, "/status.json").status == 200  # so that the connection before it was taken in, too
        server.stop()
        server.stop()
        assert until_the_end(idle) == b""
    again = HttpServer("127.0.0.1", port, sources)
    assert again.start() == port
    again.stop()
    assert [thread.name for thread in threading.enumerate()].count("http-server") <= 1


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), serving() as server:
        ask(server.port, "/?secret=1")
    assert [record for record in caplog.records if "secret" in record.getMessage()] == []
