"""What it means when a call fails before an answer was read: every exception becomes an outcome.

Reasons, all fixed words: `timeout`, `connect_failed`, `dns_failed`, `tls_failed`, `proxy_failed`, `connection_lost`,
`answer_malformed`, `body_unreadable`, `unexpected: CLASS` (transient) · `tls_verification`, `proxy_refused`
(misconfigured). No text of an exception is kept: it may hold an address with personal data.
"""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

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
)
"""The first that fits counts; so the more special one stands before the more general."""


def outcome_of(error: Exception) -> Transient | Misconfigured:
    """The outcome of a call that ended with this exception."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Misconfigured(None, "tls_verification")
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status in _PROXY_REFUSALS:
        return Misconfigured(error.status, "proxy_refused")
    if isinstance(error.__cause__, ContentEncodingError):
        return Transient(None, "body_unreadable")
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return Transient(None, reason)
    return Transient(None, f"unexpected: {type(error).__name__}")
