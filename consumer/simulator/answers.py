"""What the simulated Target says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from consumer.simulator.behaviour import Body, Delivery, Fault

XML: Final = {"Content-Type": "application/xml; charset=utf-8"}
_HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
_TEXT: Final = {"Content-Type": "text/plain; charset=utf-8"}

SUCCESS: Final = b"<response><success>true</success><message>Request successfully submitted</message></response>"
PAGE: Final = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Error</h1></body></html>"
_SERVER_TIMEOUT: Final = b"//ERROR: application server timeout"


class Answer(NamedTuple):
    """An answer and how it is delivered; `huge` bytes follow the body, `pause` is the seconds between dripped bytes."""

    status: int
    body: bytes
    headers: dict[str, str]
    delivery: Delivery = "whole"
    pause: float = 0.0
    huge: int = 0


def success() -> Answer:
    """The documented answer to an update that was accepted (page "profile-single-api")."""
    return Answer(200, SUCCESS, XML)


def unsuccessful(status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    """The same form with `success` false (page "profile-bulk-api"); the message has no markup."""
    text = f"<response><success>false</success><message>{message}</message></response>"
    return Answer(status, text.encode(), XML | (headers or {}))


def faulty(fault: Fault) -> Answer:
    """The answer that a fault describes."""
    if fault.text is not None:
        body, headers = fault.text.encode(), _TEXT
    else:
        body, headers = _known(fault.body or ("success" if fault.effect else "unsuccessful"))
    huge = fault.huge_bytes if fault.body == "huge" else 0
    return Answer(fault.status, body, headers | fault.headers, fault.delivery, fault.pause, huge)


def _known(body: Body) -> tuple[bytes, dict[str, str]]:
    match body:
        case "success":
            return SUCCESS, XML
        case "unsuccessful":
            return unsuccessful(200, "Unexpected error").body, XML
        case "server_timeout":
            return _SERVER_TIMEOUT, _TEXT
        case "html":
            return PAGE, _HTML
        case "empty" | "huge":
            return b"", _TEXT
