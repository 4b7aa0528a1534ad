"""Makes one call of the Single Profile Update API (page "profile-single-api"): a request out, an outcome back.

Neither address, token nor body is ever logged or part of an outcome.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

import httpx

from consumer import __version__
from consumer.adapters.call_failure import outcome_of
from consumer.adapters.connections import transport
from consumer.adapters.token_file import TokenFile
from consumer.core.outcome import Delivered, Misconfigured, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.core.command import Send
    from consumer.core.response_rules import ResponseRules

LONGEST_URL: Final = 8192
"""Bytes that a GET may take (page "profile-single-api")."""
LONGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read and judged."""
_TOKEN_REFUSED: Final = frozenset({401, 403})


class Endpoint(NamedTuple):
    """Where calls go and how; `timeout` is the total time of one call in seconds."""

    url: str
    timeout: float
    method: Literal["GET", "POST"] = "POST"
    token_file: Path | None = None
    token_header: str = "Authorization"  # noqa: S105 - the name of a header


class ProfileApi:
    """The API at one address; used from within one event loop."""

    def __init__(self, endpoint: Endpoint, rules: ResponseRules, max_in_flight: int) -> None:
        self._endpoint = endpoint
        self._url = httpx.URL(endpoint.url)
        self._query = endpoint.url.encode() + (b"&" if "?" in endpoint.url else b"?")
        self._rules = rules
        self._transport = transport(endpoint.url, max_in_flight)
        self._token_file = TokenFile(endpoint.token_file) if endpoint.token_file else None
        self._token = ""
        self._headers = self._headers_with("")
        self._delivered = False

    async def call(self, send: Send) -> Outcome:
        """Make one call; every exception becomes an outcome."""
        if self._token_file is not None:
            token = self._token_file.token(time.monotonic())
            if isinstance(token, Misconfigured):
                return token
            if token != self._token:
                self._token, self._headers = token, self._headers_with(token)
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                response = await self._transport.handle_async_request(self.request(send.identity, send.attributes))
                try:
                    body = await _read(response)
                finally:
                    await response.aclose()
        except Exception as error:  # noqa: BLE001 - whatever a library raises, the call has an outcome
            return outcome_of(error)
        return self._judge(response, body)

    async def close(self) -> None:
        """Close all connections; what is still in them is dropped."""
        await self._transport.aclose()

    def request(self, identity: bytes, attributes: bytes) -> httpx.Request:
        """The request of one call, as `Send` has it: the encoded identity, and pairs with `profile.` before names."""
        form = b"%b&%b" % (identity, attributes)
        if self._endpoint.method == "GET" and len(self._query) + len(form) <= LONGEST_URL:
            return _request("GET", httpx.URL((self._query + form).decode("ascii")), self._headers["GET"], b"")
        return _request("POST", self._url, self._headers["POST"], form)

    def _headers_with(self, token: str) -> dict[str, httpx.Headers]:
        """All headers of a request by its method; built once for each token."""
        get = {"User-Agent": f"profile-consumer/{__version__}", "Accept-Encoding": "identity"}
        if token:
            get[self._endpoint.token_header] = f"Bearer {token}"
        post = {**get, "Content-Type": "application/x-www-form-urlencoded"}
        return {"GET": httpx.Headers(get, encoding="ascii"), "POST": httpx.Headers(post, encoding="ascii")}

    def _judge(self, response: httpx.Response, body: bytes) -> Outcome:
        status = response.status_code
        if status in _TOKEN_REFUSED and self._token_file is not None:
            self._token_file.refused()
        outcome = self._rules.judge(
            status, response.headers.get("Retry-After"), body, delivered_before=self._delivered, wall=time.time()
        )
        self._delivered = self._delivered or isinstance(outcome, Delivered)
        return outcome


def _request(method: str, url: httpx.URL, headers: httpx.Headers, content: bytes) -> httpx.Request:
    """A request with just these headers (given as a stream, httpx adds none); aiohttp adds host and length."""
    request = httpx.Request(method, url, headers=headers, stream=httpx.ByteStream(content))
    request.read()
    return request


async def _read(response: httpx.Response) -> bytes:
    """The beginning of the answer; a longer one is not read on, and takes its connection with it.

    The stream itself costs half of what httpx's iterators cost; they are for an answer that is encoded, unasked.
    """
    encoded = "Content-Encoding" in response.headers
    chunks = response.aiter_bytes() if encoded else cast("httpx.AsyncByteStream", response.stream)
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) >= LONGEST_ANSWER:
            break
    return body[:LONGEST_ANSWER]
