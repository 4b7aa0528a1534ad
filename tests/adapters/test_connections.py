from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from consumer.adapters.connections import proxy_for
from consumer.adapters.profile_api import Endpoint, ProfileApi
from consumer.core.command import Send
from consumer.core.outcome import Delivered, Misconfigured, Outcome, Transient
from consumer.core.response_rules import ResponseRules
from tests.adapters.scripted_target import ScriptedTarget, answer, arrived, closed_port

if TYPE_CHECKING:
    from pathlib import Path

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def call(url: str, timeout: float = 60.0) -> Outcome:  # noqa: ASYNC109 - the endpoint's setting
    api = ProfileApi(Endpoint(url, timeout), ResponseRules(), 4)
    try:
        return await api.call(Send(1, None, b"mbox3rdPartyId=c-1", b"profile.a=1"))  # type: ignore[arg-type]
    finally:
        await api.close()


# -- the socket --------------------------------------------------------------------------------------------------------


def test_a_socket_resets_on_close_and_holds_a_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[tuple[int, int]] = []

    class Watched(socket.socket):
        def connect(self, address: object) -> None:
            linger = self.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            options.append((int.from_bytes(linger, "little"), self.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)))
            super().connect(address)  # type: ignore[arg-type]

    async def main() -> Outcome:
        async with ScriptedTarget().running() as target:
            monkeypatch.setattr(socket, "socket", Watched)
            outcome = await call(target.url)
            monkeypatch.undo()
            return outcome

    assert asyncio.run(main()) == Delivered(200)
    ((linger, buffer),) = options
    assert linger == 1  # on, for zero seconds
    assert buffer >= 128 * 1024


# -- proxies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://acme.tt.omtrdc.net/x", None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "https://acme.tt.omtrdc.net/x", "http://proxy:3128"),
        ({"https_proxy": "proxy:3128"}, "https://acme.tt.omtrdc.net/x", "http://proxy:3128"),
        ({"HTTPS_PROXY": ""}, "https://acme.tt.omtrdc.net/x", None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "https://acme.tt.omtrdc.net/x", None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "http://acme.example/x", "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": ".omtrdc.net"}, "https://acme.tt.omtrdc.net/x", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, "https://acme.tt.omtrdc.net/x", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.1:8443"}, "https://10.0.0.1:8443/x", None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "other.net"}, "https://acme.tt.omtrdc.net/x", "http://p"),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_calls_go_through_the_proxy_with_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with proxy.running():
            monkeypatch.setenv("HTTP_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
            assert await call("http://target.invalid/m2/acme/profile/update") == Delivered(200)

    proxy = ScriptedTarget()
    asyncio.run(main())
    (request,) = proxy.requests
    assert request.target == "http://target.invalid/m2/acme/profile/update"
    assert request.headers["host"] == "target.invalid"
    assert request.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (407, Misconfigured(407, "proxy_refused")),
        (403, Misconfigured(403, "proxy_refused")),
        (502, Transient(None, "proxy_failed")),
    ],
)
def test_a_proxy_that_opens_no_tunnel(monkeypatch: pytest.MonkeyPatch, status: int, outcome: Outcome) -> None:
    async def main() -> Outcome:
        async with proxy.running():
            monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
            return await call("https://target.invalid/")

    proxy = ScriptedTarget(answer(status))
    assert asyncio.run(main()) == outcome
    assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", "target.invalid:443")]


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert asyncio.run(call("http://target.invalid/")) == Transient(None, "proxy_failed")


# -- nothing of our own that nobody asked for --------------------------------------------------------------------------


def test_credentials_in_a_netrc_file_stay_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login user password pass\ndefault login user password pass\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def main() -> None:
        async with target.running():
            assert await call(target.url) == Delivered(200)
        async with proxy.running():
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            assert await call("http://target.invalid/") == Delivered(200)

    target, proxy = ScriptedTarget(), ScriptedTarget()
    asyncio.run(main())
    for request in (*target.requests, *proxy.requests):
        assert not {"authorization", "proxy-authorization"} & request.headers.keys()


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=target"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(["openssl", *options.split(), *names], check=True, capture_output=True)  # noqa: S603, S607 - ours
    with file.open("a") as both:
        both.write(file.with_suffix(".pem.crt").read_text())
    return file


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def secure(target: ScriptedTarget) -> str:
    return target.url.replace("http://", "https://")


def test_a_certificate_that_nobody_vouches_for_is_misconfigured(certificate: Path) -> None:
    async def main() -> Outcome:
        async with target.running(serving(certificate)):
            return await call(secure(target))

    target = ScriptedTarget()
    assert asyncio.run(main()) == Misconfigured(None, "tls_verification")
    assert target.requests == []


def test_a_certificate_of_the_file_in_the_environment_is_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")

    async def main() -> None:
        async with target.running(serving(certificate)):
            assert await call(secure(target)) == Delivered(200)
            elsewhere = secure(target).replace("127.0.0.1", "localhost")  # not the name in the certificate
            assert await call(elsewhere) == Misconfigured(None, "tls_verification")

    target = ScriptedTarget()
    asyncio.run(main())


def test_tls_goes_through_a_tunnel(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        host, port = head.split(b" ")[1].decode().split(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(ConnectionError):
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def main() -> Outcome:
        async with target.running(serving(certificate)):
            proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
            async with proxy:
                monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
                return await call(secure(target))

    target = ScriptedTarget()
    assert asyncio.run(main()) == Delivered(200)
    assert [request.method for request in target.requests] == ["POST"]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.transport.abort()


def test_a_server_that_speaks_no_tls_is_transient() -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(400))
        await writer.drain()
        writer.close()

    async def main() -> Outcome:
        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        async with server:
            return await call(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

    assert asyncio.run(main()) == Transient(None, "tls_failed")


def test_a_call_over_tls_that_was_given_up_is_never_accepted_later(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A polite farewell of TLS would tell the front that the request is complete."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    accepted, ends = [], []
    connected, given_up, judged = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await given_up.wait()
        await arrived()
        try:
            accepted.append(await reader.readuntil(b"profile.a=1"))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            ends.append(type(error))
        writer.transport.abort()
        judged.set()

    async def main() -> Outcome:
        server = await asyncio.start_server(front, "127.0.0.1", 0, ssl=serving(certificate))
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            while not connected.is_set():  # it was too short for the handshake
                outcome = await call(url, timeout=0.5)
            given_up.set()
            await judged.wait()
            return outcome

    assert asyncio.run(main()) == Transient(None, "timeout")
    assert accepted == []
    assert ends == [ConnectionResetError]
