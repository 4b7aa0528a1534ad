from __future__ import annotations

import gc
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from consumer.simulator.judge import Event
from consumer.simulator.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOLD = {"mbox3rdPartyId": "c-1", "profile.tier": "gold"}
PATIENCE = 60.0


@contextmanager
def target(**behaviour: Any) -> Iterator[Target]:
    with Target(behaviour) as started:
        yield started


def post(to: Target, data: dict[str, str] | None = None, timeout: float = PATIENCE) -> httpx.Response:
    return httpx.post(to.update_url, data=data or GOLD, timeout=timeout)


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE, **options)


def soon(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return holds()


def raw(to: Target, request: bytes) -> bytes:
    """What comes back for these very bytes until the server closes or has sent a whole answer without a body."""
    url = httpx.URL(to.url)
    with socket.create_connection((url.host, url.port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_an_update_by_post_or_get_is_answered_as_documented_and_kept() -> None:
    with target() as started:
        answers = [post(started), get(started.update_url, params={**GOLD, "profile.tier": "größer & mehr"})]
        for answer in answers:
            assert answer.status_code == 200
            assert answer.text == (
                "<response><success>true</success><message>Request successfully submitted</message></response>"
            )
        assert [(call.method, call.attributes) for call in started.history] == [
            ("POST", {"tier": "gold"}),
            ("GET", {"tier": "größer & mehr"}),
        ]
        assert started.profile("mbox3rdPartyId=c-1") == {"tier": "größer & mehr"}
        assert started.judge([Event("mbox3rdPartyId=c-1", {"tier": "gold"})]).invented


def test_calls_are_stamped_with_both_clocks() -> None:
    before, wall = time.monotonic(), time.time()
    with target() as started:
        post(started)
        (call,) = started.history
    assert before < call.received < time.monotonic()
    assert wall - 1 < call.epoch < time.time() + 1


@pytest.mark.parametrize(("path", "method", "status"), [
    ("/m2/other/profile/update", "POST", 404),
    ("/m2/demo/profile/updates", "POST", 404),
    ("/", "GET", 404),
    ("/m2/demo/profile/update", "PUT", 405),
])  # fmt: skip
def test_a_wrong_address_or_method_is_no_call(path: str, method: str, status: int) -> None:
    with target() as started:
        assert httpx.request(method, started.url + path, data=GOLD, timeout=PATIENCE).status_code == status
        assert len(started.history) == 0


def test_the_client_code_stands_in_the_path() -> None:
    with Target(client="acme") as started:
        assert started.update_url.endswith("/m2/acme/profile/update")
        assert post(started).status_code == 200


def test_a_body_of_61440_bytes_is_taken_and_one_more_is_refused_with_or_without_a_length() -> None:
    start = b"mbox3rdPartyId=c-1&profile.a="
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with target() as started:
        for length, status in ((61_440, 200), (61_441, 413), (2_000_000, 413)):
            body = start + b"x" * (length - len(start))
            answer, chunked = (
                httpx.post(started.update_url, content=content, headers=headers, timeout=PATIENCE)
                for content in (body, iter([body[:50_000], body[50_000:]]))
            )
            assert (answer.status_code, chunked.status_code) == (status, status)


def test_a_url_longer_than_any_parser_likes_is_refused_by_target() -> None:
    with target() as started:
        assert get(started.update_url, params={**GOLD, "profile.a": "x" * 20_000}).status_code == 414


def test_raw_bytes_in_a_url_are_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    request = b"GET /m2/demo/profile/update?mbox3rdPartyId=c-1&profile.a=\xff HTTP/1.1\r\nHost: x\r\n\r\n"
    with target() as started:
        assert b" 400 " in raw(started, request).partition(b"\r\n")[0]
    assert not caplog.records


def test_a_profile_is_fetched_by_either_id() -> None:
    with target() as started:
        post(started, {"mboxPC": "1-2.28_20", "profile.a": "1"})
        post(started, {"mbox3rdPartyId": "a b%", "profile.a": "2"})
        fetched = [
            get(f"{started.url}/rest/v1/profiles/{path}?client=demo").json()["profileAttributes"]["a"]["value"]
            for path in ("1-2", "1-2.29_20", "thirdPartyId/a%20b%25")
        ]
        assert fetched == ["1", "1", "2"]


def test_a_profile_that_is_not_there_or_of_another_client_is_not_found() -> None:
    with target(profiles={"prefixes": ["c-"]}) as started:
        page = f"{started.url}/rest/v1/profiles/thirdPartyId/"
        found = get(f"{page}c-1?client=demo")
        assert (found.status_code, found.json()["profileAttributes"]) == (200, {})
        for missing in ("d-1?client=demo", "c-1?client=other", "c-1"):
            answer = get(page + missing)
            assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_the_fetch_asks_for_the_token_too() -> None:
    with target(token={"accepted": ["t"], "status": 403}) as started:
        page = f"{started.url}/rest/v1/profiles/1-2?client=demo"
        assert get(page).status_code == 403
        assert get(page, headers={"authorization": "Bearer t"}).status_code == 200


def test_it_is_switched_and_read_over_http() -> None:
    with target() as started:
        changed = httpx.patch(
            f"{started.url}/control", timeout=PATIENCE, json={"faults": [{"status": 503, "calls": 1}]}
        )
        assert changed.json()["faults"][0]["status"] == 503
        assert [post(started).status_code for _ in range(2)] == [503, 200]
        assert get(f"{started.url}/control/history?after=1").json()["next"] == 2
        assert get(f"{started.url}/control/nothing").status_code == 404
        events = [{"identity": "mbox3rdPartyId=c-1", "attributes": {"tier": "gold"}}] * 40_000
        verdict = httpx.post(f"{started.url}/control/judge", json={"events": events}, timeout=PATIENCE).json()
        assert verdict["sound"] is True


def test_it_is_switched_from_python_while_it_runs() -> None:
    with target() as started:
        started.control.patch(faults=[{"status": 500}])
        assert post(started).status_code == 500
        started.control.put({})
        assert post(started).status_code == 200
        started.control.reset()
        assert len(started.history) == 0


def test_latency_passes_before_the_answer() -> None:
    with target(latency="300ms") as started:
        before = time.monotonic()
        post(started)
        assert time.monotonic() - before >= 0.3


def give_up(to: Target, timeout: float = 0.25) -> None:
    """A call whose client does not wait for the answer."""
    with pytest.raises(httpx.ReadTimeout):
        post(to, timeout=timeout)


def test_an_update_takes_effect_on_arrival() -> None:
    with target(latency=600, accept="arrival") as started:
        give_up(started)
        assert soon(lambda: len(started.history) == 1), "long before its answer"


def test_an_update_takes_effect_with_the_answer() -> None:
    with target(latency="1500ms", accept="answer") as started:
        give_up(started)
        assert soon(lambda: len(started.history) == 1)  # the client has gone, the update takes effect all the same
        (call,) = started.history
        assert time.monotonic() - call.received >= 1.5


@pytest.mark.parametrize("effect", [False, True])
@pytest.mark.parametrize(
    ("delivery", "error"),
    [
        ("cut", httpx.RemoteProtocolError),
        ("reset", httpx.ReadError),
        ("truncate", httpx.RemoteProtocolError),
        ("hang", httpx.ReadTimeout),
        ("stall", httpx.ReadTimeout),
        ("drip", httpx.ReadTimeout),
    ],
)
def test_a_bad_delivery_is_what_the_client_sees_and_the_effect_is_as_told(
    delivery: str, error: type[Exception], *, effect: bool
) -> None:
    with target(faults=[{"delivery": delivery, "effect": effect, "pause": 600}]) as started:
        with pytest.raises(error):
            post(started, timeout=0.3 if error is httpx.ReadTimeout else PATIENCE)
        assert soon(lambda: len(started.history) == 1)
        (call,) = started.history
        assert call.accepted is effect


@pytest.mark.parametrize("delivery", ["hang", "stall", "drip"])
def test_a_call_that_its_client_gave_up_is_over_soon(delivery: str) -> None:
    with target(faults=[{"delivery": delivery, "pause": 0.05, "text": "x" * 10_000}]) as started:
        with (
            pytest.raises(httpx.ReadTimeout),
            httpx.Client(timeout=0.3) as client,
            client.stream("POST", started.update_url, data=GOLD) as answer,
        ):
            answer.read() if delivery != "drip" else _give_up()
        assert soon(lambda: len(started.history) == 1)
        assert soon(lambda: started.control.summary()["in_flight"] == 0)


def _give_up() -> None:
    raise httpx.ReadTimeout("enough")


def test_a_dripped_answer_arrives_whole_in_the_end() -> None:
    with target(faults=[{"delivery": "drip", "effect": True, "pause": 0.001}]) as started:
        assert "<success>true</success>" in post(started).text


def test_headers_arrive_before_the_silence() -> None:
    with (
        target(faults=[{"delivery": "stall", "status": 202}]) as started,
        httpx.stream("POST", started.update_url, data=GOLD, timeout=PATIENCE) as answer,
    ):
        assert answer.status_code == 202


def test_a_huge_body_arrives_whole_and_may_be_left_in_the_middle() -> None:
    with target(faults=[{"body": "huge", "huge_bytes": 5_000_001}]) as started:
        assert len(post(started).content) == 5_000_001
        with httpx.stream("POST", started.update_url, data=GOLD, timeout=PATIENCE) as answer:
            assert next(answer.iter_bytes(1000))
        assert soon(lambda: started.control.summary()["in_flight"] == 0)


def test_a_redirect_leads_elsewhere() -> None:
    with target(faults=[{"status": 307, "headers": {"Location": "/elsewhere"}}]) as started:
        answer = post(started)
        assert (answer.status_code, answer.headers["location"]) == (307, "/elsewhere")


def test_a_client_that_leaves_in_the_middle_of_its_body_has_made_no_call(caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST /m2/demo/profile/update HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nmbox3rd"
    with target() as started:
        url = httpx.URL(started.url)
        for abort in (False, True):
            with socket.create_connection((url.host, url.port), timeout=PATIENCE) as connection:
                if abort:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(head)
        assert post(started).status_code == 200
        assert len(started.history) == 1
    assert not caplog.records


@pytest.mark.parametrize("reset", [False, True])
def test_a_call_given_up_while_frozen_is_read_afterwards_even_from_a_connection_that_was_reset(*, reset: bool) -> None:
    """As any Linux server does: what the kernel had taken in before the RST can still be read."""
    body = b"mbox3rdPartyId=c-1&profile.a=late"
    head = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    with target() as started:
        url = httpx.URL(started.url)
        with started.frozen(), socket.create_connection((url.host, url.port), timeout=PATIENCE) as connection:
            connection.sendall(b"POST /m2/demo/profile/update HTTP/1.1\r\nHost: x\r\n" + head + body)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            with pytest.raises(httpx.ReadTimeout):
                post(started, timeout=0.2)
            assert len(started.history) == 0
        assert soon(lambda: [call.attributes for call in started.history] == [{"a": "late"}, {"tier": "gold"}])


def test_calls_at_once_are_seen_as_such() -> None:
    with target(latency=600, concurrency={"limit": 3}) as started:
        for _ in range(3):
            give_up(started)
        assert soon(lambda: started.control.summary()["in_flight"] == 3), "whoever asked, they are not answered yet"
        started.control.patch(latency=0)
        assert post(started).status_code == 503
        assert [call.status for call in started.history] == [200, 200, 200, 503]
        assert [call.overlapped for call in started.history] == [False, True, True, True]
        assert started.control.summary()["most_in_flight"] == 4


def test_a_taken_port_is_an_error_for_who_asked() -> None:
    with target() as started:
        port = httpx.URL(started.url).port
        assert port
        with pytest.raises(OSError, match="address already in use"), Target(port=port):
            pass


def test_the_same_port_can_be_taken_again_after_the_end() -> None:
    with target() as started:
        post(started)
        port = httpx.URL(started.url).port
    assert port
    with Target(port=port) as again:
        assert again.url == started.url
        assert post(again).status_code == 200


def test_the_end_comes_soon_even_with_calls_open(caplog: pytest.LogCaptureFixture) -> None:
    deliveries = ["hang", "stall", "drip", "whole"]
    faults = [{"delivery": delivery, "calls": 1, "pause": 600} for delivery in deliveries[:3]]
    with warnings.catch_warnings(), target(faults=faults, latency={"min": 0, "max": 0}) as started:
        for _ in faults:
            give_up(started, timeout=0.1)
        started.control.patch(latency=600)
        give_up(started, timeout=0.1)
        thread = started._thread
        before = time.monotonic()
    assert time.monotonic() - before < PATIENCE
    assert not thread.is_alive()
    gc.collect()  # a task that was lost would be complained of now
    assert not caplog.records


def test_it_speaks_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(  # noqa: S603  a fixed command
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",  # noqa: S607  of any place
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with Target(ssl_context=context) as started:
        assert started.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        assert httpx.post(started.update_url, data=GOLD, verify=trusting, timeout=PATIENCE).status_code == 200
        with pytest.raises(httpx.ConnectError):
            post(started)
