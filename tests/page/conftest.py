"""The status page as it is served, in a browser."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from consumer.adapters.health import Heartbeat
from consumer.adapters.http_server import HttpServer, Sources
from consumer.adapters.metrics import Metrics
from consumer.adapters.status import StatusBoard
from consumer.adapters.status_page import About
from consumer.core.state import State
from tests.page.browser import BrowserMissing, chromium
from tests.page.moments import CLIENT, GROUP, day, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page


class Served(NamedTuple):
    """A server of its own, and the moment that it shows."""

    url: str
    board: StatusBoard
    server: HttpServer

    def show(self, state: State) -> None:
        """From now on the service is in this state."""
        self.board.publish(moment(state, time.time()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module: Playwright's event loop must have ended before others begin theirs."""
    try:
        with chromium() as running:
            yield running
    except BrowserMissing as missing:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture
def served() -> Iterator[Served]:
    """A day of delivering, served."""
    board = StatusBoard(moment(State.PROGRESSING, time.time()))
    sources = Sources(About(GROUP, CLIENT, 0.0), board, Heartbeat(600.0, time.monotonic()), Metrics(board))
    server = HttpServer("127.0.0.1", 0, sources)
    server._pages._history._samples.extend(day(State.PROGRESSING, time.time()))
    port = server.start()
    yield Served(f"http://127.0.0.1:{port}", board, server)
    server.stop()


class Seen(NamedTuple):
    """A page, and what the browser said and asked for."""

    page: Page
    said: list[str]
    asked: list[str]


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Callable[..., Seen]]:
    """Opens the served page in a context of its own, with options of it."""
    contexts = []

    def make(**options: object) -> Seen:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        seen = Seen(page, [], [])
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.clock.install()
        page.goto(served.url)
        return seen

    yield make
    for context in contexts:
        context.close()
