"""`profile-consumer new`: a first mapping with its cases, from an event's schema."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consumer import settings
from consumer.adapters.schema_folder import CASES_SUFFIX, find_schemas
from consumer.authoring.first_cases import cases_text
from consumer.authoring.first_mapping import NoField, mapping_text, plan
from consumer.authoring.mapping_schema import FILE_NAME, render
from consumer.authoring.screen import Screen
from consumer.commands.options import config_option
from consumer.core.formats.event_format import Declared, read_format
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.mapping import Mappings
from consumer.core.mapping_file import SUFFIX, read_mappings
from consumer.errors import MappingsInvalid

if TYPE_CHECKING:
    from consumer.core.formats.event_format import FormatName

_FORMATS: dict[str, FormatName] = {".json": "json", ".avsc": "avro", ".proto": "protobuf"}
_IMPORT = re.compile(rb"""^\s*import\s+(?:public\s+|weak\s+)?["']([\w./-]+\.proto)["']\s*;""", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@click.command("new")
@click.argument("name")
@click.option(
    "--schema", type=click.Path(path_type=Path), required=True, metavar="FILE", help="*.json, *.avsc, *.proto"
)
@click.option("--message", metavar="M", help="Protobuf: which message, if the file has several.")
@click.option("--topic", metavar="T", help="The topic of the events; without it NAME, to be changed.")
@click.option(
    "--schemas", type=click.Path(path_type=Path), metavar="DIR", help="Where to; default: as in the settings."
)
@config_option
def command(
    name: str, schema: Path, message: str | None, topic: str | None, schemas: Path | None, config: Path | None
) -> None:
    """Write a first mapping and its cases from the schema of an event: NAME.mapping.yaml and NAME.cases.yaml.

    The schema is copied beside them, unless it lies there. All of it passes `check` and `test` at once; what it says
    is a guess, to be looked through. Nothing that exists is overwritten: exit code 1.

    \b
    Example:
      profile-consumer new store-visited --schema store-visited.json --topic customer.visits
    """  # noqa: D301  # click reads \b
    if not _NAME.fullmatch(name):
        raise click.UsageError("NAME: letters, digits, - and _, such as store-visited")
    if schema.suffix not in _FORMATS:
        raise click.UsageError(f"--schema: a file named *{', *'.join(_FORMATS)}")
    folder = schemas or settings.load(config, os.environ, needs=()).schemas
    content = _read(schema)
    beside = schema.parent.resolve() == folder.resolve() and ".event." in schema.name
    schema_name = schema.name if beside else f"{name}.event{schema.suffix}"
    new_files = {name + SUFFIX: b"", name + CASES_SUFFIX: b""} | ({} if beside else {schema_name: content})
    for file in new_files:
        if (folder / file).exists():
            raise click.ClickException(f"{folder / file} exists; nothing was written")
    existing = find_schemas(folder)[0] if folder.is_dir() else {}
    imported = {file: text for file, text in _imported(schema.parent, content).items() if file not in existing}
    new_files |= imported
    declared = Declared(_FORMATS[schema.suffix], schema_name, message)
    new_files |= _written(name, topic or name, declared, existing | imported | {schema_name: content})
    if not (folder / FILE_NAME).exists():
        new_files[FILE_NAME] = render().encode()
    screen = Screen()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in new_files.items():
            (folder / file).write_bytes(text)
            screen.line(f"wrote {folder / file}")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: can't be written: {error.strerror}") from error
    screen.line(f"Look through them; then: profile-consumer test {folder / (name + SUFFIX)}")


def _imported(beside: Path, content: bytes) -> dict[str, bytes]:
    """The files that a `.proto` file imports, and those that they import, as far as they lie beside it or below."""
    found: dict[str, bytes] = {}
    to_read = [content]
    while to_read:
        for name in map(bytes.decode, _IMPORT.findall(to_read.pop())):
            paths = [path for path in (beside / name, beside / Path(name).name) if path.is_file()]
            if paths and Path(name).name not in found:
                found[Path(name).name] = _read(paths[0])
                to_read.append(found[Path(name).name])
    return found


def _read(schema: Path) -> bytes:
    try:
        return schema.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{schema}: can't be read: {error.strerror}") from error


def _written(name: str, topic: str, declared: Declared, files: dict[str, bytes]) -> dict[str, bytes]:
    """The mapping and the cases, tried beside the files that are there."""
    try:
        reader = read_format(declared, files)
        drafted = plan(name, topic, declared, reader.shape)
    except SchemaInvalid as fault:
        raise click.ClickException(str(fault)) from fault
    except NoField as nothing:
        raise click.ClickException(f"{declared.schema}: {nothing}") from nothing
    text = mapping_text(drafted).encode()
    mappings, problems = read_mappings(files | {name + SUFFIX: text})
    own = [problem for problem in problems if problem.file == name + SUFFIX or name + SUFFIX in problem.message]
    if own:
        raise MappingsInvalid(own)
    alone = Mappings(tuple(mapping for mapping in mappings if mapping.name == name))
    return {name + SUFFIX: text, name + CASES_SUFFIX: cases_text(drafted, alone, reader).encode()}
