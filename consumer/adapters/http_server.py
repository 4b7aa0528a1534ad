"""The HTTP server for probes, Prometheus and people: `/livez`, `/readyz`, `/metrics`, `/status.json` and `/`.

It has a thread and an event loop of its own: a scrape or a page (some milliseconds of work) never delays a call to
Target, and `/livez` answers when the sender's loop does not. It only reads the status board and the heartbeat.

A client cannot hurt: nothing but GET and HEAD, no bodies, one request a connection, few connections at once, and each
is cut off after some seconds, however slowly it reads or writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aiohttp.web_response import Response
from aiohttp.web_server import Server

from consumer.adapters import status_page
from consumer.adapters.health import ready
from consumer.adapters.history import History
from consumer.adapters.status import to_json
from consumer.adapters.status_assets import POLICY
from consumer.adapters.status_page import View
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_protocol import RequestHandler
    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse

    from consumer.adapters.health import Answer, Heartbeat
    from consumer.adapters.metrics import Metrics
    from consumer.adapters.status import StatusBoard
    from consumer.adapters.status_page import About

MOST_CONNECTIONS = 64
"""More than these at once are closed at once."""

CONNECTION_SECONDS = 15.0
"""A connection that lasts longer is cut off."""

_TICK_SECONDS = 1.0
_UNHEARD = (OSError, ValueError, OverflowError)  # no such address; not a host name; not a port
_HEADERS = {
    "Server": "profile-consumer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Sources(NamedTuple):
    """What the server reads."""

    about: About
    board: StatusBoard
    heartbeat: Heartbeat
    metrics: Metrics


class HttpServer:
    """Serves `sources` on host and port from `start` until `stop`; port 0 takes a free one."""

    def __init__(self, host: str, port: int, sources: Sources) -> None:
        self._address = (host, port)
        self._pages = _Pages(sources)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="http-server", daemon=True)
        self._listening: Future[int] = Future()
        self._end: Callable[[], object] = lambda: None

    def start(self) -> int:
        """Listen, and return the port; raises Stopped when the address cannot be had."""
        self._thread.start()
        try:
            return self._listening.result()
        except _UNHEARD as error:
            raise Stopped(_explain(error, *self._address)) from error

    def stop(self) -> None:
        """Close every connection and end the thread; may be called twice, or before `start`."""
        if self._thread.is_alive():
            self._end()
            self._thread.join()

    async def _serve(self) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        self._end = partial(loop.call_soon_threadsafe, ending.set)
        door = _Door(self._pages.answer)
        try:
            listener = await loop.create_server(door, *self._address)
        except _UNHEARD as error:
            self._listening.set_exception(error)
            return
        self._listening.set_result(listener.sockets[0].getsockname()[1])
        while not ending.is_set():
            self._pages.sample()
            door.sweep(loop.time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), _TICK_SECONDS)
        listener.close()
        await door.shutdown(_TICK_SECONDS)


class _Door(Server):
    """aiohttp's server, letting few connections in at once and each for a short time."""

    def __init__(self, handler: Callable[[BaseRequest], Awaitable[StreamResponse]]) -> None:
        super().__init__(handler, access_log=None, lingering_time=0.0)
        self._seen: dict[RequestHandler, float] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Called for each connection; several may have been accepted before the first of these calls."""
        if len(self.connections) < MOST_CONNECTIONS:
            super().connection_made(handler, transport)
        else:
            transport.abort()

    def sweep(self, now: float) -> None:
        """Cut off whoever has been here for too long; a client that reads slowly would stay for ever."""
        self._seen = {connection: self._seen.get(connection, now) for connection in self.connections}
        for connection, since in self._seen.items():
            if now - since >= CONNECTION_SECONDS and connection.transport is not None:
                connection.transport.abort()


class _Pages:
    """The answer to each path."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._history = History()
        self._paths: dict[str, Callable[[BaseRequest], Response]] = {
            "/": self._page,
            "/livez": lambda _: _answer(self._live()),
            "/readyz": lambda _: _answer(self._ready()),
            "/metrics": self._metrics,
            "/status.json": lambda _: Response(
                body=to_json(self._sources.board.latest.status), content_type="application/json"
            ),
        }

    async def answer(self, request: BaseRequest) -> Response:
        """The handler of aiohttp's low-level server."""
        page = self._paths.get(request.path)
        if request.method not in ("GET", "HEAD"):
            response = Response(status=405, text="only GET and HEAD\n", headers={"Allow": "GET, HEAD"})
        elif page is None:
            response = Response(status=404, text="try / /livez /readyz /metrics /status.json\n")
        else:
            response = page(request)
        response.headers.update(_HEADERS)
        response.force_close()
        return response

    def sample(self) -> None:
        """Feed the plots; called every second."""
        status = self._sources.board.latest.status
        self._history.sample(time.time(), sum(status.calls.values()), status.quota.used)

    def _live(self) -> Answer:
        return self._sources.heartbeat.live(time.monotonic())

    def _ready(self) -> Answer:
        return ready(self._sources.board.latest, time.monotonic())

    def _metrics(self, request: BaseRequest) -> Response:
        body, content_type = self._sources.metrics.exposition(request.headers.get("Accept", ""))
        return Response(body=body, headers={"Content-Type": content_type})

    def _page(self, _request: BaseRequest) -> Response:
        snapshot, samples = self._sources.board.latest, self._history.samples
        view = View(self._sources.about, snapshot, samples, self._live(), self._ready(), time.time())
        return Response(text=status_page.render(view), content_type="text/html")


def _answer(answer: Answer) -> Response:
    return Response(status=200 if answer.ok else 503, text=f"{answer.why}\n")


def _explain(error: Exception, host: str, port: int) -> str:
    """Why we cannot listen, and which setting to change."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"http.port: {port} on {host} is in use by another process; choose a free port"
    if number == errno.EACCES:
        return f"http.port: listening on {port} needs a privilege; choose a port above 1023"
    return f"http.host: cannot listen on {host}; choose an address of this machine, or 0.0.0.0 for all"
