from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.schema_folder import read_schemas, shipped_schemas
from consumer.authoring.mapping_schema import mapping_schema
from consumer.core.files.yaml_nodes import json_text, parse_yaml
from consumer.core.mapping_file import read_mappings
from consumer.core.paths import PathInvalid, parse_path
from consumer.core.transforms import PLAIN, TOLD
from tests.commands.conftest import CASES, MAPPING

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

VALIDATOR = jsonschema_rs.Draft7Validator(mapping_schema())


def value(text: str) -> Any:
    """A YAML text as an editor that knows YAML 1.2 reads it."""
    return json.loads(json_text(parse_yaml("a.yaml", text.encode())))


def test_it_is_printed_as_json(program: Callable[..., Result]) -> None:
    result = program("schema")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == mapping_schema()


@pytest.mark.parametrize("path", sorted(shipped_schemas().glob("*.yaml")), ids=lambda path: Path(path).name)
def test_every_shipped_file_points_to_it_and_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.splitlines()[0] == "# yaml-language-server: $schema=mapping.schema.json"
    assert (path.parent / "mapping.schema.json").is_file()
    assert VALIDATOR.is_valid(value(text))


@pytest.mark.parametrize("text", [MAPPING, CASES])
def test_other_good_files_are_valid(text: str) -> None:
    assert VALIDATOR.is_valid(value(text))


TOP = "version: 1\ntopics: [t]\nidentity: {mbox3rdPartyId: event.id}\nattributes: {a: {from: event.a}}\n"


EXAMPLES = [*PLAIN, *[example for told in TOLD.values() for example in told.example.split(" or ")]]
IDENTITIES = "[{mbox3rdPartyId: {cel: event.id, transform: [trim]}}, {mboxPC: event.v}]"
CONST = "{const: 12, transform: [{pad: {width: 3, with: 0, side: right}}], default: no}"
WHERE = """where: {event.n: [1, true, a], 'record.headers["ce-type"]': b}\n"""


@pytest.mark.parametrize(
    "text",
    [
        TOP,
        TOP + WHERE + "x-shared: [1, {a: b}]\nwhen: event.a > 0\n",
        TOP.replace("{mbox3rdPartyId: event.id}", IDENTITIES),
        TOP.replace("{from: event.a}", CONST),
        *[TOP.replace("{from: event.a}", f"{{from: event.a, transform: [{example}]}}") for example in EXAMPLES],
    ],
)
def test_what_the_loader_takes_is_valid(text: str) -> None:
    assert read_mappings({"a.mapping.yaml": text.encode()})[1] == []
    assert VALIDATOR.is_valid(value(text))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", 'version: "1"'),
        ("version: 1\n", ""),
        ("topics: [t]", "topics: t"),
        ("topics: [t]", "topics: []"),
        ("topics: [t]", "topics: ['^t.*']"),
        ("topics:", "topic:"),
        ("event.id", "evnt.id"),
        ("event.id", "event"),
        ("event.id", "event.odd-name"),
        ("mbox3rdPartyId", "mboxThirdPartyId"),
        ("{mbox3rdPartyId: event.id}", "{mbox3rdPartyId: event.id, mboxPC: event.v}"),
        ("{mbox3rdPartyId: event.id}", "{mbox3rdPartyId: {const: a}}"),
        ("{a: {from", "{profile.a: {from"),
        ("{a: {from: event.a}}", "{a: event.a}"),
        ("{a: {from: event.a}}", "{}"),
        ("{from: event.a}", "{from: event.a, const: b}"),
        ("{from: event.a}", "{default: b}"),
        ("{from: event.a}", "{from: event.a, transfrom: [trim]}"),
        ("{from: event.a}", "{from: event.a, transform: trim}"),
        ("{from: event.a}", "{from: event.a, transform: []}"),
        ("{from: event.a}", "{from: event.a, transform: [trm]}"),
        ("{from: event.a}", "{from: event.a, transform: [{round: two}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{round: 13}]}"),
        ("{from: event.a}", "{from: event.a, transform: [round]}"),
        ("{from: event.a}", "{from: event.a, transform: [{trim: 1}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{pad: {with: x}}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{pad: {width: 2, with: xy}}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{date: {zone: UTC}}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{date: plain}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{truncate: 0}]}"),
        ("{from: event.a}", "{from: event.a, transform: [{lookup: {}}]}"),
        ("{from: event.a}", "{const: null}"),
        ("{from: event.a}", '{const: ""}'),
        ("{from: event.a}", "{from: event.a, required: maybe}"),
        ("attributes:", "format: yaml\nattributes:"),
        ("attributes:", "where: {}\nattributes:"),
        ("attributes:", "where: {event.a: []}\nattributes:"),
        ("attributes:", "where: {event.a: {b: c}}\nattributes:"),
        ("attributes:", "frobnicate: 1\nattributes:"),
    ],
)
def test_a_typical_mistake_is_underlined_and_refused_by_the_loader_too(right: str, wrong: str) -> None:
    assert right in TOP
    text = TOP.replace(right, wrong)

    assert read_mappings({"a.mapping.yaml": text.encode()})[1]
    assert not VALIDATOR.is_valid(value(text))


@pytest.mark.parametrize(
    "case",
    [
        "{name: a, event: {}}",
        "{event: {}, expect: skipped}",
        "{name: a, expect: skipped}",
        "{name: a, event: {}, event_file: x, expect: skipped}",
        "{name: a, event: {}, expect: skiped}",
        "{name: a, event: {}, expect: {rejected: because}}",
        "{name: a, event: {}, expect: {identity: {mboxPC: a}}}",
        "{name: a, event: {}, expect: skipped, records: {}}",
        "{name: a, event: {}, expect: skipped, record: {header: {}}}",
    ],
)
def test_a_typical_mistake_in_cases_is_underlined(case: str) -> None:
    assert not VALIDATOR.is_valid(value(f"- {case}"))


def test_a_number_of_transforms_stays_in_step_with_the_loader() -> None:
    branches = mapping_schema()["definitions"]["transform"]["anyOf"]

    assert branches[0] == {"enum": list(PLAIN)}
    assert [branch["required"] for branch in branches[1:]] == [[name] for name in TOLD]


STEPS = st.sampled_from(
    [".a", ".a_1", ".1a", "[0]", "[-1]", "[--1]", '["odd name"]', '["a\\"b"]', "['a']", ".", "[", "]", "a"]
)


@given(st.sampled_from(["event", "record", "evnt", ""]), st.lists(STEPS, max_size=4))
def test_what_the_schema_takes_for_a_path_of_an_event_the_loader_does_too(root: str, steps: list[str]) -> None:
    text = root + "".join(steps)
    pattern = jsonschema_rs.Draft7Validator(mapping_schema()["definitions"]["path"])
    try:
        parse_path(text)
    except PathInvalid:
        assert root == "record" or not pattern.is_valid(text)
    else:
        assert pattern.is_valid(text)


def test_the_shipped_mappings_are_still_sound() -> None:
    assert read_mappings(read_schemas(shipped_schemas()))[1] == []
