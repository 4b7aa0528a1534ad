"""The simulated Target in a thread of its own, for tests and the demo."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from consumer.simulator.behaviour import Behaviour
from consumer.simulator.server import Site, serve
from consumer.simulator.simulation import Simulation
from consumer.simulator.update import visitor

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping

    from consumer.simulator.control import Control
    from consumer.simulator.history import History
    from consumer.simulator.judge import Event, Verdict


class Target:
    """A simulated Target in a thread of its own, between `with` and its end.

    with Target({"latency": "20ms"}) as target:
        ...  # calls to target.update_url
        target.control.patch(faults=[{"status": 503, "calls": 10}])
        ...
        assert target.judge(events).sound
    """

    def __init__(
        self,
        behaviour: Behaviour | Mapping[str, Any] | None = None,
        *,
        client: str = "demo",
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._simulation = Simulation(client, Behaviour.model_validate(behaviour or {}), time.monotonic())
        self._site = Site(self._simulation)
        self._address = (host, port)
        self._ssl_context = ssl_context
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="simulated-target", daemon=True)
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def update_url(self) -> str:
        """Where updates go; for the settings `target.base_url` is `url` and `target.client` the client."""
        return f"{self.url}/m2/{self._simulation.client}/profile/update"

    @property
    def control(self) -> Control:
        """The switches."""
        return self._site.control

    @property
    def history(self) -> History:
        """The calls since the start or the last reset."""
        return self._simulation.history

    def profile(self, identity: str) -> dict[str, str]:
        """The values of a profile (`kind=id`) as the accepted updates left them."""
        return {name: value.text for name, value in self._simulation.profiles.of(visitor(identity)).items()}

    def judge(self, events: Iterable[Event], window: float = 86400.0) -> Verdict:
        """What became of these events, see `judge.judge`."""
        return self.control.judge(events, window)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within the block the server reads and writes nothing; the kernel still accepts connections for it."""
        released = threading.Event()
        stopped = threading.Event()

        def hold() -> None:
            stopped.set()
            released.wait()

        self._loop.call_soon_threadsafe(hold)
        stopped.wait()
        try:
            yield
        finally:
            released.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            async with serve(self._site, *self._address, self._ssl_context) as self.url:
                self._ready.set()
                await self._stop.wait()
        except OSError as failure:
            self._failure = failure
        finally:
            self._ready.set()
