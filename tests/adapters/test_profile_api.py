from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from consumer import __version__
from consumer.adapters.profile_api import LONGEST_ANSWER, LONGEST_URL, Endpoint, ProfileApi
from consumer.core.command import Send
from consumer.core.outcome import Delivered, Misconfigured, Outcome, Refused, Throttled, Transient
from consumer.core.response_rules import ResponseRule, ResponseRules
from tests.adapters.scripted_target import ACCEPTED, ScriptedTarget, answer, arrived, closed_port, read_request, reset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.adapters.scripted_target import Script

POST = Endpoint("", timeout=60.0)
GET = POST._replace(method="GET")
IMPATIENT = POST._replace(timeout=0.2)
ATTRIBUTES = b"profile.tier=gold&profile.name=J%C3%BCrgen+A%2BB%26C"


def send(attributes: bytes = ATTRIBUTES, identity: bytes = b"mbox3rdPartyId=c-1") -> Send:
    return Send(number=1, permit=None, identity=identity, attributes=attributes)  # type: ignore[arg-type]


@asynccontextmanager
async def api(
    url: str, *rules: ResponseRule, how: Endpoint = POST, max_in_flight: int = 4
) -> AsyncIterator[ProfileApi]:
    opened = ProfileApi(how._replace(url=url), ResponseRules(rules), max_in_flight)
    try:
        yield opened
    finally:
        await opened.close()


def outcomes(target: ScriptedTarget, calls: int = 1, *rules: ResponseRule, how: Endpoint = POST) -> list[Outcome]:
    """What so many calls, one after the other, have as outcomes."""

    async def main() -> list[Outcome]:
        async with target.running(), api(target.url, *rules, how=how) as calling:
            return [await calling.call(send()) for _ in range(calls)]

    return asyncio.run(main())


# -- the request -------------------------------------------------------------------------------------------------------


def test_a_post_carries_identity_and_attributes_as_a_form() -> None:
    target = ScriptedTarget()
    assert outcomes(target) == [Delivered(200)]
    (request,) = target.requests
    assert (request.method, request.target) == ("POST", "/m2/acme/profile/update")
    assert request.body == b"mbox3rdPartyId=c-1&" + ATTRIBUTES
    assert request.headers == {
        "host": f"127.0.0.1:{target.port}",
        "user-agent": f"profile-consumer/{__version__}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(request.body)),
    }


def test_a_get_carries_the_same_in_its_query_and_no_body() -> None:
    target = ScriptedTarget()
    assert outcomes(target, how=GET) == [Delivered(200)]
    (request,) = target.requests
    assert request.method == "GET"
    assert parse_qsl(urlsplit(request.target).query, strict_parsing=True) == [
        ("mbox3rdPartyId", "c-1"),
        ("profile.tier", "gold"),
        ("profile.name", "Jürgen A+B&C"),
    ]
    assert request.body == b""
    assert "content-type" not in request.headers


@pytest.mark.parametrize(("excess", "method"), [(0, "GET"), (1, "POST")])
def test_a_get_becomes_a_post_when_its_url_is_longer_than_8192_bytes(excess: int, method: str) -> None:
    async def main(target: ScriptedTarget) -> None:
        async with target.running(), api(target.url, how=GET) as calling:
            fixed = len(f"{target.url}?mbox3rdPartyId=c-1&profile.a=")
            update = send(b"profile.a=" + b"x" * (LONGEST_URL - fixed + excess))
            assert await calling.call(update) == Delivered(200)

    asyncio.run(main(target := ScriptedTarget()))
    assert [request.method for request in target.requests] == [method]
    if method == "GET":
        assert len(f"http://127.0.0.1:{target.port}{target.requests[0].target}") == 8192


def test_a_query_in_the_path_is_kept() -> None:
    target = ScriptedTarget()

    async def main() -> None:
        async with target.running(), api(target.url + "?client=acme", how=GET) as calling:
            await calling.call(send())

    asyncio.run(main())
    assert target.requests[0].target.startswith("/m2/acme/profile/update?client=acme&mbox3rdPartyId=c-1&profile.tier")


def test_connections_are_kept_and_never_more_than_calls_may_be_in_flight() -> None:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer(200, ACCEPTED))

    async def main(target: ScriptedTarget) -> None:
        async with target.running(), api(target.url, max_in_flight=3) as calling:
            for _ in range(2):
                assert await asyncio.gather(*[calling.call(send()) for _ in range(12)]) == [Delivered(200)] * 12

    asyncio.run(main(target := ScriptedTarget(slowly)))
    assert target.most_connections == target.connections == 3


# -- the token ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "name"), [("Authorization", "authorization"), ("X-Api-Token", "x-api-token")])
def test_the_token_goes_into_its_header(tmp_path: Path, header: str, name: str) -> None:
    file = tmp_path / "token"
    file.write_text("\n s3cret-token \n")
    target = ScriptedTarget()
    assert outcomes(target, how=POST._replace(token_file=file, token_header=header)) == [Delivered(200)]
    assert target.requests[0].headers[name] == "Bearer s3cret-token"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_read_again_before_the_next_call(tmp_path: Path, status: int) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    async def replace(writer: asyncio.StreamWriter) -> None:
        file.write_text("new")
        writer.write(answer(status))

    target = ScriptedTarget(replace, answer(200, ACCEPTED))
    refused, delivered = outcomes(target, 2, how=POST._replace(token_file=file))
    assert (type(refused), delivered) == (Misconfigured, Delivered(200))
    assert [request.headers["authorization"] for request in target.requests] == ["Bearer old", "Bearer new"]


def test_without_a_token_nothing_is_sent_and_the_file_is_named(tmp_path: Path) -> None:
    target = ScriptedTarget()
    missing = tmp_path / "token"
    how = POST._replace(token_file=missing)
    assert outcomes(target, how=how) == [Misconfigured(None, f"token_file_unreadable: {missing}")]
    assert target.connections == 0


# -- the answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(200, b"<success>false</success>"), Refused(200, "success_false")),
        (answer(200), Transient(200, "body_empty")),
        (answer(429, b"", "Retry-After: 7"), Throttled(429, 7.0)),
        (answer(503), Throttled(503)),
        (answer(500, b"", "retry-after: 2"), Transient(500, "server_error", 2.0)),
        (answer(400), Refused(400, "status_refused")),
        (answer(404), Misconfigured(404, "address_unknown")),
        (answer(401), Misconfigured(401, "unauthorized")),
    ],
)
def test_status_header_and_body_are_judged(raw: bytes, outcome: Outcome) -> None:
    assert outcomes(ScriptedTarget(raw)) == [outcome]


def test_retry_after_as_a_date_is_read_with_the_wall_clock() -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3600))
    (outcome,) = outcomes(ScriptedTarget(answer(429, b"", f"Retry-After: {date}")))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after is not None
    assert 3000 < outcome.retry_after <= 3600


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("86400", 86400.0), ("-1", None), ("soon", None), ("", None)],
)
def test_retry_after_of_any_kind_is_taken_or_let_go(header: str, seconds: float | None) -> None:
    assert outcomes(ScriptedTarget(answer(503, b"", f"Retry-After: {header}"))) == [Throttled(503, seconds)]


def test_configured_rules_are_tried_first() -> None:
    target = ScriptedTarget(answer(200, b"quota exceeded"))
    assert outcomes(target, 1, ResponseRule(200, "throttled", "quota")) == [Throttled(200)]


def test_not_found_is_blamed_on_the_address_until_a_call_was_delivered() -> None:
    target = ScriptedTarget(answer(404), answer(200, ACCEPTED), answer(404))
    assert outcomes(target, 4) == [
        Misconfigured(404, "address_unknown"),
        Delivered(200),
        Refused(404, "status_refused"),
        Refused(404, "status_refused"),
    ]


def test_a_redirect_is_not_followed_and_the_token_stays_here(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret")
    how = POST._replace(token_file=file)

    async def main() -> None:
        async with elsewhere.running():
            moved = answer(307, b"", f"Location: {elsewhere.url}")
            async with ScriptedTarget(moved).running() as target, api(target.url, how=how) as calling:
                assert await calling.call(send()) == Misconfigured(307, "redirected")
                assert len(target.requests) == 1

    elsewhere = ScriptedTarget()
    asyncio.run(main())
    assert elsewhere.connections == 0


def test_no_cookie_of_one_visitor_travels_to_the_next() -> None:
    baked = ["Set-Cookie: mboxPC=1368007744041-575948.01_00; Path=/", "Set-Cookie: mboxSession=1; Domain=localhost"]

    async def main() -> None:
        async with (
            target.running(),
            api(target.url.replace("127.0.0.1", "localhost")) as calling,
        ):  # no IP: kept by jars
            for _ in range(3):
                assert await calling.call(send()) == Delivered(200)

    target = ScriptedTarget(answer(200, ACCEPTED, *baked))
    asyncio.run(main())
    assert len(target.requests) == 3
    assert not any("cookie" in request.headers for request in target.requests)


def test_an_answer_is_read_up_to_64_kib_and_its_connection_dropped() -> None:
    dropped = asyncio.Event()

    async def endlessly(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\ntrue")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            dropped.set()
            raise

    async def main() -> None:
        async with target.running(), api(target.url) as calling:
            assert await calling.call(send()) == Delivered(200)
            async with asyncio.timeout(60):
                await dropped.wait()
            assert await calling.call(send()) == Delivered(200)

    target = ScriptedTarget(endlessly, answer(200, ACCEPTED))
    asyncio.run(main())
    assert [request.connection for request in target.requests] == [1, 2]


@pytest.mark.parametrize(
    ("blanks", "outcome"),
    [(LONGEST_ANSWER - 4, Delivered(200)), (LONGEST_ANSWER - 3, Transient(200, "body_unreadable"))],
)
def test_what_stands_after_64_kib_is_not_judged(blanks: int, outcome: Outcome) -> None:
    body = b" " * blanks + b"true"
    assert outcomes(ScriptedTarget(answer(200, body))) == [outcome]
    assert outcomes(ScriptedTarget(answer(200, gzip.compress(body), "Content-Encoding: gzip"))) == [outcome]


def test_an_answer_may_come_compressed_though_that_was_not_asked_for() -> None:
    packed = gzip.compress(ACCEPTED)
    assert outcomes(ScriptedTarget(answer(200, packed, "Content-Encoding: gzip"))) == [Delivered(200)]
    broken = ScriptedTarget(answer(200, ACCEPTED, "Content-Encoding: gzip"))
    assert outcomes(broken) == [Transient(None, "body_unreadable")]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100_000):
        writer.write(b"t")
        await writer.drain()
        await asyncio.sleep(0.01)


async def headers_then_silence(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(3600)


async def silence(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


@pytest.mark.parametrize("script", [drip, headers_then_silence, silence])
def test_a_call_takes_no_longer_than_the_timeout_in_total(script: Script) -> None:
    begun = time.monotonic()
    assert outcomes(ScriptedTarget(script), how=IMPATIENT) == [Transient(None, "timeout")]
    assert time.monotonic() - begun < 30


async def reset_at_once(writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def reset_in_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntrue")
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)


async def close_at_once(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def close_in_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntrue")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("script", [reset_at_once, reset_in_the_body, close_at_once, close_in_the_body])
def test_a_broken_connection_is_no_delivery_whatever_was_said_before(script: Script) -> None:
    assert outcomes(ScriptedTarget(script)) == [Transient(None, "connection_lost")]


def test_an_answer_that_is_no_http_is_transient() -> None:
    assert outcomes(ScriptedTarget(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) == [Transient(None, "answer_malformed")]
    assert outcomes(ScriptedTarget(answer(200, ACCEPTED, "X: " + "y" * 100_000))) == [
        Transient(None, "answer_malformed")
    ]


def test_nobody_listening_is_a_failure_to_connect() -> None:
    async def main(port: int) -> Outcome:
        async with api(f"http://127.0.0.1:{port}/") as calling:
            return await calling.call(send())

    with closed_port() as port:
        assert asyncio.run(main(port)) == Transient(None, "connect_failed")


def test_a_name_that_does_not_exist_is_a_failure_of_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def main() -> Outcome:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        async with api("http://target.invalid/m2/acme/profile/update") as calling:
            return await calling.call(send())

    assert asyncio.run(main()) == Transient(None, "dns_failed")


def test_an_unforeseen_exception_becomes_an_outcome_that_names_its_class_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_request: object) -> None:
        raise KeyError("c-1")

    async def main() -> Outcome:
        async with api("http://127.0.0.1:1/") as calling:
            monkeypatch.setattr(calling._transport, "handle_async_request", fail)
            return await calling.call(send())

    assert asyncio.run(main()) == Transient(None, "unexpected: KeyError")


def test_a_get_on_a_kept_connection_that_is_closed_is_not_sent_again_behind_our_back() -> None:
    target = ScriptedTarget(answer(200, ACCEPTED), close_at_once, answer(200, ACCEPTED))
    assert outcomes(target, 2, how=GET) == [Delivered(200), Transient(None, "connection_lost")]
    assert [request.connection for request in target.requests] == [1, 1]


@pytest.mark.parametrize("size", [10, 50_000])
def test_a_call_that_was_given_up_is_never_accepted_later(size: int) -> None:
    """A front that reads late: without the reset on closing it would accept the old value after the new one."""
    accepted: list[bytes] = []
    given_up, read = asyncio.Event(), asyncio.Semaphore(0)

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await given_up.wait()
            await arrived()
            request = await read_request(reader)
            accepted.append(request.body[:40])
            writer.write(answer(200, ACCEPTED))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            read.release()

    async def main() -> list[Outcome]:
        server = await asyncio.start_server(front, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with server, api(url, how=IMPATIENT) as impatient, api(url) as calling:
            old = await impatient.call(send(b"profile.tier=old" + b"x" * size))
            given_up.set()
            new = await calling.call(send(b"profile.tier=new" + b"x" * size))
            for _ in range(2):
                await read.acquire()
        return [old, new]

    assert asyncio.run(main()) == [Transient(None, "timeout"), Delivered(200)]
    assert len(accepted) == 1
    assert b"tier=new" in accepted[0]


def test_nothing_of_a_call_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "token"
    file.write_text("s3cret")
    scripts = (answer(200, ACCEPTED), answer(302, b"", "Location: /x"), reset_at_once, b"rubbish\r\n\r\n", silence)
    for how in (IMPATIENT, IMPATIENT._replace(method="GET")):
        outcomes(ScriptedTarget(*scripts), 5, how=how._replace(token_file=file))
    for secret in ("c-1", "gold", "s3cret"):
        assert secret not in caplog.text


def test_a_connection_that_the_other_side_has_half_closed_loses_and_doubles_nothing() -> None:
    async def half_close(writer: asyncio.StreamWriter) -> None:
        writer.write(answer(200, ACCEPTED))
        await writer.drain()
        writer.write_eof()

    async def main() -> list[Outcome]:
        async with target.running(), api(target.url) as calling:
            first = await calling.call(send(b"profile.a=1"))
            await arrived()  # its FIN
            return [first, await calling.call(send(b"profile.a=2"))]

    target = ScriptedTarget(half_close, answer(200, ACCEPTED))
    assert asyncio.run(main()) == [Delivered(200), Delivered(200)]
    assert [request.body.rpartition(b"&")[2] for request in target.requests] == [b"profile.a=1", b"profile.a=2"]
    assert [request.connection for request in target.requests] == [1, 2]
