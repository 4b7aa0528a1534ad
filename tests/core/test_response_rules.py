from __future__ import annotations

import pytest

from consumer.core.outcome import Delivered, Misconfigured, Outcome, Refused, Throttled, Transient
from consumer.core.response_rules import OutcomeName, ResponseRule, ResponseRules

WALL = 1_700_000_000.0
ACCEPTED = b"<response><success>true</success><message>Request successfully submitted</message></response>"


def judge(
    status: int,
    body: bytes = b"",
    *rules: ResponseRule,
    retry_after: str | None = None,
    delivered_before: bool = True,
) -> Outcome:
    return ResponseRules(rules).judge(status, retry_after, body, delivered_before=delivered_before, wall=WALL)


@pytest.mark.parametrize(
    "body",
    [
        ACCEPTED,
        b"<?xml version='1.0' encoding='UTF-8'?>\n<response>\n  <success>\n true \n</success>\n</response>\n",
        b'<response xmlns="urn:x"><success code="0">TRUE</success ></response>',
        b"<t:response><t:success>True</t:success></t:response>",
        b"\xef\xbb\xbf" + ACCEPTED,
        ACCEPTED[:-20],
        b"true",
        b" \r\n\tTrue\r\nRequest successfully submitted",
        b"trueRequest successfully submitted",
        b"\xef\xbb\xbf true",
    ],
)
@pytest.mark.parametrize("status", [200, 202, 299])
def test_a_2xx_whose_body_says_true_is_delivered(status: int, body: bytes) -> None:
    assert judge(status, body) == Delivered(status)


@pytest.mark.parametrize(
    "body",
    [
        b"<response><success>false</success><message>no such client</message></response>",
        b"<success> FALSE\n</success>",
        b"false",
        b"\n False: Invalid mbox3rdPartyId",
    ],
)
def test_a_2xx_whose_body_says_false_is_refused(body: bytes) -> None:
    assert judge(200, body) == Refused(200, "success_false")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body_empty"),
        (b" \r\n\xef\xbb\xbf ", "body_empty"),
        (b"//ERROR: failed to update", "body_error"),
        (b"\n//Error", "body_error"),
        (b"<html><body>true</body></html>", "body_unreadable"),
        (b"<success>1</success>", "body_unreadable"),
        (b"<success>true</success><success>false</success>", "body_unreadable"),
        (b"<success>true", "body_unreadable"),
        (b"<unsuccess>true</unsuccess>", "body_unreadable"),
        (b"<successes>true</successes>", "body_unreadable"),
        (b'{"success": true}', "body_unreadable"),
        (b"untrue", "body_unreadable"),
        (b"tru", "body_unreadable"),
        (b"fals", "body_unreadable"),
        (b"\xff\xfe\x00", "body_unreadable"),
    ],
)
def test_a_2xx_that_says_neither_is_transient(body: bytes, reason: str) -> None:
    assert judge(200, body) == Transient(200, reason)


def test_a_2xx_without_content_is_transient() -> None:
    assert judge(204) == Transient(204, "body_empty")


@pytest.mark.parametrize("status", [429, 503])
def test_too_many_calls_is_throttled(status: int) -> None:
    assert judge(status) == Throttled(status, None)
    assert judge(status, retry_after="7") == Throttled(status, 7.0)


def test_retry_after_may_be_a_date_by_the_wall_clock() -> None:
    assert judge(429, retry_after="Tue, 14 Nov 2023 22:14:20 GMT") == Throttled(429, 60.0)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(408, "request_timeout"), (425, "too_early"), (500, "server_error"), (502, "server_error"), (504, "server_error")],
)
def test_what_may_work_later_is_transient_and_keeps_retry_after(status: int, reason: str) -> None:
    assert judge(status, ACCEPTED, retry_after="3") == Transient(status, reason, 3.0)


@pytest.mark.parametrize("status", [599, 501, 505])
def test_every_other_5xx_is_transient(status: int) -> None:
    assert judge(status) == Transient(status, "server_error")


@pytest.mark.parametrize("status", [0, 100, 199, 600, 999])
def test_a_status_that_means_nothing_is_transient(status: int) -> None:
    assert judge(status, ACCEPTED) == Transient(status, "status_unknown")


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 411, 413, 414, 415, 422, 402, 406, 418, 431, 451, 499])
def test_every_other_4xx_is_refused(status: int) -> None:
    assert judge(status, ACCEPTED) == Refused(status, "status_refused")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (407, "proxy_authentication"),
        (300, "redirected"),
        (301, "redirected"),
        (304, "redirected"),
        (307, "redirected"),
        (399, "redirected"),
    ],
)
def test_what_nobody_can_get_past_is_misconfigured(status: int, reason: str) -> None:
    assert judge(status, ACCEPTED) == Misconfigured(status, reason)


@pytest.mark.parametrize("status", [404, 405])
def test_not_found_is_misconfigured_until_a_call_was_delivered(status: int) -> None:
    assert judge(status, delivered_before=False) == Misconfigured(status, "address_unknown")
    assert judge(status, delivered_before=True) == Refused(status, "status_refused")


def test_only_not_found_waits_for_the_first_delivery() -> None:
    assert judge(410, delivered_before=False) == Refused(410, "status_refused")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("delivered", Delivered(409)),
        ("throttled", Throttled(409, 2.0)),
        ("transient", Transient(409, "configured", 2.0)),
        ("refused", Refused(409, "configured")),
        ("misconfigured", Misconfigured(409, "configured")),
    ],
)
def test_a_configured_rule_gives_each_outcome(name: OutcomeName, outcome: Outcome) -> None:
    assert judge(409, b"", ResponseRule(409, name), retry_after="2") == outcome


def test_configured_rules_come_first_and_in_order() -> None:
    rules = (ResponseRule(429, "refused", "duplicate"), ResponseRule(429, "misconfigured"))
    assert judge(429, b"a duplicate", *rules) == Refused(429, "configured")
    assert judge(429, b"other", *rules) == Misconfigured(429, "configured")
    assert judge(503, b"a duplicate", *rules) == Throttled(503)


@pytest.mark.parametrize(
    ("status", "fits", "does_not"),
    [
        (418, [418], [417, 419]),
        ("418", [418], [417, 419]),
        ("5xx", [500, 503, 599], [499, 600]),
        ("4XX", [400, 499], [399, 500]),
        ([400, 422], [400, 422], [401, 421]),
        (["1xx", 599], [100, 199, 599], [598]),
    ],
)
def test_a_rule_names_a_status_a_class_or_several(
    status: int | str | list[int | str], fits: list[int], does_not: list[int]
) -> None:
    rule = ResponseRule(status, "misconfigured")
    assert {judge(code, b"", rule) for code in fits} == {Misconfigured(code, "configured") for code in fits}
    for code in does_not:
        assert judge(code, b"", rule) != Misconfigured(code, "configured")


def test_a_rule_on_2xx_outranks_what_the_body_says() -> None:
    assert judge(200, ACCEPTED, ResponseRule("2xx", "refused", "submitted")) == Refused(200, "configured")


def test_the_body_is_searched_as_text_case_sensitive_unless_told() -> None:
    assert judge(200, b"UNKNOWN visitor", ResponseRule(200, "refused", "unknown")) == Transient(200, "body_unreadable")
    assert judge(200, b"UNKNOWN visitor", ResponseRule(200, "refused", "(?i)unknown")) == Refused(200, "configured")
    assert judge(200, "früh \ufffd".encode() + b"\xff", ResponseRule(200, "refused", "ü.*")) == Refused(
        200, "configured"
    )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ResponseRule(200, "delivered"), "body: a rule on 2xx must name one"),
        (ResponseRule("2xx", "refused"), "body: a rule on 2xx must name one"),
        (ResponseRule([400, 204], "refused"), "body: a rule on 2xx must name one"),
        (ResponseRule(400, "refused", "("), "body: not a regular expression"),
        (ResponseRule(99, "refused"), "status: 99 is neither"),
        (ResponseRule(600, "refused"), "status: 600 is neither"),
        (ResponseRule("6xx", "refused"), "status: '6xx' is neither"),
        (ResponseRule("5xxx", "refused"), "status: '5xxx' is neither"),
        (ResponseRule("²", "refused"), "status: '²' is neither"),
        (ResponseRule([], "refused"), "status: an empty list"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(rule: ResponseRule, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        ResponseRules([rule])


@pytest.mark.parametrize("status", [100, 599])
def test_the_outermost_statuses_make_a_rule(status: int) -> None:
    assert judge(status, b"", ResponseRule(status, "refused")) == Refused(status, "configured")
