"""The ceiling of any client on one asyncio loop with this target: bytes on sockets, without an HTTP library."""

from __future__ import annotations

import asyncio
import signal
import sys
from urllib.parse import urlsplit

import orjson

from benchmarks.peers.form import form
from benchmarks.workload import event


async def main(url: str, at_once: int, count: int) -> None:
    """Make `count` calls."""
    print("assigned", flush=True)
    numbers = iter(range(count))
    where = urlsplit(url)
    body = form(orjson.loads(event(1, 0)))
    request = b"POST %b HTTP/1.1\r\nHost: target\r\nContent-Length: %d\r\n\r\n%b" % (
        where.path.encode(),
        len(body),
        body,
    )

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for _ in numbers:
            writer.write(request)
            if b"true" not in await reader.readuntil(b"</response>"):
                raise ValueError("not accepted")
        writer.close()

    await asyncio.gather(*(worker() for _ in range(at_once)))
    print("done", flush=True)
    signal.pause()  # who measures ends it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
