from __future__ import annotations

import pytest

from consumer.core.files.cases import Case, outcome_of, parse_cases, read_cases
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import Identity, ProfileUpdate, Rejection, Skipped, Unmatched
from consumer.core.record import Record
from consumer.errors import MappingsInvalid
from tests.core.mapped import BODY, HEAD

MAPPING = {"m.mapping.yaml": (HEAD + BODY).encode()}


def cases(text: str, **files: bytes) -> tuple[Case, ...]:
    return parse_cases(MAPPING | {"m.cases.yaml": text.encode()} | files, parse_mappings(MAPPING))


def only(text: str, **files: bytes) -> Case:
    (case,) = cases(f"- {text}\n", **files)
    return case


def problems(text: str, **files: bytes) -> list[str]:
    with pytest.raises(MappingsInvalid) as invalid:
        cases(text, **files)
    return [str(problem).removeprefix("m.cases.yaml:") for problem in invalid.value.problems]


def test_a_case_has_a_record_and_what_is_to_become_of_it() -> None:
    assert only("{name: one, event: {id: 1.50, on: yes, x: 2026-03-01}, expect: skipped}") == Case(
        "m.cases.yaml", 1, "one", Record("t", 0, 0, 0, None, b'{"id":1.50,"on":"yes","x":"2026-03-01"}'), "skipped"
    )


def test_the_record_around_the_event() -> None:
    record = "{topic: u, partition: 1, offset: 2, timestamp: 3, key: 007, headers: {a: 1, b: x}}"
    assert only(f"{{name: one, event: null, record: {record}, expect: skipped}}").record == Record(
        "u", 1, 2, 3, b"007", None, (("a", b"1"), ("b", b"x"))
    )


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("event: null", None),
        ("event: ", None),
        ("event: 'null'", b'"null"'),
        ("event: [1, {a: b}]", b'[1,{"a":"b"}]'),
        ("event_file: x.json", b'{"id": 1}'),
        ("event_base64: AAEC", b"\0\1\2"),
    ],
)
def test_the_event_s_bytes(event: str, value: bytes | None) -> None:
    assert only(f"{{name: one, {event}, expect: skipped}}", **{"x.json": b'{"id": 1}'}).record.value == value


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("skipped", "skipped"),
        ("unmatched", "unmatched"),
        ("{rejected: identity_missing}", {"rejected": "identity_missing"}),
        (
            "{identity: {mboxPC: 5}, attributes: {a: 1.50, b: true, c: no, d: }}",
            {"identity": {"mboxPC": "5"}, "attributes": {"a": "1.50", "b": "true", "c": "no", "d": ""}},
        ),
    ],
)
def test_what_is_expected_is_compared_as_text(expect: str, expected: object) -> None:
    assert only(f"{{name: one, event: {{}}, expect: {expect}}}").expected == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{name: one}", "1:1: cases are a list of {name, event, record, expect}"),
        ("- one", "1:3: a case is a map of name, event, record and expect"),
        ("- {event: {}, expect: skipped}", "1:3: a case needs a name"),
        ("- {name: '', event: {}, expect: skipped}", "1:3: a case needs a name"),
        ("- {name: [x], event: {}, expect: skipped}", "1:3: a case needs a name"),
        ("- {name: one, event: {}}", "1:3: a case needs expect"),
        ("- {name: one, expect: skipped}", "1:3: a case has exactly one of event, event_file, event_base64"),
        ("- {name: one, event: 1, event_file: x, expect: skipped}", "1:3: a case has exactly one of event"),
        ("- {name: one, event_file: x, expect: skipped}", "1:15: no file 'x' beside these cases"),
        ("- {name: one, event_base64: '*', expect: skipped}", "1:15: event_base64 is not base64"),
        ("- {name: one, event_base64: [x], expect: skipped}", "1:29: write text here, not a list or a map"),
        ("- {name: one, event: {}, record: [], expect: skipped}", "1:34: record is a map of topic, partition"),
        ("- {name: one, event: {}, record: {topik: x}, expect: skipped}", "1:35: a record has no key 'topik'; did"),
        ("- {name: one, event: {}, record: {offset: x}, expect: skipped}", "1:35: offset is a whole number"),
        ("- {name: one, event: {}, record: {offset: true}, expect: skipped}", "1:35: offset is a whole number"),
        ("- {name: one, event: {}, record: {offset: [1]}, expect: skipped}", "1:35: offset is a whole number"),
        ("- {name: one, event: {}, record: {headers: [x]}, expect: skipped}", "1:44: headers are a map of names and"),
        ("- {name: one, event: {}, record: {headers: {a: [x]}}, expect: skipped}", "1:48: write text here"),
        ("- {name: one, event: {}, expect: skiped}", "1:34: expect: no outcome 'skiped'; did you mean skipped?"),
        ("- {name: one, event: {}, expect: {rejected: identity_mising}}", "1:34: no reason 'identity_mising'; did"),
        ("- {name: one, event: {}, expect: {rejected: refused}}", "1:34: no reason 'refused'"),
        ("- {name: one, event: {}, expect: {identity: {mboxPC: x}}}", "1:34: expect: write skipped, unmatched,"),
        ("- {name: one, event: {}, expect: [skipped]}", "1:34: expect: write skipped"),
        ("- {name: one, event: {}, expect: {identity: {}, attributes: {}}}", "1:34: expect: identity is one of"),
        ("- {name: one, event: {}, expect: {identity: {x: y}, attributes: {}}}", "1:34: expect: identity is one of"),
        ("- {name: one, event: {}, expect: {identity: x, attributes: {}}}", "1:45: expect: identity is a map of"),
        ("- {name: one, event: {}, expect: {identity: {mboxPC: x}, attributes: {a: [b]}}}", "write text here, not a"),
        ("- {name: one, evnt: {}, event: {}, expect: skipped}", "1:15: a case has no key 'evnt'; did you mean event?"),
        ("- {name: one, event: 1, expect: skipped}\n- {name: one, event: 2, expect: skipped}", "2:3: the name 'one'"),
        ("- {", "not YAML"),
        ("{a: 1, a: 2}", "1:8: the key 'a' stands here twice, first in line 1"),
        ("- {name: one, event: {a: 1, a: 2}, expect: skipped}", "1:29: the key 'a' stands here twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_case(text: str, message: str) -> None:
    (found,) = problems(text)
    assert message in found


def test_cases_without_a_mapping() -> None:
    files = {"n.cases.yaml": b"- {name: one, event: 1, expect: skipped}"}
    found, wrong = read_cases(files, ())
    assert [case.record.topic for case in found] == [""]
    assert [str(problem) for problem in wrong] == ["n.cases.yaml:1:1: there is no n.mapping.yaml beside these cases"]


def test_results_in_the_words_of_a_case() -> None:
    update = ProfileUpdate(Identity("mboxPC", "p"), {"a": "b"}, 0, 0)
    assert outcome_of(update) == {"identity": {"mboxPC": "p"}, "attributes": {"a": "b"}}
    assert outcome_of(Rejection("map", "identity_missing", "…")) == {"rejected": "identity_missing"}
    assert outcome_of(Skipped()) == "skipped"
    assert outcome_of(Unmatched()) == "unmatched"
