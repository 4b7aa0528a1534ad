"""Mapping files to `Mappings`: everything that can be known beforehand is checked, every problem reported at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from consumer.core.event import decode_json
from consumer.core.files.claim import Claim, conflicts, read_claim
from consumer.core.files.mapping_keys import MAPPING, REQUIRED
from consumer.core.files.problems import Report, near, suggestion
from consumer.core.files.sources import SourceReader
from consumer.core.files.yaml_nodes import Map, Scalar, YamlInvalid, parse_yaml
from consumer.core.formats.event_format import FORMATS, Declared, EventFormat, read_format
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.mapping import Mapping, Mappings, content_hash
from consumer.errors import MappingsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping as Files

    from consumer.errors import Problem

Formats = Callable[[Declared], EventFormat]

SUFFIX = ".mapping.yaml"


def parse_mappings(files: Files[str, bytes], *, max_value_length: int = 256) -> Mappings:
    """Compile every `*.mapping.yaml` in `files` (name to content; schemas are found by their names among them).

    Raises:
        MappingsInvalid: with every problem of every file, and two mappings that could want one event.
    """
    mappings, problems = read_mappings(files, max_value_length=max_value_length)
    if problems:
        raise MappingsInvalid(problems)
    return Mappings(mappings)


def read_mappings(
    files: Files[str, bytes], *, max_value_length: int = 256
) -> tuple[tuple[Mapping, ...], list[Problem]]:
    """The mappings whose files could be read, as far as they could, and every problem of all files."""
    names = sorted(name for name in files if name.endswith(SUFFIX))
    formats = cache(partial(read_format, files=files))  # many mappings may share a schema
    readers = [_MappingReader(name, files, formats, max_value_length) for name in names]
    mappings = tuple(mapping for index, reader in enumerate(readers) if (mapping := reader.read(index)))
    problems = [problem for reader in readers for problem in reader.report.problems]
    problems += conflicts([reader.claim for reader in readers if reader.claim])
    return mappings, problems


class _MappingReader:
    """Reads one mapping file; `claim` is None when the file could not be read at all."""

    def __init__(self, file: str, files: Files[str, bytes], formats: Formats, max_value_length: int) -> None:
        self.report = Report(file, files[file])
        self.claim: Claim | None = None
        self._file = file
        self._files = files
        self._formats = formats
        self._limit = max_value_length

    def read(self, index: int) -> Mapping | None:
        """The mapping; of no use when the report has problems."""
        try:
            root = parse_yaml(self._file, self._files[self._file])
        except YamlInvalid as fault:
            self.report.problems += fault.problems
            if not isinstance(fault.root, Map):
                return None
            root = fault.root
        if not isinstance(root, Map):
            self.report.add(root, "a mapping is a map of keys such as version, topics, identity, attributes")
            return None
        unreadable = bool(self.report.problems)
        meant = self._check_keys(root)
        self._check_version(meant)
        mapping = self._compile(meant, index)
        if unreadable and self.claim is not None:
            self.claim = self.claim._replace(sound=False)
        return mapping

    def _compile(self, root: Map, index: int) -> Mapping:
        declared = self._declared(root)
        event_format = self._format(root, declared) or EventFormat(decode_json)
        sources = SourceReader(self.report, event_format.shape, self._limit)
        self.claim = read_claim(root, self.report, sources, declared)._replace(names=event_format.names)
        files = [self._file, declared.schema if declared else None]
        if str(files[1]).endswith(".proto"):  # it may import the others
            files += sorted(name for name in self._files if name.endswith(".proto") and name != files[1])
        identity, occurred_at, attributes = map(root.entries.get, ("identity", "occurred_at", "attributes"))
        when = root.entries.get("when")
        time = sources.source(occurred_at.value, occurred_at.key, "occurred_at") if occurred_at else None
        return Mapping(
            name=self._file.removesuffix(SUFFIX),
            index=index,
            content_hash=content_hash(*[self._files[name] for name in files if name]),
            topics=self.claim.topics,
            where=self.claim.where,
            format=event_format,
            when=sources.condition(when.value, when.key) if when else None,
            identities=sources.identities(identity.value, identity.key) if identity else (),
            occurred_at=time.read if time else None,
            occurred_at_steps=time.steps if time else None,
            attributes=sources.attributes(attributes.value, attributes.key) if attributes else (),
        )

    def _check_keys(self, root: Map) -> Map:
        """The map, a required key that is misspelt as it was meant: what stands under it is to be checked as well."""
        extensions = tuple(key for key in root.entries if key.startswith("x-"))
        self.report.unknown_keys(root, (*MAPPING, *extensions), "a mapping")
        entries = dict(root.entries)
        for key, entry in root.entries.items():
            if key not in (*MAPPING, *extensions) and (meant := near(key, MAPPING)) in REQUIRED:
                entries.setdefault(str(meant), entry)
        for key in REQUIRED:
            if key not in entries:
                self.report.add(root, f"the key {key} is missing")
        return replace(root, entries=entries)

    def _check_version(self, root: Map) -> None:
        if "version" in root.entries:
            key, value = root.entries["version"]
            version = value.json if isinstance(value, Scalar) else None
            if version.__class__ is not int or version != 1:
                self.report.add(key, "write version: 1, without quotes")

    def _declared(self, root: Map) -> Declared | None:
        """The format, schema and message as written; None when one of them can't be right."""
        before = len(self.report.problems)
        name = self._text(root, "format") or "json"
        known = next((known for known in FORMATS if known == name), None)
        if known is None:
            self.report.add(root.entries["format"].key, f"no format {name!r}; {suggestion(name, FORMATS)}")
        schema = self._text(root, "schema")
        if schema is not None and schema not in self._files:
            there = [file for file in self._files if ".event." in file]
            hint = f"; {suggestion(schema, there)}" if there else ""
            self.report.add(root.entries["schema"].key, f"no file {schema!r} beside the mapping{hint}")
        message = self._text(root, "message")
        sound = known is not None and len(self.report.problems) == before
        return Declared(known, schema, message) if known and sound else None

    def _format(self, root: Map, declared: Declared | None) -> EventFormat | None:
        if declared is None:
            return None
        try:
            return self._formats(declared)
        except SchemaInvalid as fault:
            at = root.entries[fault.key].key if fault.key in root.entries else root
            self.report.add(at, str(fault))
            return None

    def _text(self, root: Map, name: str) -> str | None:
        if name not in root.entries:
            return None
        key, value = root.entries[name]
        if isinstance(value, Scalar) and value.text:
            return value.text
        self.report.add(key, f"{name}: write one word")
        return None
