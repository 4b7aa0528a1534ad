"""Whatever comes in, an event ends as mapped, skipped, unmatched or rejected with a reason, and always the same way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumer.core.event import DecodeFailed, decode_json
from consumer.core.expression import compile_expression
from consumer.core.expressions.check import ExpressionInvalid
from consumer.core.mapping import Mappings
from consumer.core.mapping_file import parse_mappings, read_mappings
from consumer.core.profile import REASONS, ProfileUpdate, Rejection, Skipped, Unmatched, identity_fault
from consumer.core.transforms import PLAIN, TOLD
from consumer.core.values import Fault
from consumer.errors import MappingsInvalid
from tests.core.mapped import record, shape

if TYPE_CHECKING:
    from consumer.core.record import Record

NAMES = ["a", "b", "odd name", "list", "text"]
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["number", "null"]},
        "b": {"type": "object", "properties": {"a": {"type": "integer"}, "text": {"type": "string"}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "number"}}}},
        "odd name": {},
        "text": {"type": "string"},
    },
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from(
        [2**53 + 1, 10**25, 0, 1, -0.0, 1e300, 5e-324, "", "a\0b", "1" * 38, "é😀", "2026-03-01", "x" * 300]
    )
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5) | VALUES
FITTING = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15),
        "b": st.fixed_dictionaries({}, optional={"a": st.integers(-(2**63), 2**63 - 1), "text": st.text(max_size=5)}),
        "list": st.lists(st.fixed_dictionaries({}, optional={"a": st.floats(-1e9, 1e9)}), max_size=4),
        "text": st.text(st.characters(codec="utf-8"), max_size=5),
    },
)
PAYLOADS = st.none() | st.binary(max_size=30) | (EVENTS | FITTING).map(lambda value: json.dumps(value).encode())

PATHS = st.sampled_from(
    ["event.a", "event.b.a", "event.b.text", "event.list[0].a", "event.list[-1]", 'event["odd name"]', "event.text",
     "record.key", "record.headers.h", "record.timestamp", "event.list"]
)  # fmt: skip
EXPRESSIONS = st.sampled_from(
    [
        *("event.a > 0", "event.b.a + 1", "has(event.b.a)", "event.?text.orValue('none')", "event.a == null"),
        *("event.list.exists(i, i.a > 1.0)", "event.list.map(i, i.a)", "event.list.filter(i, i.a == null)"),
        *("event.text + 'x'", "event.b", "1 / event.b.a", "timestamp(event.text)", "event.text.matches(event.text)"),
        *("event.list[event.b.a]", "int(event.text)", "event['odd name']", "string(record.offset)"),
        *("[event.a, event.a]", "event.text.split('')", "{event.text: 1}"),
    ]
)
TRANSFORMS = st.lists(
    st.sampled_from([*PLAIN, *[told.example.split(" or ")[0] for told in TOLD.values()]]), min_size=1, max_size=3
)


@st.composite
def sources(draw: st.DrawFn, *, constant: bool = True) -> str:
    words = ["from", "cel", *(["const"] if constant else [])]
    word = draw(st.sampled_from(words))
    value = {"from": PATHS, "cel": EXPRESSIONS, "const": st.sampled_from(["x", "5", "true"])}[word]
    parts = [f"{word}: {json.dumps(draw(value))}"]
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"transform: [{', '.join(draw(TRANSFORMS))}]")
    if constant and draw(st.booleans()):
        parts.append(draw(st.sampled_from(["default: d", "required: true", "default: d, required: true"])))
    return f"{{{', '.join(parts)}}}"


@st.composite
def mapping_texts(draw: st.DrawFn) -> str:
    """A mapping file that may, or may not, be sound."""
    lines = ["version: 1", "topics: [t]"]
    if draw(st.booleans()):
        lines.append("schema: m.event.json")
    if draw(st.integers(0, 3)) == 0:
        constants = draw(st.lists(st.sampled_from(["1", "true", "x", "'1'", "1.5"]), min_size=1, max_size=3))
        lines.append(f"where: {{{json.dumps(draw(PATHS))}: [{', '.join(constants)}]}}")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"when: {json.dumps(draw(EXPRESSIONS))}")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"occurred_at: {draw(sources(constant=False))}")
    kinds = st.sampled_from(["mbox3rdPartyId", "mboxPC"])
    usual = st.sampled_from(["event.text", "record.topic", "record.key"]) | sources(constant=False)
    ways = [f"{{{draw(kinds)}: {draw(usual)}}}" for _ in range(draw(st.integers(1, 2)))]
    lines.append(f"identity: [{', '.join(ways)}]")
    lines.append("attributes:")
    lines += [f"  n{number}: {draw(sources())}" for number in range(draw(st.integers(1, 4)))]
    return "\n".join(lines) + "\n"


def files(text: str) -> dict[str, bytes]:
    return {"m.mapping.yaml": text.encode(), "m.event.json": json.dumps(SCHEMA).encode()}


def ends_well(mappings: Mappings, given_record: Record) -> None:
    result = mappings.map(given_record)
    assert mappings.map(given_record) == result
    if isinstance(result, ProfileUpdate):
        assert result.attributes
        assert all(isinstance(text, str) and 1 <= len(text) <= 256 for text in result.attributes.values())
        assert identity_fault(result.identity) is None
        assert isinstance(result.occurred_at, int)
    elif isinstance(result, Rejection):
        assert result.reason in REASONS[result.stage]
        assert result.detail
    else:
        assert isinstance(result, Skipped | Unmatched)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    mapping_texts(),
    st.lists(PAYLOADS | FITTING.map(lambda value: json.dumps(value).encode()), max_size=5),
    st.booleans(),
)
def test_any_event_ends_in_one_of_four_ways(text: str, payloads: list[bytes | None], keyed: bool) -> None:  # noqa: FBT001 - drawn
    try:
        mappings = parse_mappings(files(text))
    except MappingsInvalid as invalid:
        assert invalid.problems  # noqa: PT017 - both are fine
        return
    for payload in payloads:
        key, headers = (b"k", (("h", b"v"),)) if keyed else (None, ())
        ends_well(mappings, record(payload, key=key, headers=headers, timestamp=1_772_357_400_000))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mapping_texts(), st.data())
def test_any_damage_to_a_mapping_file_is_told_or_harmless(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 10)))
    put = data.draw(st.text(st.sampled_from("{}[]:,'\"&*!|>#%@`-? \n\tab.1"), max_size=5))
    mappings, problems = read_mappings(files(text[:start] + put + text[end:]))
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
    if not problems:
        ends_well(Mappings(mappings), record({"a": 1, "text": "x", "b": {"a": 2}}))


TOKENS = st.sampled_from(
    [
        *("event", "record", ".", ".?", "a", "b", "list", "text", "[", "]", "[?", "(", ")", "'x'", "1", "=="),
        *("!", "?", ":", ",", "has(", "i", "i.a", "{", "}", " in ", "\n", "//c", "map(i, "),
    ]
)
ATOMS = st.sampled_from(
    [
        *(
            "event.a",
            "event.b.a",
            "event.b.text",
            "event.list",
            "event['odd name']",
            "event.text",
            "event",
            "record.key",
        ),
        *("1", "-2", "2.5", "'x'", "''", "null", "true", "0u", "event.?a", "event.?b.?text", "has(event.b.a)", "b'x'"),
        *("event.list[0].a", "event.list[-1]", "record.headers", "event.a == null", "duration('1s')", "event.none"),
    ]
)
SHAPES = st.sampled_from(
    [
        *("({} + {})", "({} * {})", "({} / {})", "({} > {})", "({} == {})", "({} in {})", "({} && {})", "({} || {})"),
        *("!{}", "-({})", "size({})", "string({})", "int({})", "double({})", "timestamp({})", "type({})", "dyn({})"),
        *("[{}, {}]", "{{'k': {}}}", "({})[{}]", "({} ? {} : {})", "({}).orValue({})", "optional.of({})", "({}).?a"),
        *("({}).exists(i, i.a > {})", "({}).map(i, i)", "({}).filter(i, i.a == null)", "({}).all(i, has(i.a))"),
        *("({}).optMap(v, v)", "({}).join(',')", "({}).startsWith({})", "({}).matches({})", "math.greatest({}, {})"),
    ]
)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(ATOMS)
    written = draw(SHAPES)
    count = written.count("{}") - written.count("{{}")
    return written.format(*[draw(expressions(depth=depth - 1)) for _ in range(count)])


HEAD = "version: 1\ntopics: [t]\nidentity: {mbox3rdPartyId: record.topic}\n"
TYPED = shape(SCHEMA)


@settings(max_examples=600)
@given(
    expressions() | st.lists(TOKENS, max_size=14).map("".join), st.sampled_from([False, False, True]), FITTING | EVENTS
)
def test_any_expression_is_told_or_computed(text: str, typed: bool, event: Any) -> None:  # noqa: FBT001 - drawn
    try:
        expression = compile_expression(text, TYPED if typed else None)
    except ExpressionInvalid as invalid:
        assert all(0 <= place <= len(text) + 1 and message for place, message in invalid.problems)  # noqa: PT017
        return
    try:
        once = expression.read(event, record(b""))
    except Fault as fault:
        assert fault.reason in ("expression_failed", "value_not_scalar")  # noqa: PT017 - both are fine
    else:
        assert repr(expression.read(event, record(b""))) == repr(once)


@given(EVENTS)
def test_an_expression_and_a_path_read_the_same(event: Any) -> None:
    payload = json.dumps(event).encode()
    try:
        value = decode_json(payload)
    except DecodeFailed:
        return
    mappings = parse_mappings(files(f"{HEAD}attributes: {{one: {{from: event.text}}}}\n"))
    others = parse_mappings(files(f"{HEAD}attributes: {{one: {{cel: event.?text}}}}\n"))
    text = value.get("text") if isinstance(value, dict) else None
    if isinstance(text, str) and "\0" in text:
        return
    one, other = mappings.map(record(payload)), others.map(record(payload))
    assert one == other or (isinstance(one, Rejection) and isinstance(other, Rejection))
