"""Connections to Target on which nothing happens behind our back: no resend, no cookie, no credentials of others.

- A connection is closed by dropping what is in it and resetting it: `SO_LINGER`, a socket's buffer that holds a whole
  request (`SO_SNDBUF`), and under TLS no farewell, for which asyncio would wait half a minute. Else a call that was
  given up, and made again with newer values, may be accepted after its successor.
- aiohttp sends a GET again by itself when a kept connection turns out to be closed. That would be a call that the quota
  does not know; it is switched off.
- A visitor's cookie would travel to the next visitor; there is no jar.
- aiohttp's `trust_env` is off: it reads `.netrc`, for every call, and sends what it finds there. The proxy that the
  environment names is looked up here, once.

Certificates are verified against those of the system, or against the standard `SSL_CERT_FILE` and `SSL_CERT_DIR`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport

if TYPE_CHECKING:
    from aiohttp.connector import AddrInfoType

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_SEND_BUFFER: Final = 256 * 1024


def transport(url: str, max_connections: int) -> AiohttpTransport:
    """A transport for calls of `url`; it opens its session at the first call, in the event loop that makes it."""
    tls = ssl.create_default_context()
    proxy = proxy_for(url)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=max_connections, ssl=tls, socket_factory=_socket)
        handler: type[ResponseHandler] = _Abrupt
        connector._factory = partial(handler, loop=asyncio.get_running_loop())  # noqa: SLF001 - no public way
        opened = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), proxy=proxy)
        opened._retry_connection = False  # noqa: SLF001 - as above
        return opened

    return AiohttpTransport(verify=tls, limits=httpx.Limits(max_connections=max_connections), client=session)


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case) names for `url`."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class _Abrupt(ResponseHandler):
    """A connection that is never closed politely."""

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        super().close()


def _socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return opened
