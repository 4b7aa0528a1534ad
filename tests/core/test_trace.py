from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.schema_folder import read_schemas, shipped_schemas
from consumer.core.files.cases import parse_cases
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import ProfileUpdate, Rejection, SchemaWanted, Skipped
from consumer.core.record import Record
from consumer.core.trace import Trace, others, trace

if TYPE_CHECKING:
    from consumer.core.mapping import Mappings

MAPPING = """\
version: 1
topics: [t, u]
where: {event.type: [a, 1, true]}
when: "has(event.n) ? event.n > 0 : true"
occurred_at: event.at
identity: [{mbox3rdPartyId: {from: event.id, transform: [trim]}}, {mboxPC: {cel: event.v}}]
attributes:
  fixed: {const: a, transform: [upper]}
  list: {from: event.tags, transform: [lower, {join: ","}]}
  given: {from: event.x, transform: [int], default: none}
  needed: {from: event.y, required: true}
  computed: {cel: event.n + 1}
"""
OTHER = """\
version: 1
topics: [t]
where: {event.type: b, event.kind: [x, y]}
identity: {mboxPC: event.v}
attributes: {fixed: {const: b}}
"""
MAPPINGS = parse_mappings({"one.mapping.yaml": MAPPING.encode(), "two.mapping.yaml": OTHER.encode()})


def traced(event: object, topic: str = "t", mappings: Mappings = MAPPINGS) -> Trace:
    return trace(mappings, Record(topic, 0, 7, 5, None, json.dumps(event).encode()))


def good(**more: object) -> dict[str, object]:
    return {"type": "a", "id": " c-1 ", "y": 1, "n": 2} | more


def test_every_step_of_every_value_is_there() -> None:
    seen = traced(good(tags=["A", "b"], x="3"))

    assert isinstance(seen.result, ProfileUpdate)
    assert seen.candidate is not None
    assert seen.candidate.mapping.name == "one"
    assert [(identity.kind, identity.ending, identity.value.last) for identity in seen.identities] == [
        ("mbox3rdPartyId", "taken", "c-1")
    ]
    assert seen.when is not None
    assert (seen.when.source.written, seen.when.last) == ("has(event.n) ? event.n > 0 : true", True)
    values = {
        each.attribute.name: (each.value.first, [step.value for step in each.value.steps]) for each in seen.attributes
    }
    assert values == {
        "fixed": ("a", ["A"]),
        "list": (["A", "b"], [["a", "b"], "a,b"]),
        "given": ("3", [3]),
        "needed": (1, []),
        "computed": (3, []),
    }
    assert {each.attribute.name: each.text for each in seen.attributes} == seen.result.attributes


def test_how_each_attribute_ends_is_there() -> None:
    seen = traced({"type": "a", "id": "c-1", "x": "", "tags": {}})

    endings = {
        each.attribute.name: (each.ending, each.text, each.fault and each.fault.reason) for each in seen.attributes
    }
    assert endings == {
        "fixed": ("value", "A", None),
        "list": ("rejected", None, "value_not_scalar"),
        "given": ("default", "none", None),
        "needed": ("rejected", None, "required_missing"),
        "computed": ("rejected", None, "expression_failed"),
    }
    assert isinstance(seen.result, Rejection)
    assert seen.result.reason == "value_not_scalar"


def test_a_step_that_fails_is_the_last() -> None:
    given_ = traced(good(x="3.5")).attributes[2]

    assert given_.value.last is None
    assert [(step.name, step.fault is not None) for step in given_.value.steps] == [("int", True)]
    assert given_.fault is not None
    assert given_.value.fault is not None
    assert given_.fault.detail == given_.value.fault.detail == "transform int: not a whole number"


def test_what_is_nothing_is_not_transformed() -> None:
    assert traced(good(tags=[], x="")).attributes[2].value.steps == ()


@pytest.mark.parametrize(
    ("event", "endings"),
    [
        ({"id": "", "v": "1-2"}, ["nothing", "taken"]),
        ({"id": "a/b"}, ["rejected"]),
        ({"id": {}}, ["rejected"]),
        ({"id": []}, ["rejected"]),
        ({"v": []}, ["nothing", "rejected"]),
        ({"v": ""}, ["nothing", "nothing"]),
        ({}, ["nothing", "rejected"]),
    ],
)
def test_each_way_to_know_the_visitor_that_is_tried_is_there(event: dict[str, object], endings: list[str]) -> None:
    seen = traced({"type": "a", "y": 1, "n": 1} | event)

    assert [identity.ending for identity in seen.identities] == endings
    assert isinstance(seen.result, ProfileUpdate) == (endings[-1] == "taken")


def test_where_a_mapping_lets_an_event_in_all_its_conditions_are_there_else_up_to_the_first_that_fails() -> None:
    seen = traced({"type": True, "kind": "z", "id": "c", "y": 1, "n": 1})

    assert seen.candidate is not None
    assert [(c.subject, c.wanted, c.value, c.holds) for c in seen.candidate.conditions] == [
        ("topic", ("t", "u"), "t", True),
        ("event.type", (1, True, "a"), True, True),
    ]
    (other,) = others(MAPPINGS, seen)
    assert [(c.subject, c.value, c.holds) for c in other.conditions] == [
        ("topic", "t", True),
        ("event.type", True, False),
    ]


def test_mappings_of_the_topic_come_first_among_the_others() -> None:
    third = OTHER.replace("[t]", "[aaa]").encode()
    files = {"a.mapping.yaml": third, "one.mapping.yaml": MAPPING.encode(), "two.mapping.yaml": OTHER.encode()}

    mappings = parse_mappings(files)
    seen = traced({}, mappings=mappings)

    assert seen.candidate is None
    found = others(mappings, seen)
    assert [candidate.mapping.name for candidate in found] == ["one", "two", "a"]
    assert [condition.subject for condition in found[-1].conditions] == ["topic"]


@pytest.mark.parametrize(("n", "went_on"), [(0, False), ("x", False), (1, True)])
def test_nothing_is_traced_behind_a_condition_that_is_not_true(n: object, went_on: bool) -> None:  # noqa: FBT001  # a parameter
    assert bool(traced(good(n=n)).attributes) == went_on


def test_an_event_that_can_t_be_read_or_is_none_has_no_way() -> None:
    broken = trace(MAPPINGS, Record("t", 0, 0, 0, None, b"{"))
    tombstone = trace(MAPPINGS, Record("t", 0, 0, 0, None, None))
    elsewhere = trace(MAPPINGS, Record("nowhere", 0, 0, 0, None, b"{}"))

    assert (broken.candidate, others(MAPPINGS, broken)) == (None, ())
    assert (tombstone.result, others(MAPPINGS, tombstone)) == (Skipped(), ())
    assert [candidate.mapping.name for candidate in others(MAPPINGS, elsewhere)] == ["one", "two"]


def test_an_event_that_its_schema_refuses_is_not_traced_further() -> None:
    files = {
        "a.mapping.yaml": OTHER.replace("identity:", "schema: a.event.json\nidentity:").encode(),
        "a.event.json": b'{"required": ["v"]}',
    }

    seen = traced({"type": "b", "kind": "x"}, mappings=parse_mappings(files))

    assert isinstance(seen.result, Rejection)
    assert seen.result.reason == "schema_invalid"
    assert seen.candidate is not None
    assert (seen.identities, seen.attributes) == ((), ())


def test_a_schema_that_only_a_registry_knows_is_wanted() -> None:
    mappings = parse_mappings({"a.mapping.yaml": OTHER.replace("identity:", "format: registry\nidentity:").encode()})

    assert trace(mappings, Record("t", 0, 0, 0, None, b"\0\0\0\0\x05{}")).result == SchemaWanted(5)


def agrees(seen: Trace) -> None:
    """The trace leads to the very result that the service comes to."""
    if isinstance(seen.result, ProfileUpdate):
        assert seen.result.attributes == {
            each.attribute.name: each.text for each in seen.attributes if each.text is not None
        }
        taken = seen.identities[-1]
        assert (taken.kind, str(taken.value.last)) == (seen.result.identity.kind, seen.result.identity.value)
    elif isinstance(seen.result, Rejection) and seen.result.stage == "map" and seen.identities:
        faults = [seen.identities[-1].fault, *[each.fault for each in seen.attributes]]
        reasons = [fault.reason for fault in faults if fault] or ["identity_missing"]
        assert seen.result.reason in (reasons[0], "identity_missing", "occurred_at_invalid")


SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", " b ", "c/d", "2026-03-01", "x" * 300])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2)
KEYS = st.sampled_from(["type", "kind", "id", "v", "n", "at", "tags", "x", "y"])


@given(st.dictionaries(KEYS, VALUES), st.sampled_from(["a", "b", 1, True]))
def test_whatever_comes_the_way_leads_to_the_result(event: dict[str, Any], kind: object) -> None:
    agrees(traced({**event, "type": kind}))


def test_the_way_of_every_shipped_case_leads_to_its_result() -> None:
    files = read_schemas(shipped_schemas())
    mappings = parse_mappings(files)

    for case in parse_cases(files, mappings):
        agrees(trace(mappings, case.record))
