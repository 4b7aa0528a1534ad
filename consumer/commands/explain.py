"""`profile-consumer explain`: what becomes of an event, and why."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from consumer import settings
from consumer.adapters.schema_folder import CASES_SUFFIX
from consumer.authoring.explanation import as_json, explain, explain_first
from consumer.authoring.explanation_view import show
from consumer.authoring.folder import load_folder
from consumer.authoring.request import Requests
from consumer.authoring.screen import Screen
from consumer.commands.options import config_option
from consumer.core.event import NotEncodable
from consumer.core.formats.registered import MAGIC
from consumer.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.authoring.folder import Folder
    from consumer.core.mapping import Mappings
    from consumer.settings import Settings

_CASE = re.compile(r"(?P<file>.+\.cases\.yaml):(?P<line>[0-9]+)(?::.*)?")


class _Options(TypedDict):
    topic: str | None
    last: int | None
    key: str | None
    headers: tuple[tuple[str, bytes], ...]
    schemas: Path | None
    config: Path | None
    to_json: bool


def _headers(_: click.Context, __: click.Parameter, given: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    for header in given:
        if "=" not in header:
            raise click.BadParameter("write NAME=TEXT")
    return tuple((name, text.encode()) for name, _, text in (header.partition("=") for header in given))


@click.command("explain")
@click.argument("event", required=False, metavar="[EVENT]")
@click.option("--topic", metavar="T", help="The event's topic; without it the one whose mapping fits best.")
@click.option("--last", type=click.IntRange(1, 10_000), metavar="N", help="Explain the newest N events of --topic.")
@click.option("--key", metavar="TEXT", help="The key of the event's record.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=TEXT", callback=_headers, help="A header; may be repeated."
)
@click.option(
    "--schemas", type=click.Path(path_type=Path), metavar="DIR", help="Mappings; default: as in the settings."
)
@click.option("--json", "to_json", is_flag=True, help="For a program.")
@config_option
def command(event: str | None, **options: Unpack[_Options]) -> None:
    """Show what becomes of an event: which mapping takes it, how each attribute comes about, the exact request.

    EVENT is a file with one event, `-` for standard input, or a case as `FILE.cases.yaml:LINE`. With --last the newest
    events of a topic are read from Kafka, which needs settings; no group and no offset is touched. Exits with 0 when
    the event is mapped, skipped or unmatched, 1 when it is rejected, or its schema could not be had.

    \b
    Example:
      profile-consumer explain event.json --topic customer.loans
      profile-consumer explain schemas/loan-funded.cases.yaml:24
      profile-consumer explain --config settings.yaml --topic customer.loans --last 5
    """  # noqa: D301  # click reads \b
    topic, last = options["topic"], options["last"]
    if (event is None) == (last is None) or (last is not None and topic is None):
        raise click.UsageError("Name an event (a file, `-`, or a case), or a topic's newest ones: --topic T --last N.")
    if event is not None and event.endswith(CASES_SUFFIX):
        raise click.UsageError(f"Name one of its cases by its line, as `test` prints it: {event}:1")
    needs = ("kafka.bootstrap_servers",) if last else ()
    found = settings.load(options["config"], os.environ, needs=needs)
    case = _CASE.fullmatch(event or "")
    path = options["schemas"] or (Path(case["file"]).parent if case else found.schemas)
    folder = load_folder(path, found.target.max_value_length, cases=case is not None)
    requests = Requests(found)
    if last is not None and topic is not None:
        records = _newest(found, topic, last)
        unavailable = _fetch_schemas(found, folder.mappings, records)
        explanations = [explain(folder.mappings, record, requests, unavailable) for record in records]
    elif case:
        record = _case(folder, Path(case["file"]), int(case["line"]))
        explanations = [explain(folder.mappings, record, requests)]
    else:
        around = Record(topic or "", 0, -1, 0, (options["key"] or "").encode() or None, None, options["headers"])
        records = _records(folder.mappings, _read(event or "-"), around, asks=bool(found.kafka.schema_registry_url))
        unavailable = _fetch_schemas(found, folder.mappings, records)
        explanations = [explain_first(folder.mappings, records, requests, unavailable)]
    if options["to_json"]:
        documents = [as_json(explanation) for explanation in explanations]
        click.echo(json.dumps(documents if last else documents[0], ensure_ascii=False, indent=2))
    else:
        screen = Screen()
        for number, explanation in enumerate(explanations):
            if number:
                screen.line()
            if last:
                screen.line((f"── {number + 1} of {len(explanations)} " + "─" * 60, "dim"))
            show(explanation, folder.mappings.topics, screen)
        if not explanations:
            screen.line(f"There is no event in the topic {topic}.")
    sys.exit(1 if any(explanation.failed for explanation in explanations) else 0)


def _newest(found: Settings, topic: str, count: int) -> list[Record]:
    from consumer.adapters.kafka_config import Connection  # noqa: PLC0415  # the library takes its time to load
    from consumer.adapters.kafka_newest import newest  # noqa: PLC0415  # as above

    return newest(Connection(found.kafka.bootstrap_servers, found.kafka.properties), topic, count)


def _fetch_schemas(found: Settings, mappings: Mappings, records: Sequence[Record]) -> dict[int, str]:
    """Ask the registry, if there is one, for what these records need; why what it did not tell could not be had."""
    if not found.kafka.schema_registry_url or not mappings.framed:
        return {}
    from consumer.authoring.registry import fetch_schemas  # noqa: PLC0415  # as above

    return fetch_schemas(found.kafka.schema_registry_url, mappings, records)


def _records(mappings: Mappings, content: bytes, around: Record, *, asks: bool) -> list[Record]:
    """The event as a record of the topic, or of each that mappings read; binary ones may be written as JSON.

    A framed one is read by the schema that its mapping names, unless a registry can be asked (`asks`).
    """
    records, faults = [], []
    for topic in (around.topic,) if around.topic else mappings.topics:
        reader = next((mapping.format for mapping in mappings.all if topic in mapping.topics), None)
        try:
            reads = reader is not None and not (asks and content.startswith(MAGIC))
            records.append(around._replace(topic=topic, value=reader.payload(content) if reader and reads else content))
        except NotEncodable as fault:
            faults.append(f"{topic}: {fault}")
    if not records:
        raise click.ClickException("; ".join(faults))
    return records


def _read(event: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if event == "-" else Path(event).read_bytes()
    except OSError as error:
        raise click.ClickException(f"{event}: can't be read: {error.strerror}") from error


def _case(folder: Folder, file: Path, line: int) -> Record:
    """The record of the case that begins at the line or last before it."""
    before = [case for case in folder.cases if case.file == file.name and case.line <= line]
    if not before:
        raise click.ClickException(f"{file}:{line}: there is no case")
    return before[-1].record
