"""Cases: events beside a mapping with what they are to become; the examples that keep a mapping honest."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from consumer.core.event import NotEncodable, decode_json
from consumer.core.files.mapping_keys import CASE, EVENTS, RECORD
from consumer.core.files.problems import Report, suggestion
from consumer.core.files.yaml_nodes import Map, Node, Scalar, Sequence, YamlInvalid, json_text, parse_yaml
from consumer.core.formats.event_format import EventFormat
from consumer.core.mapping_file import SUFFIX as MAPPING_SUFFIX
from consumer.core.profile import REASONS, IdentityKind, ProfileUpdate, Rejection, Result, Skipped
from consumer.core.record import Record
from consumer.errors import MappingsInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Files

    from consumer.core.mapping import Mapping, Mappings

SUFFIX = ".cases.yaml"

Expected = str | dict[str, Any]
"""`skipped`, `unmatched`, `{rejected: REASON}` or `{identity: {KIND: text}, attributes: {name: text}}`."""

REASONS_OF_A_CASE = tuple(reason for stage, reasons in REASONS.items() if stage != "send" for reason in reasons)


class Case(NamedTuple):
    """One case: the record as it would come from Kafka, and what is to become of it. `line` is 1-based."""

    file: str
    line: int
    name: str
    record: Record
    expected: Expected


def outcome_of(result: Result) -> Expected:
    """A result in the words of a cases file, to be compared with what was expected."""
    if isinstance(result, ProfileUpdate):
        return {"identity": {result.identity.kind: result.identity.value}, "attributes": result.attributes}
    if isinstance(result, Rejection):
        return {"rejected": result.reason}
    return "skipped" if isinstance(result, Skipped) else "unmatched"


def parse_cases(files: Files[str, bytes], mappings: Mappings) -> tuple[Case, ...]:
    """The cases of every `*.cases.yaml` in `files`, in the order of the files' names.

    Raises:
        MappingsInvalid: with every problem of every cases file.
    """
    cases, problems = read_cases(files, mappings.all)
    if problems:
        raise MappingsInvalid(problems)
    return cases


def read_cases(files: Files[str, bytes], mappings: Iterable[Mapping]) -> tuple[tuple[Case, ...], list[Problem]]:
    """The cases that could be read, and every problem of all cases files; `mappings` are those that could be read."""
    cases: list[Case] = []
    problems: list[Problem] = []
    known = {mapping.name: mapping for mapping in mappings if mapping.topics}
    for file in sorted(file for file in files if file.endswith(SUFFIX)):
        name = file.removesuffix(SUFFIX)
        reader = _CasesReader(file, files, known.get(name))
        cases += reader.read()
        if name + MAPPING_SUFFIX not in files:
            reader.report.problems.append(Problem(file, 1, 1, f"there is no {name}{MAPPING_SUFFIX} beside these cases"))
        problems += reader.report.problems
    return tuple(cases), problems


class _Faulty(Exception):
    """A part of a case can't be read; the report has it."""


class _CasesReader:
    """Reads one cases file."""

    def __init__(self, file: str, files: Files[str, bytes], mapping: Mapping | None) -> None:
        self.report = Report(file)
        self._file = file
        self._files = files
        self._topic = mapping.topics[0] if mapping else ""
        self._format = mapping.format if mapping else EventFormat(decode_json)

    def read(self) -> list[Case]:
        """The cases; those with a problem are in the report instead."""
        try:
            root = parse_yaml(self._file, self._files[self._file])
        except YamlInvalid as fault:
            self.report.problems += fault.problems
            if not isinstance(fault.root, Sequence):
                return []
            root = fault.root
        if not isinstance(root, Sequence):
            self.report.add(root, "cases are a list of {name, event, record, expect}")
            return []
        cases: dict[str, Case] = {}
        for item in root.items:
            try:
                case = self._case(item)
            except _Faulty:
                continue
            if case.name in cases:
                self.report.add(item, f"the name {case.name!r} stands here twice")
            cases[case.name] = case
        return list(cases.values())

    def _case(self, node: Node) -> Case:
        if not isinstance(node, Map):
            raise self._faulty(node, "a case is a map of name, event, record and expect")
        self.report.unknown_keys(node, CASE, "a case")
        name = node.get("name")
        if not isinstance(name, Scalar) or not name.text:
            raise self._faulty(node, "a case needs a name")
        if "expect" not in node.entries:
            raise self._faulty(node, "a case needs expect")
        return Case(self._file, node.line, name.text, self._record(node), self._expected(node.entries["expect"].value))

    def _record(self, case: Map) -> Record:
        node = case.get("record") or Map(case.line, case.column, {})
        if not isinstance(node, Map):
            raise self._faulty(node, f"record is a map of {', '.join(RECORD)}")
        self.report.unknown_keys(node, RECORD, "a record")
        key = node.get("key")
        return Record(
            topic=self._text(node.get("topic"), self._topic),
            partition=self._number(node, "partition"),
            offset=self._number(node, "offset"),
            timestamp=self._number(node, "timestamp"),
            key=self._text(key).encode() if key else None,
            value=self._value(case),
            headers=self._headers(node.get("headers")),
        )

    def _headers(self, node: Node | None) -> tuple[tuple[str, bytes | None], ...]:
        if node is None:
            return ()
        if not isinstance(node, Map):
            raise self._faulty(node, "headers are a map of names and texts")
        return tuple((key.text, self._text(value).encode()) for key, value in node)

    def _value(self, case: Map) -> bytes | None:
        given = [case.entries[key] for key in EVENTS if key in case.entries]
        if len(given) != 1:
            raise self._faulty(case, f"a case has exactly one of {', '.join(EVENTS)}")
        ((key, node),) = given
        if key.text == "event":
            if isinstance(node, Scalar) and node.json is None:
                return None
            written, content = self._format.written, json_text(node).encode()
        else:
            written, content = self._format.payload, self._content(key, self._text(node))
        try:
            return written(content)
        except NotEncodable as fault:
            raise self._faulty(key, str(fault)) from None

    def _content(self, key: Scalar, text: str) -> bytes:
        if key.text == "event_file":
            if text not in self._files:
                raise self._faulty(key, f"no file {text!r} beside these cases")
            return self._files[text]
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise self._faulty(key, "event_base64 is not base64") from None

    def _expected(self, node: Node) -> Expected:
        if isinstance(node, Scalar):
            if node.text not in ("skipped", "unmatched"):
                hint = suggestion(node.text, ("skipped", "unmatched", "rejected", "identity"))
                raise self._faulty(node, f"expect: no outcome {node.text!r}; {hint}")
            return node.text
        if isinstance(node, Map) and set(node.entries) == {"rejected"}:
            reason = self._text(node.get("rejected"))
            if reason not in REASONS_OF_A_CASE:
                raise self._faulty(node, f"no reason {reason!r}; {suggestion(reason, REASONS_OF_A_CASE)}")
            return {"rejected": reason}
        if isinstance(node, Map) and set(node.entries) == {"identity", "attributes"}:
            return {"identity": self._identity(node), "attributes": self._texts(node, "attributes")}
        raise self._faulty(
            node, "expect: write skipped, unmatched, {rejected: REASON}, or both identity and attributes"
        )

    def _identity(self, node: Map) -> dict[str, str]:
        identity = self._texts(node, "identity")
        if len(identity) != 1 or not identity.keys() <= set(get_args(IdentityKind)):
            raise self._faulty(node, f"expect: identity is one of {' and '.join(get_args(IdentityKind))}")
        return identity

    def _texts(self, node: Map, name: str) -> dict[str, str]:
        value = node.entries[name].value
        if not isinstance(value, Map):
            raise self._faulty(value, f"expect: {name} is a map of names and texts")
        return {key.text: self._text(each) for key, each in value}

    def _text(self, node: Node | None, default: str = "") -> str:
        if node is None:
            return default
        if not isinstance(node, Scalar):
            raise self._faulty(node, "write text here, not a list or a map")
        return node.text

    def _number(self, record: Map, name: str) -> int:
        node = record.get(name)
        if node is None:
            return 0
        if not isinstance(node, Scalar) or node.json.__class__ is not int or not isinstance(node.json, int):
            raise self._faulty(record.entries[name].key, f"{name} is a whole number")
        return node.json

    def _faulty(self, node: Node, message: str) -> _Faulty:
        self.report.add(node, message)
        return _Faulty()
