"""What the pages for readers say is so: tests and files that they name, commands, links, and the first mapping."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from consumer.cli import COMMANDS, cli
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import ProfileUpdate
from consumer.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
DEFINED = {
    name: path.relative_to(ROOT)
    for path in ROOT.glob("tests/**/test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def claims(text: str) -> Iterator[tuple[str, list[str]]]:
    """Number of each guarantee in the table, and the tests that it names."""
    for row in re.findall(r"^\| (G\d) \|.*\| ([^|]*) \|$", text, re.MULTILINE):
        yield row[0], re.findall(r"`([^`]+)`", row[1])


def links(page: Path) -> Iterator[str]:
    """Targets of links within the repository, without their anchors."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]


def code(text: str, language: str) -> list[str]:
    """The fenced blocks in a language, or without one."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for written, block in blocks if written == language]


def test_every_guarantee_is_shown_by_tests_that_exist() -> None:
    table = dict(claims(README))
    assert list(table) == [f"G{number}" for number in range(1, 8)]
    assert [number for number, tests in table.items() if not tests] == []
    for tests in table.values():
        assert [name for name in tests if name not in DEFINED and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_every_command_exists_with_its_options() -> None:
    shown = re.findall(r"^\s*profile-consumer (\w+)((?: --?[\w-]+)*)", "\n".join(code(README, "sh")), re.MULTILINE)
    assert shown
    for name, options in shown:
        assert name in COMMANDS
        help_text = CliRunner().invoke(cli, [name, "--help"]).output
        assert [option for option in options.split() if option not in help_text] == []


def test_every_target_of_make_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", "\n".join(line for page in PAGES for line in commands(page)))
    assert {"demo", "test", "lint"} <= {name for words in shown for name in words.split()} <= set(targets)


def commands(page: Path) -> Iterator[str]:
    """What a reader would type: shell blocks without their comments, and code within the text."""
    text = page.read_text(encoding="utf-8")
    for line in "\n".join(code(text, "sh")).splitlines():
        yield line.partition("#")[0].strip()
    yield from re.findall(r"`(make [a-z -]+)`", text)


def test_the_first_mapping_is_valid_and_maps() -> None:
    [mapping] = code(README, "yaml")
    name = re.search(r"schemas/(\S+)", mapping)
    assert name
    [topic] = yaml.safe_load(mapping)["topics"]
    event = (
        b'{"type": "store.visited", "at": "2026-03-01T09:30:00Z", "customer": {"id": "c-1"}, "store": {"name": " A "}}'
    )
    update = parse_mappings({name[1]: mapping.encode()}).map(Record(topic, 0, 0, 0, None, event))
    assert isinstance(update, ProfileUpdate)
    assert update.attributes == {"lastStore": "A", "lastVisitOn": "2026-03-01", "visitKind": "unknown"}


def test_the_settings_in_the_example_are_settings() -> None:
    known = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    named = re.findall(r"PROFILE_CONSUMER_\w+", README)
    assert named
    assert [name for name in named if f"`{name}`" not in known] == []


@pytest.mark.parametrize(
    ("row", "tests"),
    [("| G1 | x | `test_y`, `tests/z.py` |", ["test_y", "tests/z.py"]), ("| G4 | x `q` | - |", [])],
)
def test_the_table_is_read(row: str, tests: list[str]) -> None:
    assert dict(claims(row)) == {row[2:4]: tests}
