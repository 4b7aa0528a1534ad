from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.core.files.cases import outcome_of, parse_cases
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import Identity, ProfileUpdate, Rejection, Skipped, Unmatched
from tests.core.mapped import BODY, HEAD, load, mapped, record

SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}, "amount": {"type": "number"}}, "required": ["id"]}
MINUTE = 60_000


def rejected(text: str, event: Any, schema: Any = None, **fields: Any) -> str:
    result = load(text, schema=schema).map(record(event, **fields))
    assert isinstance(result, Rejection), result
    return f"[{result.stage}] {result.reason}: {result.detail}"


def update(text: str, event: Any, **fields: Any) -> ProfileUpdate:
    result = load(text).map(record(event, **fields))
    assert isinstance(result, ProfileUpdate), result
    return result


def test_an_event_becomes_an_update() -> None:
    text = (
        HEAD + "attributes: {a: {from: event.x}, b: {const: y}, c: {from: record.headers.h}}\noccurred_at: event.at\n"
    )
    assert update(text, {"id": "c-1", "x": 1.50, "at": 5}, headers=(("h", b"v"),)) == ProfileUpdate(
        Identity("mbox3rdPartyId", "c-1"), {"a": "1.5", "b": "y", "c": "v"}, 5_000, 0
    )


@pytest.mark.parametrize(
    ("attribute", "event", "text"),
    [
        ("{from: event.x}", {"x": 0}, "0"),
        ("{from: event.x}", {"x": False}, "false"),
        ("{from: event.x}", {"x": None}, None),
        ("{from: event.x}", {"x": ""}, None),
        ("{from: event.x}", {}, None),
        ("{from: event.x, default: d}", {"x": ""}, "d"),
        ("{from: event.x, default: d, transform: [upper]}", {}, "d"),  # a default is as it is
        ("{from: event.x, default: d, transform: [trim]}", {"x": "  "}, "d"),
        ("{from: event.x, default: d, required: true}", {}, "d"),
        ("{from: event.x, default: d, required: true}", {"x": "v"}, "v"),
        ("{from: event.x, default: 007}", {}, "007"),
        ("{from: event.x, required: true}", {"x": None}, "required_missing: m: a: required, and nothing is there"),
        ("{from: event.x, required: false}", {}, None),
        ("{from: event.x, transform: [{lookup: {gold: t1}}], default: other}", {"x": "silver"}, "other"),
        ("{from: event.x}", {"x": "v" * 256}, "v" * 256),
        ("{from: event.x}", {"x": "v" * 257}, "value_too_long: m: a: longer than 256 characters; a mapping may"),
        ("{from: event.x, transform: [{truncate: 256}]}", {"x": "é" * 300}, "é" * 256),
        ("{from: event.x}", {"x": [1]}, "value_not_scalar: m: a: a list is no text"),
        ("{from: event.x}", {"x": {}}, "value_not_scalar: m: a: an object is no text"),
        ("{from: event.x}", {"x": 2**53 + 1}, "9007199254740993"),
        ("{from: event.x, transform: [int]}", {"x": "v"}, "transform_failed: m: a: transform int: not a whole number"),
        ("{from: event.x, transform: [trim, {join: +}]}", {"x": [" a ", 1, None]}, "a+1"),
        ("{const: ' as it is '}", {}, " as it is "),
        ("{const: 1_000, transform: [digits]}", {}, "1000"),
        ("{cel: event.x}", {"x": None}, None),
        ("{cel: event.x, default: d}", {"x": None}, "d"),
        ("{cel: 'event.?x', default: d}", {}, "d"),
        ("{cel: '\"\"', default: d}", {}, "d"),
        ("{cel: event.x, default: d}", {}, "expression_failed: m: a: cel at m.mapping.yaml:4:23: nothing at event.x"),
        ("{cel: 'event.x + 1'}", {"x": 2}, "3"),
        ("{cel: event.x / 0}", {"x": 2}, "expression_failed: m: a: cel at m.mapping.yaml:4:23: division by zero"),
        ("{cel: event.x > 1}", {"x": 2}, "true"),
        ("{cel: event.x * 0.1}", {"x": 1.5}, "0.15000000000000002"),
        ("{cel: double(event.x)}", {"x": "NaN"}, "value_not_exact: m: a: no number, or an infinite one"),
        ("{cel: event.x}", {"x": {"y": 1}}, "value_not_scalar: m: a: the expression gives a map, which is no text"),
        ("{cel: event.x}", {"x": [1]}, "value_not_scalar: m: a: a list is no text"),
        ("{cel: event.x, transform: [{join: ' '}]}", {"x": [1, "b", None, 2.0]}, "1 b 2"),
        ("{cel: timestamp(event.x), transform: [{date: '%d.%m.%Y'}]}", {"x": "2026-03-01T00:00:00Z"}, "01.03.2026"),
        ("{cel: timestamp(event.x)}", {"x": "2026-03-01T01:00:00+01:00"}, "2026-03-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_attributes(attribute: str, event: Any, text: str | None) -> None:
    found = mapped(attribute, {"id": "c"} | event)
    assert found == text or (found and text and ": " in text and found.startswith(text))


def test_numbers_of_the_schema_are_doubles_in_expressions() -> None:
    assert mapped("{cel: event.amount * 12.0}", {"id": "c", "amount": 100}, SCHEMA) == "1200"


@pytest.mark.parametrize(
    ("identity", "event", "result"),
    [
        ("{mbox3rdPartyId: event.id}", {"id": 5}, ("mbox3rdPartyId", "5")),
        ("{mboxPC: event.id}", {"id": "a-1.28_0"}, ("mboxPC", "a-1.28_0")),
        ("{mbox3rdPartyId: {from: event.id, transform: [trim, lower]}}", {"id": " A "}, ("mbox3rdPartyId", "a")),
        ("{mbox3rdPartyId: {cel: '\"c-\" + event.id'}}", {"id": "1"}, ("mbox3rdPartyId", "c-1")),
        ("[{mbox3rdPartyId: event.id}, {mboxPC: event.pc}]", {"id": "", "pc": "p"}, ("mboxPC", "p")),
        ("[{mbox3rdPartyId: event.id}, {mboxPC: event.pc}]", {"id": "c", "pc": "p"}, ("mbox3rdPartyId", "c")),
        (
            "[{mbox3rdPartyId: {from: event.id, transform: [digits]}}, {mboxPC: event.pc}]",
            {"id": "x", "pc": "p"},
            ("mboxPC", "p"),
        ),
        ("{mbox3rdPartyId: event.id}", {}, "identity_missing: m: identity: nothing at event.id"),
        ("[{mbox3rdPartyId: event.id}, {mboxPC: event.pc}]", {"id": None}, "identity_missing: m: identity: nothing"),
        ("[{mbox3rdPartyId: event.id}, {mboxPC: event.pc}]", {"id": "a/b", "pc": "p"}, "identity_invalid: m:"),
        ("{mbox3rdPartyId: event.id}", {"id": "1" * 38}, "identity_invalid: m: identity: 38 digits are an"),
        ("{mboxPC: event.id}", {"id": "1" * 38}, "identity_invalid: m: identity: 38 digits are an Experience Cloud"),
        ("{mbox3rdPartyId: event.id}", {"id": 10**37}, "value_not_exact: m: identity: a number of 2^63 or more that"),
        ("{mbox3rdPartyId: event.id}", {"id": "x" * 257}, "identity_invalid: m: identity: an mbox3rdPartyId has at"),
        ("{mbox3rdPartyId: event.id}", {"id": ["c"]}, "value_not_scalar: m: identity: a list is no text"),
        ("{mbox3rdPartyId: event.id}", {"id": {}}, "value_not_scalar: m: identity: an object is no text"),
        ("{mbox3rdPartyId: {from: event.id, transform: [int]}}", {"id": "x"}, "transform_failed: m: identity:"),
        ("{mbox3rdPartyId: {cel: event.id}}", {}, "expression_failed: m: identity: cel at m.mapping.yaml:3:34:"),
    ],
)  # fmt: skip
def test_identities(identity: str, event: Any, result: Any) -> None:
    found = load(f"version: 1\ntopics: [t]\nidentity: {identity}\n{BODY}").map(record(event))
    if isinstance(found, Rejection):
        assert f"{found.reason}: {found.detail}".startswith(result)
    else:
        assert isinstance(found, ProfileUpdate)
        assert found.identity == result


@pytest.mark.parametrize(
    ("time", "event", "timestamp", "result"),
    [
        ("event.at", {"at": "2026-03-01T09:30:00.123Z"}, 0, 1_772_357_400_123),
        ("event.at", {"at": "2026-03-01"}, 0, 1_772_323_200_000),
        ("event.at", {"at": 1_772_357_400}, 0, 1_772_357_400_000),
        ("event.at", {"at": "1772357400123"}, 0, 1_772_357_400_123),
        ("event.at", {}, 7, 7),
        ("event.at", {"at": ""}, 7, 7),
        ("event.at", {"at": None}, 7, 7),
        ("event.at", {"at": 600}, 300_000, 600_000),  # five minutes ahead are allowed
        ("event.at", {"at": 601}, 300_000, 300_000),
        ("event.at", {"at": 600.001}, 300_000, 300_000),
        ("event.at", {"at": 1}, 9_000_000, 1_000),
        ("{from: event.at, transform: [{prefix: '2026-03-'}]}", {"at": "01"}, 0, 1_772_323_200_000),
        ("{cel: timestamp(event.at)}", {"at": "2026-03-01T09:30:00Z"}, 0, 1_772_357_400_000),
        ("{cel: 'event.?at'}", {}, 7, 7),
        ("record.timestamp", {}, 7_000_000_000_000, 7_000_000_000_000),
        ("event.at", {"at": "yesterday"}, 0, "occurred_at_invalid: m: occurred_at: neither RFC 3339, nor a date,"),
        ("event.at", {"at": "2026-03-01T09:30:00"}, 0, "occurred_at_invalid: m: occurred_at: a time without an"),
        ("event.at", {"at": [1]}, 0, "occurred_at_invalid: m: occurred_at: neither text nor a number"),
        ("event.at", {"at": True}, 0, "occurred_at_invalid: m: occurred_at: neither text nor a number"),
        ("{from: event.at, transform: [int]}", {"at": "x"}, 0, "transform_failed: m: occurred_at: transform int:"),
    ],
)  # fmt: skip
def test_event_times(time: str, event: Any, timestamp: int, result: Any) -> None:
    found = load(f"{HEAD}{BODY}occurred_at: {time}\n").map(record({"id": "c"} | event, timestamp=timestamp))
    if isinstance(found, Rejection):
        assert f"{found.reason}: {found.detail}".startswith(result)
    else:
        assert isinstance(found, ProfileUpdate)
        assert found.occurred_at == result


def test_without_an_event_time_the_record_s_counts() -> None:
    assert update(HEAD + BODY, {"id": "c"}, timestamp=5).occurred_at == 5


def test_the_first_failure_counts_in_the_order_of_the_rules() -> None:
    text = f"""{HEAD}schema: m.event.json
when: event.amount > 0
occurred_at: event.at
attributes:
  a: {{from: event.x, required: true}}
  b: {{from: event.y, transform: [int]}}
"""
    schema = {"required": ["id"], "properties": SCHEMA["properties"], "additionalProperties": True}
    event: dict[str, Any] = {"y": "z", "at": "x"}
    assert rejected(text, b"{", schema).startswith("[decode] decode_failed: not JSON")
    assert rejected(text, event, schema).startswith("[validate] schema_invalid: m: event: required id")
    event["id"] = ""
    assert rejected(text, event, schema).startswith("[map] expression_failed: m: when: cel at m.mapping.yaml:5:7")
    assert load(text, schema=schema).map(record(event | {"amount": 0})) == Skipped(0)
    event["amount"] = 5
    assert rejected(text, event, schema).startswith("[map] identity_missing")
    event["id"] = "c"
    assert rejected(text, event, schema).startswith("[map] occurred_at_invalid")
    event["at"] = 5
    assert rejected(text, event, schema).startswith("[map] required_missing: m: a:")
    event["x"] = "v"
    assert rejected(text, event, schema).startswith("[map] transform_failed: m: b:")


def test_no_attribute_left_is_skipped_but_a_rejection_outranks_that() -> None:
    text = HEAD + "attributes: {a: {from: event.x}, b: {from: event.y, transform: [int]}}\n"
    assert load(text).map(record({"id": "c"})) == Skipped(0)
    assert rejected(text, {"id": "c", "y": "z"}).startswith("[map] transform_failed")
    assert rejected(text, {}).startswith("[map] identity_missing")


@pytest.mark.parametrize(
    ("when", "event", "result"),
    [
        ("true", {}, "mapped"),
        ("false", {}, "skipped"),
        ("event.x == 1", {"x": 1}, "mapped"),
        ("event.x == 1", {"x": 2}, "skipped"),
        ("has(event.x)", {}, "skipped"),
        ("event.x", {"x": True}, "mapped"),
        ("event.x", {"x": 1}, "the condition gives a number, neither true nor false"),
        ("event.x", {"x": None}, "the condition gives nothing, neither true nor false"),
        ("event.x", {"x": "true"}, "the condition gives text, neither true nor false"),
        ("event.x == 1", {}, "cel at m.mapping.yaml:5:7: nothing at event.x"),
    ],
)
def test_conditions(when: str, event: Any, result: str) -> None:
    found = load(f"{HEAD}{BODY}when: {when}\n").map(record({"id": "c"} | event))
    if isinstance(found, Rejection):
        assert (found.reason, found.detail, found.mapping) == ("expression_failed", f"m: when: {result}", 0)
    else:
        assert found.__class__ is {"mapped": ProfileUpdate, "skipped": Skipped}[result]


@pytest.mark.parametrize(
    ("where", "event", "matches"),
    [
        ("event.x: a", {"x": "a"}, True),
        ("event.x: a", {"x": "b"}, False),
        ("event.x: a", {"x": ["a"]}, False),
        ("event.x: a", {"x": {"a": 1}}, False),
        ("event.x: a", {}, False),
        ("event.x: [a, b]", {"x": "b"}, True),
        ("event.x: 1", {"x": 1}, True),
        ("event.x: 1", {"x": 1.0}, True),
        ("event.x: 1.0", {"x": 1}, True),
        ("event.x: 1", {"x": True}, False),
        ("event.x: 1", {"x": "1"}, False),
        ("event.x: '1'", {"x": "1"}, True),
        ("event.x: '1'", {"x": 1}, False),
        ("event.x: true", {"x": True}, True),
        ("event.x: true", {"x": 1}, False),
        ("event.x: 'true'", {"x": True}, False),
        ("event.x: false", {"x": 0}, False),
        ("event.x: null", {}, True),
        ("event.x: no", {"x": "no"}, True),
        ("event.x: 007", {"x": "007"}, True),
        ("event.x: ''", {"x": ""}, True),
        ("event.x: 9007199254740993", {"x": 2**53 + 1}, True),
        ("event.x: 9007199254740993", {"x": 2**53}, False),
        ("event.x.y: a", {"x": {"y": "a"}}, True),
        ("event.x.y: a", {"x": "a"}, False),
        ("event.x: a, event.z: b", {"x": "a", "z": "b"}, True),
        ("event.x: a, event.z: b", {"x": "a", "z": "c"}, False),
        ("record.headers.kind: a", {}, True),
        ("record.headers.kind: b", {}, False),
        ("record.partition: 0", {}, True),
        ("record.topic: t", {}, True),
    ],
)
def test_how_an_event_finds_its_mapping(where: str, event: Any, matches: bool) -> None:  # noqa: FBT001 - a parameter of the test
    result = load(f"{HEAD}{BODY}where: {{{where}}}\n").map(record({"id": "c"} | event, headers=(("kind", b"a"),)))
    assert isinstance(result, ProfileUpdate) is matches
    assert matches or result == Unmatched()


def test_each_event_goes_to_its_own_mapping() -> None:
    others = {f"n{number}": f"{HEAD}{BODY}where: {{event.type: {number}, event.x: [1, 2]}}\n" for number in range(5)}
    mappings = load(f"{HEAD}{BODY}where: {{event.type: a}}\n", **others)
    for number in range(5):
        found = mappings.map(record({"id": "c", "type": number, "x": 2}))
        assert isinstance(found, ProfileUpdate)
        assert mappings.names[found.mapping] == f"n{number}"
    assert mappings.map(record({"id": "c", "type": 1, "x": 3})) == Unmatched()
    assert mappings.map(record({"id": "c", "type": "a"})) == ProfileUpdate(
        Identity("mbox3rdPartyId", "c"), {"a": "x"}, 0, 0
    )


def test_tombstones_come_before_everything_and_the_json_null_is_a_value() -> None:
    mappings = load(HEAD + BODY + "when: event.x / 0 == 1\nwhere: {event.x: 5}\n")
    assert mappings.map(record(None)) == Skipped()
    assert mappings.map(record(None, topic="another")) == Skipped()
    assert mappings.map(record(b"null")) == Unmatched()
    assert mappings.map(record(b"{", topic="another")) == Unmatched()
    assert rejected(HEAD + BODY, b"null").startswith("[map] identity_missing")
    assert rejected(HEAD + BODY, b"[1]").startswith("[map] identity_missing")


def test_a_rejection_names_its_mapping_once_one_is_found() -> None:
    mappings = load(HEAD + BODY)
    assert mappings.map(record(b"{")) == Rejection(
        "decode", "decode_failed", "not JSON: unexpected end of data at character 2"
    )
    found = mappings.map(record({}))
    assert isinstance(found, Rejection)
    assert found.mapping == 0


def test_a_mapping_is_found_for_a_decoded_event() -> None:
    mappings = load(HEAD + BODY)
    assert mappings.find({}, record({})) is mappings.all[0]
    assert mappings.find({}, record({}, topic="another")) is None
    assert mappings.decoder("another") is None
    decode = mappings.decoder("t")
    assert decode is not None
    assert decode(b"[1]") == [1]


SECRETS = {"id": "visitor+4711", "x": "s3cret", "y": "k3y", "z": ["h1dden"]}


@pytest.mark.parametrize(
    "text",
    [
        HEAD + BODY,
        HEAD.replace("event.id", "{from: event.id, transform: [int]}") + BODY,
        HEAD.replace("event.id", "event.z") + BODY,
        HEAD.replace("event.id", "event.x") + "attributes: {a: {from: event.y, transform: [int]}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {from: event.z}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {cel: 'int(event.y)'}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {cel: 'event.z[event.y]'}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {cel: '{event.y: 1}[event.x]'}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {cel: 'event.x.matches(\"[\" + event.y)'}}\n",
        HEAD.replace("event.id", "event.x") + "attributes: {a: {from: event.x, transform: [{date: '%Y'}]}}\n",
        HEAD.replace("event.id", "event.x") + BODY + "occurred_at: event.y\n",
        HEAD + BODY + "schema: m.event.json\n",
    ],
)
def test_no_reason_of_a_rejection_holds_anything_of_the_event(text: str) -> None:
    schema = {"properties": {"y": {"const": "other"}, "x": {}, "z": {}, "id": {}}}
    found = rejected(text, SECRETS, schema=schema if "schema:" in text else None)
    for secret in ("4711", "s3cret", "k3y", "h1dden"):
        assert secret not in found


def test_the_shipped_mappings_pass_their_cases() -> None:
    files = {path.name: path.read_bytes() for path in (Path(__file__).parents[2] / "schemas").iterdir()}
    mappings = parse_mappings(files)
    cases = parse_cases(files, mappings)
    assert len(cases) >= 4 * len(mappings.all)
    for case in cases:
        result = mappings.map(case.record)
        assert not isinstance(result, str)
        assert outcome_of(result) == case.expected, case.name  # type: ignore[arg-type]  # no registry here


def test_a_large_event_is_mapped_like_a_small_one() -> None:
    event = {"id": "c", "lines": [{"sku": f"a{number}", "text": "x" * 80} for number in range(100_000)], "x": "v"}
    payload = json.dumps(event).encode()
    assert len(payload) > 10_000_000
    text = (
        HEAD
        + "attributes: {a: {from: event.x}, b: {cel: 'event.lines[99999].sku'}, c: {from: 'event.lines[-1].sku'}}\n"
    )
    assert update(text, payload).attributes == {"a": "v", "b": "a99999", "c": "a99999"}
