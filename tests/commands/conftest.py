"""A folder with one mapping, its cases and its schema, and the program called in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from consumer.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

MAPPING = """\
version: 1
topics: [visits]
schema: visit.event.json
where: {event.type: [visit, call]}
occurred_at: event.at
identity:
  - mbox3rdPartyId: {from: event.customer.id, transform: [trim]}
  - mboxPC: event.visitor
attributes:
  kind: {const: visit}
  store: {from: event.store.name, transform: [trim, lower], default: unknown}
  tier: {from: event.tier, transform: [{lookup: {G: gold}}], required: true}
  pages: {from: event.pages, transform: [int]}
"""
SCHEMA = """\
{"type": "object", "properties": {
  "type": {"type": "string"}, "at": {"type": "string"}, "visitor": {"type": "string"}, "tier": {"type": "string"},
  "pages": {"type": ["string", "number"]}, "customer": {"type": "object", "properties": {"id": {"type": "string"}}},
  "store": {"type": "object", "properties": {"name": {"type": "string"}}}}}
"""
CASES = """\
- name: a visit
  event: {type: visit, customer: {id: " c-1 "}, store: {name: "Utrecht "}, tier: G, pages: "3"}
  expect:
    identity: {mbox3rdPartyId: c-1}
    attributes: {kind: visit, store: utrecht, tier: gold, pages: 3}
- name: nobody
  event: {type: call}
  expect: {rejected: identity_missing}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`schemas` in an empty working directory, without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROFILE_CONSUMER_CONFIG", raising=False)
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "visit.mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (schemas / "visit.event.json").write_text(SCHEMA, encoding="utf-8")
    (schemas / "visit.cases.yaml").write_text(CASES, encoding="utf-8")
    return schemas


@pytest.fixture
def edit(folder: Path) -> Callable[..., None]:
    """Replaces text in a file of the folder; it must be there."""

    def replace(name: str, *pairs: tuple[str, str]) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    return replace


@pytest.fixture
def program(folder: Path) -> Callable[..., Result]:
    """Calls the program in the directory above the folder, as from a pipe."""
    assert folder.is_dir()

    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin)

    return call
