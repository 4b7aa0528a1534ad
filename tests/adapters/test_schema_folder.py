from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from consumer.adapters.schema_folder import read_schemas, shipped_schemas
from consumer.errors import MappingsInvalid

if TYPE_CHECKING:
    from pathlib import Path


def test_mappings_their_schemas_and_cases_are_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.mapping.yaml", "a.cases.yaml", "a.event.json", "b.event.avsc", "c.event.proto"):
        (tmp_path / name).write_text(name)
    for name in ("README.md", "mapping.yaml.bak", "settings.yaml"):
        (tmp_path / name).write_text("no mapping")
    assert read_schemas(tmp_path) == {
        name: name.encode()
        for name in ("a.cases.yaml", "a.event.json", "a.mapping.yaml", "b.event.avsc", "c.event.proto")
    }


def test_a_schema_of_another_name_is_read_when_a_mapping_names_it(tmp_path: Path) -> None:
    for name in ("a.json", "b.avsc", "c c.json", "d.proto", "money.proto", "other.json"):
        (tmp_path / name).write_text(name)
    for mapping, schema in (("a", "schema: a.json"), ("b", "{schema: 'b.avsc'}"), ("c", '"schema": "c c.json"')):
        (tmp_path / f"{mapping}.mapping.yaml").write_text(schema)
    (tmp_path / "d.mapping.yaml").write_text("schema: ../d.json\nschema: nowhere.json")
    mappings = {f"{name}.mapping.yaml" for name in "abcd"}
    assert read_schemas(tmp_path).keys() - mappings == {"a.json", "b.avsc", "c c.json", "d.proto", "money.proto"}


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    """Kubernetes mounts it as links into a hidden folder that changes as a whole."""
    version = tmp_path / "..2026_11_25"
    version.mkdir()
    (version / "a.mapping.yaml").write_text("new")
    (tmp_path / "..data").symlink_to(version)
    (tmp_path / "a.mapping.yaml").symlink_to("..data/a.mapping.yaml")
    assert read_schemas(tmp_path) == {"a.mapping.yaml": b"new"}


@pytest.mark.parametrize(
    ("name", "message"), [("", "there is no mapping in this folder"), ("nowhere", "there is no such folder")]
)
def test_a_folder_without_mappings_says_which_setting_names_it(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.event.json").write_text("{}")
    folder = tmp_path / name
    with pytest.raises(MappingsInvalid, match=f"^{re.escape(str(folder))}: {message}; `schemas` names a folder with"):
        read_schemas(folder)


def test_a_file_of_a_wrong_name_says_the_right_one(tmp_path: Path) -> None:
    for name in ("a.mapping.yml", "b.mapping.yml", "c.mapping.yaml"):
        (tmp_path / name).write_text("version: 1")
    with pytest.raises(MappingsInvalid) as raised:
        read_schemas(tmp_path)
    assert str(raised.value).splitlines() == [
        f"{tmp_path}/{name}.mapping.yml: a mapping file is named *.mapping.yaml: rename it to {name}.mapping.yaml"
        for name in ("a", "b")
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.mapping.yaml").write_text("version: 1")
    monkeypatch.setattr("pathlib.Path.read_bytes", refused)
    with pytest.raises(MappingsInvalid, match=r"a\.mapping\.yaml: can't be read: Permission denied$"):
        read_schemas(tmp_path)


def test_the_shipped_mappings_are_in_reach() -> None:
    names = {name for name in read_schemas(shipped_schemas()) if name.endswith(".mapping.yaml")}
    assert names == {
        f"{name}.mapping.yaml" for name in ("call-center-contact", "kiosk-accessed", "loan-funded", "loyalty-card-used")
    }
