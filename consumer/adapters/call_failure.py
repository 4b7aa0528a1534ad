"""What it means when a call fails before an answer was read: every exception becomes an outcome.

Reasons, all fixed words: `timeout`, `connect_failed`, `dns_failed`, `tls_failed`, `proxy_failed`, `connection_lost`,
`answer_malformed`, `body_unreadable`, `unexpected: CLASS` (transient) · `tls_verification`, `proxy_refused`
(misconfigured). No text of an exception is kept: it may hold an address with personal data.
"""

from __future__ import annotations

from typing import Final

import aiohttp
import httpx

from consumer.core.outcome import Misconfigured, Transient

_PROXY_REFUSALS: Final = frozenset({401, 403, 407})

_REASONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ClientSSLError, "tls_failed"),
    (aiohttp.ClientProxyConnectionError, "proxy_failed"),
    (aiohttp.ClientHttpProxyError, "proxy_failed"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (aiohttp.ClientResponseError, "answer_malformed"),
    (aiohttp.ClientPayloadError, "connection_lost"),
    (aiohttp.ClientConnectionError, "connection_lost"),
    (httpx.DecodingError, "body_unreadable"),
)
"""The first that fits counts; so the more special one stands before the more general."""


def outcome_of(error: Exception) -> Transient | Misconfigured:
    """The outcome of a call that ended with this exception.

    httpx-aiohttp raises an exception of httpx from the one of aiohttp, which tells more (httpx has a lost connection
    under its connect timeouts): so the cause is looked at first.
    """
    cause = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return Misconfigured(None, "tls_verification")
    if isinstance(cause, aiohttp.ClientHttpProxyError) and cause.status in _PROXY_REFUSALS:
        return Misconfigured(cause.status, "proxy_refused")
    for kind, reason in _REASONS:
        if isinstance(cause, kind):
            return Transient(None, reason)
    return Transient(None, f"unexpected: {type(error).__name__}")
