"""What an answer of Target means: configured rules first, then the built-in ones, on status *and* body.

The documented answer to success is the text of an XML document (`true`, `Request successfully submitted`; page
"profile-single-api"); by analogy with the bulk API (page "profile-bulk-api") a failure may come with HTTP status 200
and `success` `false`. So a status alone never means success.

Reasons, all fixed words: `server_error`, `request_timeout`, `too_early`, `status_unknown`, `body_error` (`//ERROR…`),
`body_empty`, `body_unreadable` (transient) · `status_refused`, `success_false` (refused) · `unauthorized`, `forbidden`,
`proxy_authentication`, `redirected`, `address_unknown` (misconfigured) · `configured` (a rule of `target.responses`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, assert_never

from consumer.core.outcome import Delivered, Misconfigured, Outcome, Refused, Throttled, Transient
from consumer.core.retry_after import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OutcomeName = Literal["delivered", "throttled", "transient", "refused", "misconfigured"]

_SUCCESS_ELEMENT: Final = re.compile(
    rb"<(?:[\w.-]+:)?success(?:\s[^<>]*)?>\s*(true|false)\s*</(?:[\w.-]+:)?success\s*>", re.IGNORECASE
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STATUS_CLASS: Final = re.compile(r"[1-5]xx", re.IGNORECASE)
_LOWEST_STATUS: Final = 100
_STATUS_END: Final = 600

_THROTTLED: Final = frozenset({429, 503})
_TRANSIENT: Final = {408: "request_timeout", 425: "too_early"}
_MISCONFIGURED: Final = {401: "unauthorized", 403: "forbidden", 407: "proxy_authentication"}
_ADDRESS: Final = frozenset({404, 405})


class ResponseRule(NamedTuple):
    """One configured rule: `status` is 200, "5xx" or a list of those; `body` a regular expression searched for.

    The expression is case-sensitive unless it says `(?i)`; a rule on 2xx must have one.
    """

    status: int | str | Sequence[int | str]
    outcome: OutcomeName
    body: str | None = None


class _Compiled(NamedTuple):
    statuses: frozenset[int]
    body: re.Pattern[str] | None
    outcome: OutcomeName

    def fits(self, status: int, body: bytes) -> bool:
        if status not in self.statuses:
            return False
        return self.body is None or self.body.search(body.decode(errors="replace")) is not None


class ResponseRules:
    """Judges answers. Raises `ValueError`, whose message says what is wrong, for a rule that makes no sense."""

    def __init__(self, configured: Iterable[ResponseRule] = ()) -> None:
        self._configured = tuple(compile_rule(rule) for rule in configured)

    def judge(
        self, status: int, retry_after: str | None, body: bytes, *, delivered_before: bool, wall: float
    ) -> Outcome:
        """The outcome of one answer.

        `retry_after` is the header as it came; `body` may be cut off; `delivered_before` says whether Target accepted a
        call since the start; `wall` is the time in epoch seconds, for a `Retry-After` that is a date.
        """
        wait = None if retry_after is None else seconds_to_wait(retry_after, wall)
        for rule in self._configured:
            if rule.fits(status, body):
                return _configured(rule.outcome, status, wait)
        match status // 100:
            case 2:
                return _success(status, body)
            case 3:
                return Misconfigured(status, "redirected")
            case 4:
                return _client_error(status, wait, delivered_before=delivered_before)
            case 5:
                return Throttled(status, wait) if status in _THROTTLED else Transient(status, "server_error", wait)
            case _:
                return Transient(status, "status_unknown", wait)


def compile_rule(rule: ResponseRule) -> _Compiled:
    """A rule ready for use; raises `ValueError`, whose message says what is wrong with it."""
    wanted = [rule.status] if isinstance(rule.status, (int, str)) else rule.status
    statuses = frozenset(code for item in wanted for code in _codes(item))
    if not statuses:
        raise ValueError("status: an empty list fits no answer; name a status such as 200 or 5xx")
    if rule.body is None:
        if any(code // 100 == 2 for code in statuses):  # noqa: PLR2004 - the hundreds of a status
            raise ValueError("body: a rule on 2xx must name one, because the status alone does not tell success")
        return _Compiled(statuses, None, rule.outcome)
    try:
        return _Compiled(statuses, re.compile(rule.body), rule.outcome)
    except re.error as error:
        raise ValueError(f"body: not a regular expression: {error}") from error


def _codes(item: int | str) -> range:
    if isinstance(item, str) and _STATUS_CLASS.fullmatch(item):
        first = int(item[0]) * 100
        return range(first, first + 100)
    if isinstance(item, str) and item.isascii() and item.isdigit():
        item = int(item)
    if isinstance(item, int) and _LOWEST_STATUS <= item < _STATUS_END:
        return range(item, item + 1)
    raise ValueError(f"status: {item!r} is neither a status from 100 to 599 nor a class such as 5xx")


def _configured(outcome: OutcomeName, status: int, wait: float | None) -> Outcome:
    match outcome:
        case "delivered":
            return Delivered(status)
        case "throttled":
            return Throttled(status, wait)
        case "transient":
            return Transient(status, "configured", wait)
        case "refused":
            return Refused(status, "configured")
        case "misconfigured":
            return Misconfigured(status, "configured")
        case _:
            assert_never(outcome)


def _success(status: int, body: bytes) -> Outcome:
    text = body.strip().removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not text:
        return Transient(status, "body_empty")
    start = text[:7].lower()
    if start == b"//error":
        return Transient(status, "body_error")
    said = {start[:4]} if start.startswith(b"true") else {start[:5]}
    if not said <= {b"true", b"false"}:
        said = {word.lower() for word in _SUCCESS_ELEMENT.findall(text)}
    if said == {b"true"}:
        return Delivered(status)
    return Refused(status, "success_false") if said == {b"false"} else Transient(status, "body_unreadable")


def _client_error(status: int, wait: float | None, *, delivered_before: bool) -> Outcome:
    if status in _THROTTLED:
        return Throttled(status, wait)
    if status in _TRANSIENT:
        return Transient(status, _TRANSIENT[status], wait)
    if status in _MISCONFIGURED:
        return Misconfigured(status, _MISCONFIGURED[status])
    if status in _ADDRESS and not delivered_before:
        return Misconfigured(status, "address_unknown")
    return Refused(status, "status_refused")
