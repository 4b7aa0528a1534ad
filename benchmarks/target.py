"""A Target that costs next to nothing, in a process of its own: what is measured is who calls it.

    python -m benchmarks.target [LATENCY_MS [CALLS_A_SECOND]]

Prints its port, answers each POST after the latency with the documented success (or with 429, at once, beyond so many
calls in a second), and a GET with what it saw as JSON: calls accepted and refused, the time of the first and the last
(CLOCK_MONOTONIC), calls whose number is lower than an earlier one of the same identity (an older value over a newer
one), the 99th percentile of the time from an event's `at` to its call, and, at `/log`, time and identity of each call.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import time

import orjson

FORM = re.compile(rb"mbox3rdPartyId=([^&]*)&.*?profile\.number=(\d+).*?profile\.at=([\d.]+)", re.DOTALL)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
BODY = b"<response><success>true</success><message>Request successfully submitted</message></response>"
LATE = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Seen:
    """What all connections saw together."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._second = 0
        self._in_second = 0
        self.calls = self.stale = self.refused = 0
        self.first = self.last = 0.0
        self.log: list[tuple[float, str]] = []
        self.newest: dict[bytes, int] = {}
        self.delays: list[float] = []

    def accepts(self) -> bool:
        """Whether one more call is allowed in this second."""
        second = int(time.monotonic())
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        allowed = self._in_second <= self._limit
        self.refused += not allowed
        return allowed

    def call(self, form: bytes) -> None:
        """One call that is accepted."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.calls += 1
        found = FORM.match(form)
        if found is None:
            raise ValueError("the form has no identity, number and time in this order")
        identity, number, at = found.groups()
        if int(number) < self.newest.get(identity, -1):
            self.stale += 1
        else:
            self.newest[identity] = int(number)
        self.delays.append(self.last - float(at))
        self.log.append((self.last, identity.decode()))

    def report(self) -> bytes:
        """As JSON."""
        delays = sorted(self.delays)
        return orjson.dumps(
            {
                "calls": self.calls,
                "refused": self.refused,
                "stale": self.stale,
                "first": self.first,
                "last": self.last,
                "identities": len(self.newest),
                "delay_p99": delays[len(delays) * 99 // 100] if delays else None,
            }
        )


class Connection(asyncio.Protocol):
    """Requests one after the other, as our HTTP clients send them: no pipelining, a length before each body."""

    def __init__(self, seen: Seen, latency: float) -> None:
        self._seen = seen
        self._latency = latency
        self._received = b""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # a TCP server has no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when a request is whole."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = LENGTH.search(head)
        if length is not None and len(body) < int(length[1]):
            return
        self._received = b""
        if head.startswith(b"GET"):
            report = orjson.dumps(self._seen.log) if head.startswith(b"GET /log") else self._seen.report()
            self._write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(report), report))
            return
        if not self._seen.accepts():
            self._write(LATE)
            return
        self._seen.call(body)
        if self._latency:
            self._loop.call_later(self._latency, self._write, ANSWER)
        else:
            self._write(ANSWER)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def main() -> None:
    """Serve until killed."""
    latency = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
    seen = Seen(float(sys.argv[2]) if len(sys.argv) > 2 else float("inf"))  # noqa: PLR2004 - the second argument
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(seen, latency), "127.0.0.1", 0, backlog=1024)
    gc.freeze()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
