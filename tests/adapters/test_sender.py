from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from consumer.adapters.profile_api import Endpoint, ProfileApi
from consumer.adapters.sender import Sender
from consumer.core.command import Send
from consumer.core.outcome import Completed, Delivered, Outcome, Transient
from consumer.core.response_rules import ResponseRules
from consumer.errors import Stopped
from tests.adapters.kafka_member import PATIENCE
from tests.adapters.scripted_target import ACCEPTED, ScriptedTarget, answer, arrived

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


LONG = 1000.0
"""Seconds that a call may take here."""


class Api:
    """Does with each call what a test says."""

    def __init__(self, script: Callable[[Send], Awaitable[Outcome]]) -> None:
        self._script = script
        self.closed = False

    async def call(self, send: Send) -> Outcome:
        return await self._script(send)

    async def close(self) -> None:
        self.closed = True


async def deliver(_send: Send) -> Outcome:
    return Delivered(200)


async def hang(_send: Send) -> Outcome:
    await asyncio.sleep(3600)
    raise AssertionError


def sends(*numbers: int) -> list[Send]:
    return [Send(number, None, b"mbox3rdPartyId=c-%d" % number, b"profile.a=1") for number in numbers]  # type: ignore[arg-type]


def submit(sender: Sender, *numbers: int, ago: float = 0.0) -> None:
    """Calls that were decided so many seconds ago."""
    sender.submit(sends(*numbers), time.clock_gettime(time.CLOCK_BOOTTIME) - ago)


def collect(sender: Sender, count: int) -> list[Completed]:
    outcomes: list[Completed] = []
    while len(outcomes) < count:
        got = sender.completed(PATIENCE)
        assert got, f"nothing came within {PATIENCE:g} s"
        outcomes += got
    return outcomes


@pytest.fixture
def sender() -> Iterator[Callable[[Callable[[Send], Awaitable[Outcome]]], Sender]]:
    started: list[Sender] = []

    def start(script: Callable[[Send], Awaitable[Outcome]]) -> Sender:
        started.append(Sender(Api(script), LONG))
        return started[-1]

    yield start
    for each in started:
        each.close(PATIENCE)


def test_every_call_comes_back_with_its_number_and_its_time(sender: Callable[..., Sender]) -> None:
    async def in_its_own_time(send: Send) -> Outcome:
        await asyncio.sleep(0.01 * (3 - send.number))
        return Delivered(200 + send.number)

    of = sender(in_its_own_time)
    submit(of, 0, 1)
    submit(of, 2)
    outcomes = collect(of, 3)
    assert sorted((each.number, each.outcome) for each in outcomes) == [(n, Delivered(200 + n)) for n in range(3)]
    assert all(0.01 * (3 - each.number) <= each.seconds < PATIENCE for each in outcomes)


def test_calls_run_beside_each_other(sender: Callable[..., Sender]) -> None:
    together = asyncio.Barrier(20)

    async def meet(_send: Send) -> Outcome:
        await together.wait()
        return Delivered(200)

    of = sender(meet)
    submit(of, *range(20))
    assert len(collect(of, 20)) == 20


def test_in_flight_counts_what_was_submitted_and_not_given_back(sender: Callable[..., Sender]) -> None:
    of = sender(deliver)
    assert of.in_flight == 0
    submit(of, 1, 2, 3)
    assert of.in_flight == 3
    collect(of, 3)
    assert of.in_flight == 0


@pytest.mark.parametrize("timeout", [0.0, -1.0, 0.01])
def test_with_nothing_to_give_it_gives_nothing(sender: Callable[..., Sender], timeout: float) -> None:
    of = sender(hang)
    submit(of, 1)
    assert of.completed(timeout) == []
    assert of.in_flight == 1


def test_a_batch_costs_one_wake_up_and_one_hand_over(
    sender: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = sender(deliver)
    waking = Mock(wraps=of._loop.call_soon_threadsafe)
    monkeypatch.setattr(of._loop, "call_soon_threadsafe", waking)
    submit(of, *range(50))
    assert len(of.completed(PATIENCE)) == 50
    assert waking.call_count == 1


def test_an_api_that_raises_loses_no_call(sender: Callable[..., Sender]) -> None:
    async def fail(_send: Send) -> Outcome:
        raise ValueError("mbox3rdPartyId=c-1")

    of = sender(fail)
    submit(of, 7)
    (completed,) = collect(of, 1)
    assert completed[:2] == (7, Transient(None, "unexpected: ValueError"))


def test_a_call_that_was_cancelled_by_something_is_no_lost_call(sender: Callable[..., Sender]) -> None:
    async def cancel(_send: Send) -> Outcome:
        raise asyncio.CancelledError

    of = sender(cancel)
    submit(of, 7)
    (completed,) = collect(of, 1)
    assert completed[:2] == (7, Transient(None, "cancelled"))


def test_a_call_decided_longer_ago_than_a_call_may_take_is_not_begun(sender: Callable[..., Sender]) -> None:
    called = []

    async def note(send: Send) -> Outcome:
        called.append(send.number)
        return Delivered(200)

    of = sender(note)
    submit(of, 1, 2, ago=LONG)
    submit(of, 3)
    outcomes = {each.number: each.outcome for each in collect(of, 3)}
    assert outcomes == {1: Transient(None, "timeout"), 2: Transient(None, "timeout"), 3: Delivered(200)}
    assert called == [3]


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_gives_up_what_is_in_flight_and_ends_the_thread() -> None:
    of = Sender(api := Api(hang), LONG)
    submit(of, 1, 2)
    of.close(PATIENCE)
    assert api.closed
    assert not of._thread.is_alive()
    assert {each[:2] for each in of.completed(0.0)} == {(n, Transient(None, "cancelled")) for n in (1, 2)}
    assert of.in_flight == 0


def test_closing_twice_or_with_nothing_in_flight_is_harmless() -> None:
    of = Sender(Api(deliver), LONG)
    of.close(PATIENCE)
    of.close(PATIENCE)
    assert not of._thread.is_alive()


def test_closing_waits_no_longer_than_it_may() -> None:
    release = threading.Event()

    async def block(_send: Send) -> Outcome:
        release.wait(PATIENCE)
        return Delivered(200)

    of = Sender(Api(block), LONG)
    submit(of, 1)
    begun = time.monotonic()
    of.close(0.05)
    assert time.monotonic() - begun < 30
    assert of._thread.is_alive()
    release.set()
    of._thread.join(PATIENCE)
    assert not of._thread.is_alive()


def test_an_api_that_cannot_close_ends_the_thread_all_the_same() -> None:
    class Stuck(Api):
        async def close(self) -> None:
            raise OSError

    of = Sender(Stuck(deliver), LONG)
    with capture_logs() as logs:
        of.close(PATIENCE)
    assert not of._thread.is_alive()
    assert all(line["event"] == "sender_loop_failed" for line in logs)


def test_after_the_loop_has_ended_all_outcomes_are_given_and_then_it_says_so() -> None:
    async def deliver_the_first(send: Send) -> Outcome:
        return await (deliver if send.number == 1 else hang)(send)

    of = Sender(Api(deliver_the_first), LONG)
    submit(of, 1, 2)
    assert [each.number for each in collect(of, 1)] == [1]
    submit(of, 1)
    while of._handed_over.empty():
        time.sleep(0.001)
    of._loop.call_soon_threadsafe(of._loop.stop)
    of._thread.join(PATIENCE)
    assert not of._thread.is_alive()
    assert [each.number for each in of.completed(PATIENCE)] == [1]
    for timeout in (PATIENCE, 0.0):
        with pytest.raises(Stopped, match="the thread that calls Target has ended"):
            of.completed(timeout)
    with pytest.raises(Stopped, match="the thread that calls Target has ended"):
        submit(of, 3)
    assert of.in_flight == 1
    of.close(PATIENCE)
    for task in of._tasks:
        task.get_coro().close()
    with capture_logs():
        of._tasks.clear()


def test_an_outcome_of_the_last_turn_of_the_loop_is_given_too() -> None:
    async def stop_the_loop(_send: Send) -> Outcome:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.stop)
        return Delivered(200)

    of = Sender(Api(stop_the_loop), LONG)
    submit(of, 1)
    assert [each.number for each in of.completed(PATIENCE)] == [1]
    with pytest.raises(Stopped):
        of.completed(PATIENCE)


def test_an_error_in_the_loop_is_logged_by_its_kind_alone(sender: Callable[..., Sender]) -> None:
    of = sender(deliver)
    with capture_logs() as logs:
        context = {"message": "mbox3rdPartyId=c-1", "exception": KeyError("c-1")}
        of._loop.call_soon_threadsafe(of._loop.call_exception_handler, context)
        submit(of, 1)
        collect(of, 1)
    assert logs == [{"event": "sender_loop_failed", "error": "KeyError", "log_level": "error"}]


# -- with the real API -------------------------------------------------------------------------------------------------


def test_many_calls_over_few_connections_and_nothing_left_after_the_end() -> None:
    target = ScriptedTarget(answer(200, ACCEPTED))

    async def main() -> None:
        async with target.running():
            of = Sender(ProfileApi(Endpoint(target.url, LONG), ResponseRules(), 8), LONG)
            try:
                await asyncio.to_thread(calls, of)
            finally:
                await asyncio.to_thread(of.close, PATIENCE)

    def calls(of: Sender) -> None:
        submit(of, *range(100))
        outcomes = collect(of, 100)
        assert {each.number for each in outcomes} == set(range(100))
        assert {each.outcome for each in outcomes} == {Delivered(200)}

    asyncio.run(main())
    assert sorted(request.body for request in target.requests) == sorted(
        b"mbox3rdPartyId=c-%d&profile.a=1" % number for number in range(100)
    )
    assert target.connections == 8


def test_a_call_given_up_at_the_end_is_never_accepted() -> None:
    ends: list[BaseException] = []
    accepted: list[bytes] = []
    connected = threading.Event()
    given_up, judged = asyncio.Event(), asyncio.Event()

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await given_up.wait()
        await arrived()
        try:
            accepted.append(await reader.readuntil(b"profile.a=1"))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            ends.append(error)
        writer.transport.abort()
        judged.set()

    def calls(port: int) -> None:
        of = Sender(ProfileApi(Endpoint(f"http://127.0.0.1:{port}/", LONG), ResponseRules(), 8), LONG)
        submit(of, 1)
        assert connected.wait(PATIENCE)
        of.close(PATIENCE)

    async def main() -> None:
        server = await asyncio.start_server(front, "127.0.0.1", 0)
        async with server:
            await asyncio.to_thread(calls, server.sockets[0].getsockname()[1])
            given_up.set()
            await judged.wait()

    asyncio.run(main())
    assert (accepted, len(ends)) == ([], 1)
