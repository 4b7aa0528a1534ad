"""A server on a loopback socket that does with each request what a test says, however ill-mannered."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Script = Callable[[asyncio.StreamWriter], Awaitable[None]]

ACCEPTED = b"<response><success>true</success><message>Request successfully submitted</message></response>"


class Request(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    connection: int


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset."""
    opened = cast("socket.socket", writer.get_extra_info("socket"))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else gets meanwhile, be it for a connection to itself."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def arrived() -> None:
    """Until the loop has seen what was done to its connections: each sleep looks at all of them, however late it is."""
    for _ in range(5):
        await asyncio.sleep(0.01)


class ScriptedTarget:
    """Answers the n-th request with the n-th script, further ones with the last: bytes, or what writes them."""

    def __init__(self, *scripts: bytes | Script) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self.connections = 0
        self.most_connections = 0
        self._open = 0
        self._scripts = scripts or (answer(200, ACCEPTED),)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/m2/acme/profile/update"

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedTarget]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self.most_connections = max(self.most_connections, self._open)
        number = self.connections
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while not writer.is_closing():
                    self.requests.append(await read_request(reader, number))
                    script = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
                    if isinstance(script, bytes):
                        writer.write(script)
                    else:
                        await script(writer)
                    await writer.drain()
        finally:
            self._open -= 1
            writer.transport.abort()


async def read_request(reader: asyncio.StreamReader, connection: int = 1) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body, connection)
