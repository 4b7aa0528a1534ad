"""Calls in the background: one thread with one event loop makes them, so that the Kafka thread never waits for Target.

Between the two threads goes as little as possible: one wake-up for a batch of calls, one hand-over for all outcomes of
one turn of the loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from consumer.core.outcome import Completed, Outcome, Transient
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.core.command import Send

log = structlog.get_logger()


class Api(Protocol):
    """What makes the calls; runs in the sender's loop."""

    async def call(self, send: Send) -> Outcome:
        """Make one call."""

    async def close(self) -> None:
        """Close all connections."""


class Sender:
    """Makes calls in its own thread. All methods are for one other thread; every call comes back as one `Completed`.

    `timeout` in seconds: one that was decided so long ago is not begun any more.
    """

    def __init__(self, api: Api, timeout: float) -> None:
        self.in_flight = 0
        """Calls submitted whose outcomes `completed` has not given yet."""
        self._api = api
        self._timeout = timeout
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._done: list[Completed] = []
        self._handed_over: SimpleQueue[list[Completed] | None] = SimpleQueue()
        self._ended = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_debug(False)  # it would log slow callbacks with their arguments, which hold identities
        self._loop.set_exception_handler(_log_failure)
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def submit(self, sends: Sequence[Send], at: float) -> None:
        """Start calls that were decided `at` this CLOCK_BOOTTIME; raises `Stopped` when the thread is no more."""
        try:
            self._loop.call_soon_threadsafe(self._start, tuple(sends), at)
        except RuntimeError as error:
            raise Stopped("the thread that calls Target has ended") from error
        self.in_flight += len(sends)

    def completed(self, timeout: float) -> list[Completed]:
        """Outcomes so far, waiting at most `timeout` seconds for the first.

        Raises:
            Stopped: The thread has ended and all outcomes are given; those in flight are unknown and stay so.
        """
        outcomes: list[Completed] = []
        try:
            batch = None if self._ended else self._handed_over.get(timeout=max(timeout, 0.0))
            while batch is not None:
                outcomes += batch
                batch = self._handed_over.get_nowait()
            self._ended = True
        except Empty:
            pass
        self.in_flight -= len(outcomes)
        if self._ended and not outcomes:
            raise Stopped("the thread that calls Target has ended")
        return outcomes

    def close(self, seconds: float) -> None:
        """Give up the calls in flight, whose outcomes are `cancelled`; wait at most `seconds` for the thread to end.

        Nothing leaves afterwards: closing the connections resets them.
        """
        try:
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(self._shut_down()))
        except RuntimeError:
            return
        self._thread.join(seconds)

    # -- in the sender's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._hand_over()
            self._handed_over.put(None)
            self._loop.close()

    def _start(self, sends: Sequence[Send], at: float) -> None:
        for send in sends:
            task = self._loop.create_task(self._call(send, at))
            self._tasks.add(task)
            task.add_done_callback(partial(self._finished, send.number, at))

    async def _call(self, send: Send, at: float) -> Outcome:
        """A call whose time was over before it began is not made: the process stood still, and may own it no longer."""
        return await self._api.call(send) if _boot() - at < self._timeout else Transient(None, "timeout")

    def _finished(self, number: int, at: float, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        if not self._done:
            self._loop.call_soon(self._hand_over)
        self._done.append(Completed(number, _outcome(task), _boot() - at))

    def _hand_over(self) -> None:
        if self._done:
            self._handed_over.put(self._done)
            self._done = []

    async def _shut_down(self) -> None:
        calls = tuple(self._tasks)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        try:
            await self._api.close()
        finally:
            self._loop.stop()


def _boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _outcome(task: asyncio.Task[Outcome]) -> Outcome:
    if task.cancelled():
        return Transient(None, "cancelled")
    error = task.exception()
    return task.result() if error is None else Transient(None, f"unexpected: {type(error).__name__}")


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The kind only: its message and arguments may hold an address."""
    log.error("sender_loop_failed", error=type(context.get("exception")).__name__)
