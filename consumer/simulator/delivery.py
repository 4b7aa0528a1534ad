"""Writes answers to sockets, well or badly."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from consumer.simulator.answers import Answer

_LOOK_AGAIN: Final = 0.25
_CHUNK: Final = b"x" * 65536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


async def read_body(request: web.BaseRequest, limit: int) -> bytes | None:
    """The whole body; None when it is larger than `limit` bytes. Raises when the client leaves before its end."""
    if not request.can_read_body:
        return b""
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


async def deliver(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Answer a request as the answer says; returns or raises `ConnectionError` when nobody listens any more."""
    if answer.delivery == "whole" and not answer.huge:
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await _deliver(request, answer, response)
    return response


def close(request: web.BaseRequest, *, reset: bool = False) -> None:
    """Close the connection of a request after what was written: with FIN, or at once with RST."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()


async def _deliver(request: web.BaseRequest, answer: Answer, response: web.StreamResponse) -> None:
    match answer.delivery:
        case "cut" | "reset":
            close(request, reset=answer.delivery == "reset")
        case "hang":
            await _until_gone(request)
        case "stall":
            await _begin(request, answer, response)
            await _until_gone(request)
        case "truncate":
            await _begin(request, answer, response)
            await response.write(answer.body[: len(answer.body) // 2])
            close(request)
        case "drip":
            await _begin(request, answer, response)
            for index in range(len(answer.body)):
                await response.write(answer.body[index : index + 1])
                await asyncio.sleep(answer.pause)
        case "whole":
            await _begin(request, answer, response)
            await response.write(answer.body)
            for start in range(0, answer.huge, len(_CHUNK)):
                await response.write(_CHUNK[: answer.huge - start])


async def _begin(request: web.BaseRequest, answer: Answer, response: web.StreamResponse) -> None:
    response.content_length = len(answer.body) + answer.huge
    await response.prepare(request)


async def _until_gone(request: web.BaseRequest) -> None:
    """Handlers are not cancelled when their client leaves, since calls outlive it; so this one has to look."""
    while (transport := request.transport) is not None and not transport.is_closing():  # noqa: ASYNC110  see above
        await asyncio.sleep(_LOOK_AGAIN)
