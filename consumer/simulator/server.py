"""Serves a simulation over HTTP: updates, the fetch of profiles, and the control endpoint."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from consumer.simulator.answers import PAGE
from consumer.simulator.control import Control
from consumer.simulator.delivery import close, deliver, read_body
from consumer.simulator.profiles import is_known, not_found, page
from consumer.simulator.simulation import Arrival
from consumer.simulator.update import MAX_BODY, visitor

if TYPE_CHECKING:
    import logging
    import ssl
    from collections.abc import AsyncIterator

    from consumer.simulator.simulation import Simulation

_JSON: Final = {"Content-Type": "application/json"}
_MAX_LINE: Final = 1 << 20  # longer than Target takes, so that the simulation refuses it and not the HTTP parser
_MAX_CONTROL: Final = 1 << 30
_PROFILES: Final = "/rest/v1/profiles/"
_THIRD_PARTY: Final = "thirdPartyId/"


class Site:
    """Answers HTTP requests from a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.control = Control(simulation)
        self._simulation = simulation
        self._update_path = f"/m2/{simulation.client}/profile/update"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request of any kind."""
        path = request.raw_path.partition("?")[0]
        try:
            if path == self._update_path:
                return await self._update(request)
            if path.startswith("/control"):
                return await self._control(request, path)
            if path.startswith(_PROFILES):
                return self._fetch(request, path.removeprefix(_PROFILES))
        except (ConnectionError, web.RequestPayloadError):  # the client has left
            close(request)
            return web.Response()
        return web.Response(status=404, body=PAGE, content_type="text/html")

    async def _update(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "POST"}:
            return web.Response(status=405, body=PAGE, content_type="text/html", headers={"Allow": "GET, POST"})
        body = await read_body(request, MAX_BODY)
        simulation = self._simulation
        ruling = simulation.receive(
            Arrival(request.method, request.raw_path, body, request.headers, time.monotonic(), time.time())
        )
        try:
            if not ruling.late:
                simulation.record(ruling)
            if ruling.latency:
                await asyncio.sleep(ruling.latency)
            if ruling.late:
                simulation.record(ruling)
            return await deliver(request, ruling.answer)
        finally:
            simulation.finish(ruling)

    async def _control(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        body = await read_body(request, _MAX_CONTROL)
        status, answer = self.control.respond(request.method, path, request.query, body or b"")
        return web.Response(status=status, body=answer, headers=_JSON)

    def _fetch(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        simulation = self._simulation
        status = simulation.unauthorized(request.headers)
        if status is not None:
            return web.Response(status=status)
        kind = "mbox3rdPartyId" if rest.startswith(_THIRD_PARTY) else "mboxPC"
        who = visitor(f"{kind}={unquote(rest.removeprefix(_THIRD_PARTY))}")
        client = request.query.get("client", "")
        if client != simulation.client or not is_known(simulation.behaviour, who):
            return web.Response(status=404, body=orjson.dumps(not_found(client, who)), headers=_JSON)
        shown = page(client, who, simulation.profiles.of(who))
        return web.Response(body=orjson.dumps(shown), headers=_JSON)


@asynccontextmanager
async def serve(site: Site, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve a site until the block ends; gives its URL; port 0 takes a free one. Raises `OSError`."""
    logger = server_logger.getChild("simulator")
    logger.addFilter(_shows_no_request)
    server = web.Server(site.handle, access_log=None, logger=logger, max_line_size=_MAX_LINE)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, host, port, ssl_context=ssl_context, backlog=1024)
        await listener.start()
        address = runner.addresses[0]
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield f"{'https' if ssl_context else 'http'}://{shown}:{address[1]}"
    finally:
        await runner.cleanup()


def _shows_no_request(record: logging.LogRecord) -> bool:
    """False for what aiohttp's parser says of bad HTTP: it quotes the request line, and with it identity and values."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
