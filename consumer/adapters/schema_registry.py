"""Fetches schemas from a registry (Confluent's API) in a thread of its own, so that the Kafka thread never waits.

One attempt a request; the engine decides when the next one is due. An answer that failed holds a reason in words, in
which nothing is of the answer but its status.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx
import orjson

from consumer import __version__
from consumer.adapters.call_failure import outcome_of
from consumer.adapters.connections import transport
from consumer.core.formats.registered import Language, RegisteredSchema
from consumer.core.schemas_wanted import SchemaAnswer

if TYPE_CHECKING:
    from httpx_aiohttp import AiohttpTransport

    from consumer.core.command import FetchSchema
    from consumer.core.formats.registered import RegisteredSchemas

TIMEOUT: Final = 10.0
"""Seconds for a schema with all that it refers to, however slowly the bytes drip."""

LONGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer that are read."""

MOST_REFERENCES: Final = 1000
"""Schemas that one schema may refer to, directly or not."""

_CONNECTIONS: Final = 4
_LANGUAGES: Final = ("AVRO", "JSON", "PROTOBUF")
_UNKNOWN: Final = {40401, 40402, 40403}
"""The API's codes for a subject, a version and an id that the registry does not know."""


class _Unavailable(Exception):
    """A schema could not be had; the message is the reason."""


class SchemaRegistry:
    """The registry at one address (user and password may be part of it); what it tells goes into `schemas`.

    All methods are for one thread, which owns `schemas`.
    """

    def __init__(self, url: str, schemas: RegisteredSchemas, timeout: float = TIMEOUT) -> None:
        self._registry = _Registry(url)
        self._schemas = schemas
        self._timeout = timeout
        self._answers: SimpleQueue[tuple[int, RegisteredSchema | str]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, wanted: FetchSchema) -> None:
        """Ask for a schema; never waits."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="schema-registry", daemon=True)
            self._thread.start()
        self._loop.call_soon_threadsafe(self._start, wanted.id)

    def poll(self) -> list[SchemaAnswer]:
        """What was answered since the last call; never waits. A schema that was told is among `schemas` by then."""
        answers = []
        try:
            while True:
                number, told = self._answers.get_nowait()
                if isinstance(told, RegisteredSchema):
                    self._schemas[number] = told
                answers.append(SchemaAnswer(number, told if isinstance(told, str) else None))
        except Empty:
            return answers

    def close(self, seconds: float) -> None:
        """Give up what was not answered; wait at most `seconds` for the thread to end."""
        if self._thread is None:
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)

    # -- in the thread of the registry ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())
        finally:
            self._loop.close()

    def _start(self, number: int) -> None:
        task = self._loop.create_task(self._fetch(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._registry.close()

    async def _fetch(self, number: int) -> None:
        told: RegisteredSchema | str
        try:
            async with asyncio.timeout(self._timeout):
                told = await self._registry.schema(number)
        except _Unavailable as reason:
            told = str(reason)
        except TimeoutError:
            told = f"the schema registry has not answered within {self._timeout:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the request has an answer
            told = f"the schema registry can't be asked: {outcome_of(error).reason}"
        self._answers.put((number, told if isinstance(told, RegisteredSchema) else f"schema {number}: {told}"))


class _Registry:
    """The API; used from within one event loop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = {
            "User-Agent": f"profile-consumer/{__version__}",
            "Accept": "application/vnd.schemaregistry.v1+json, application/json",
            "Accept-Encoding": "identity",
        }
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        self._transport: AiohttpTransport | None = None

    async def schema(self, number: int) -> RegisteredSchema:
        """The schema with an id, and those it refers to, each after those that it refers to itself."""
        found = await self._get(f"/schemas/ids/{number}", "knows no schema with this id; was it registered elsewhere?")
        language = found.get("schemaType", "AVRO")
        if language not in _LANGUAGES:
            raise _Unavailable(f"it is of a type that is not understood; there are {', '.join(_LANGUAGES)}")
        references: dict[str, str] = {}
        if language != "JSON":  # which only tells that the body is JSON
            await self._follow(found, references, set())
        return RegisteredSchema(cast("Language", language), _text(found, "schema"), tuple(references.items()))

    async def _follow(self, schema: dict[str, Any], found: dict[str, str], seen: set[str]) -> None:
        for reference in schema.get("references") or ():
            name = _text(reference, "name")
            if name in seen:
                continue
            seen.add(name)
            if len(seen) > MOST_REFERENCES:
                raise _Unavailable(f"it refers to more than {MOST_REFERENCES} others")
            subject, version = quote(_text(reference, "subject"), safe=""), reference.get("version")
            what = "knows not all that the schema refers to"
            referred = await self._get(f"/subjects/{subject}/versions/{version}", what)
            await self._follow(referred, found, seen)
            found[name] = _text(referred, "schema")

    async def _get(self, path: str, unknown: str) -> dict[str, Any]:
        self._transport = self._transport or transport(self._url, _CONNECTIONS)
        response = await self._transport.handle_async_request(
            httpx.Request("GET", self._url + path, headers=self._headers)
        )
        body = b""
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LONGEST_ANSWER:
                    raise _Unavailable(f"the registry's answer is longer than {LONGEST_ANSWER >> 20} MiB")
        finally:
            await response.aclose()
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if response.status_code != httpx.codes.OK:
            raise _Unavailable(_refusal(response.status_code, answer, unknown))
        if not isinstance(answer, dict):
            raise _Unavailable(f"the registry's answer is no object; {_LOOK}")
        return answer

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()


_LOOK: Final = "is kafka.schema_registry_url right?"


def _refusal(status: int, answer: Any, unknown: str) -> str:  # noqa: ANN401 - any JSON value
    code = answer.get("error_code") if isinstance(answer, dict) else None
    if code in _UNKNOWN:
        return f"the registry {unknown} ({code})"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return f"the registry refuses us ({status}); user and password are part of kafka.schema_registry_url"
    if status == httpx.codes.NOT_FOUND:
        return f"the registry's address leads nowhere (404); {_LOOK}"
    return f"the registry answers {status}"


def _text(answer: Any, name: str) -> str:  # noqa: ANN401 - any JSON value
    text = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(text, str):
        raise _Unavailable(f"the registry's answer has no {name}; {_LOOK}")
    return text
