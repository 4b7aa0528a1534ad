"""All of docs/mapping.md is run: mappings are loaded, cases pass, expressions hold, transcripts are as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from click.testing import CliRunner

from consumer.authoring.case_run import run_cases
from consumer.authoring.folder import read_folder
from consumer.cli import COMMANDS, cli
from consumer.core.expression import compile_expression
from consumer.core.expressions.functions import FUNCTIONS
from consumer.core.files.cases import REASONS_OF_A_CASE, outcome_of
from consumer.core.files.yaml_nodes import Map, Node, Scalar, json_text, parse_yaml
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import REASONS
from consumer.core.record import Record
from consumer.core.transforms import PLAIN, TOLD, apply_transforms, read_transform
from consumer.core.values import text_of
from tests.documented import Block, Section, sections

if TYPE_CHECKING:
    from consumer.core.mapping import Mappings

ROOT = Path(__file__).parents[1]
PAGES = [*sections(ROOT / "docs" / "mapping.md"), *sections(ROOT / "README.md")]
EXAMPLE = re.compile(r"^# (?P<event>[{\[].*) → (?P<outcome>.+)$", re.MULTILINE)
BASE = {
    "version": "1",
    "topics": "[t]",
    "identity": "{mbox3rdPartyId: event.customer.id}",
    "attributes": "{seen: {const: a}}",
}


def section(heading: str) -> Section:
    return next(each for each in PAGES if each.heading == heading)


def fragments() -> list[Any]:
    """Parts of a mapping, with examples of what they make of events."""
    return [
        pytest.param(block, id=each.heading)
        for each in PAGES
        for block in each.blocks
        if block.language == "yaml" and not block.title
    ]


def with_files(suffix: str) -> list[Any]:
    return [pytest.param(each, id=each.heading) for each in PAGES if any(name.endswith(suffix) for name in each.files)]


def transcripts() -> list[Any]:
    return [
        pytest.param(each, id=each.heading)
        for each in PAGES
        if any(block.language == "console" for block in each.blocks)
    ]


def plain(node: Node) -> Any:
    """Texts as written, as a cases file has them."""
    if isinstance(node, Scalar):
        return node.text
    assert isinstance(node, Map)
    return {key.text: plain(value) for key, value in node}


@pytest.mark.parametrize("block", fragments())
def test_a_part_of_a_mapping_does_what_its_examples_say(block: Block) -> None:
    root = parse_yaml("part", block.text.encode())
    assert isinstance(root, Map)
    rest = "".join(f"{key}: {text}\n" for key, text in BASE.items() if key not in root.entries)
    mappings = parse_mappings({"part.mapping.yaml": (rest + block.text).encode()})
    examples = list(EXAMPLE.finditer(block.text))
    assert examples or block.text.startswith("# schemas/"), "a part of a mapping shows what it does"
    for example in examples:
        event = json_text(parse_yaml("event", example["event"].encode()))
        expected = plain(parse_yaml("outcome", example["outcome"].encode()))
        outcome = outcome_of(mappings.map(record(mappings, event)))  # type: ignore[arg-type]  # no registry here
        if isinstance(expected, dict) and not expected.keys() & {"rejected", "identity"}:
            assert isinstance(outcome, dict), (example[0], outcome)
            outcome = outcome.get("attributes", outcome)
        assert outcome == expected, example[0]


def record(mappings: Mappings, event: str) -> Record:
    headers = (("channel", b"branch"), ("ce-type", b"loan.funded"))
    return Record(mappings.topics[0], 0, 7, 1772357400000, b"c-1", event.encode(), headers)


def lay_out(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("of", with_files(".mapping.yaml"))
def test_the_mappings_of_a_section_are_sound_and_its_cases_pass(of: Section, tmp_path: Path) -> None:
    lay_out(of.files, tmp_path)
    names = [name for name in of.files if name.endswith(".mapping.yaml") and not name.startswith("mistakes/")]
    for folder in {(tmp_path / name).parent for name in names}:
        read = read_folder(folder, 256)
        results = list(run_cases(read))

        assert read.problems == ()
        assert results
        assert [(result.case.name, result.actual, result.detail) for result in results if not result.passed] == []


@pytest.mark.parametrize("of", transcripts())
def test_a_transcript_is_what_is_printed(of: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(of.files, tmp_path)
    for block in of.blocks:
        if block.language == "console":
            for command, shown in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
                name, *arguments = shlex.split(command)
                assert name == "profile-consumer"
                result = CliRunner().invoke(cli, arguments)
                assert_alike(shown, result.output)


def assert_alike(shown: str, printed: str) -> None:
    """The same, but for the lines that `…` stands for."""
    pattern = re.escape(shown.rstrip()).replace(r"…\n", r"(?:.*\n)*?").removesuffix("…")
    found = re.match(pattern if shown.rstrip().endswith("…") else pattern + r"\s*\Z", printed)
    assert found, f"shown:\n{shown}\nprinted:\n{printed}"


def test_every_transform_is_in_the_table_with_an_example_that_holds() -> None:
    rows = section("Transforms").rows
    names = [name for row in rows for name in re.findall(r"`\{?(\w+)", row[0])]
    assert sorted(set(names)) == sorted([*PLAIN, *TOLD])
    for written, _, *examples in rows:
        for example in examples:
            if not example:
                continue
            given, _, result = example.replace("`", "").replace("\\|", "|").partition(" → ")
            transform = read_transform(parse_yaml("t", re.findall(r"`(.+?)`", written)[0].encode()))
            value = apply_transforms(json_value(given), (transform,))
            assert ("nothing" if value is None else text_of(value)) == result, written


def json_value(text: str) -> Any:
    return orjson.loads(json_text(parse_yaml("value", text.encode())))


def test_every_function_is_in_the_table_with_its_example() -> None:
    rows = section("Functions of expressions").rows
    assert {row[0].strip("`"): row[1].replace("\\|", "|").strip("`") for row in rows} == FUNCTIONS


@pytest.mark.parametrize("example", FUNCTIONS.values())
def test_an_example_of_a_function_holds(example: str) -> None:
    expression = compile_expression(example, None, "docs")

    assert expression.read({}, Record("t", 0, 0, 0, None, b"{}")) is True


def test_every_reason_of_a_rejection_is_in_the_table_with_its_stage() -> None:
    rows = section("Why an event is rejected").rows
    assert [(row[0].strip("`"), row[1]) for row in rows] == [
        (reason, stage) for stage, reasons in REASONS.items() for reason in reasons
    ]
    assert set(REASONS_OF_A_CASE) <= {row[0].strip("`") for row in rows}


def test_every_command_that_the_page_names_exists() -> None:
    text = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    assert set(re.findall(r"profile-consumer (\w+)", text)) <= set(COMMANDS)
