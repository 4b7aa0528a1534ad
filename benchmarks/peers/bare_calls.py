"""(b) The ceiling of our HTTP stack: httpx on the httpx-aiohttp transport, so many calls at once, and nothing else."""

from __future__ import annotations

import asyncio
import signal
import sys

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from benchmarks.peers.form import form
from benchmarks.workload import event


async def main(url: str, at_once: int, count: int) -> None:
    """Make `count` calls."""
    print("assigned", flush=True)
    numbers = iter(range(count))
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    body = form(orjson.loads(event(1, 0)))

    async def worker(client: httpx.AsyncClient) -> None:
        for _ in numbers:
            answer = await client.post(url, content=body)
            if b"true" not in answer.content:
                raise ValueError(answer.content)

    async with httpx.AsyncClient(transport=AiohttpTransport(limits=limits)) as client:
        await asyncio.gather(*(worker(client) for _ in range(at_once)))
    print("done", flush=True)
    signal.pause()  # who measures ends it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
