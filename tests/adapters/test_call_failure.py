from __future__ import annotations

import ssl
from unittest.mock import Mock

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey

from consumer.adapters.call_failure import outcome_of
from consumer.core.outcome import Misconfigured, Outcome, Transient

KEY = ConnectionKey("c-1.example", 443, True, True, None, None, None)  # noqa: FBT003 - as aiohttp builds it
ERROR = OSError(111, "c-1")


def answered(kind: type[aiohttp.ClientResponseError], status: int) -> aiohttp.ClientResponseError:
    return kind(Mock(), (), status=status, message="c-1")


FAILURES: list[tuple[Exception, Outcome]] = [
    (TimeoutError("c-1"), Transient(None, "timeout")),
    (aiohttp.ConnectionTimeoutError("c-1"), Transient(None, "timeout")),
    (aiohttp.ClientConnectorDNSError(KEY, ERROR), Transient(None, "dns_failed")),
    (aiohttp.ClientConnectorError(KEY, ERROR), Transient(None, "connect_failed")),
    (aiohttp.ClientProxyConnectionError(KEY, ERROR), Transient(None, "proxy_failed")),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "c-1")), Transient(None, "tls_failed")),
    (
        aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("c-1")),
        Misconfigured(None, "tls_verification"),
    ),
    (answered(aiohttp.ClientHttpProxyError, 407), Misconfigured(407, "proxy_refused")),
    (answered(aiohttp.ClientHttpProxyError, 401), Misconfigured(401, "proxy_refused")),
    (answered(aiohttp.ClientHttpProxyError, 403), Misconfigured(403, "proxy_refused")),
    (answered(aiohttp.ClientHttpProxyError, 504), Transient(None, "proxy_failed")),
    (answered(aiohttp.ClientResponseError, 400), Transient(None, "answer_malformed")),
    (aiohttp.ServerDisconnectedError("c-1"), Transient(None, "connection_lost")),
    (aiohttp.ClientOSError(104, "c-1"), Transient(None, "connection_lost")),
    (aiohttp.ClientConnectionResetError("c-1"), Transient(None, "connection_lost")),
    (aiohttp.ClientPayloadError("c-1"), Transient(None, "connection_lost")),
    (httpx.DecodingError("c-1"), Transient(None, "body_unreadable")),
    (aiohttp.InvalidURL("c-1"), Transient(None, "unexpected: InvalidURL")),
    (RuntimeError("c-1"), Transient(None, "unexpected: RuntimeError")),
    (OSError(24, "c-1"), Transient(None, "unexpected: OSError")),
]


def name(case: object) -> str:
    return type(case).__name__ if isinstance(case, Exception) else ""


@pytest.mark.parametrize(("error", "outcome"), FAILURES, ids=name)
def test_a_failure_has_a_fixed_word(error: Exception, outcome: Outcome) -> None:
    assert outcome_of(error) == outcome


@pytest.mark.parametrize(("error", "outcome"), FAILURES[2:-3], ids=name)
def test_the_cause_counts_whatever_httpx_makes_of_it(error: Exception, outcome: Outcome) -> None:
    wrapped = httpx.ConnectTimeout("c-1")
    wrapped.__cause__ = error
    assert outcome_of(wrapped) == outcome


def test_an_exception_of_httpx_without_a_cause_is_unexpected() -> None:
    assert outcome_of(httpx.ReadError("c-1")) == Transient(None, "unexpected: ReadError")
