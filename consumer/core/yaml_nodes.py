"""YAML as positioned nodes: every part of a file knows its line and column, and text stays as it was written.

Scalars are typed by YAML 1.2's JSON rules and only when asked for (`Scalar.json`): `no`, `007` and dates are text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = str | int | float | bool | None

_PLAIN = "plain"
_JSON_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_JSON_WORDS: dict[str, Json] = {"": None, "null": None, "true": True, "false": False}
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_LEVELS = 2000
_LONGEST_INTEGER = 1000  # digits; Python refuses to read much longer ones


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; `plain` when it stands without quotes and may mean a number, `true`, `false` or `null`."""

    line: int
    column: int
    text: str
    plain: bool = False

    @property
    def json(self) -> Json:
        """The value by the JSON rules of YAML 1.2; nothing written is null."""
        if not self.plain:
            return self.text
        if self.text in _JSON_WORDS:
            return _JSON_WORDS[self.text]
        if _JSON_INTEGER.fullmatch(self.text) and len(self.text) <= _LONGEST_INTEGER:
            return int(self.text)
        if _JSON_NUMBER.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """One key of a map with its value."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Map:
    """A map with text keys in the order written, merge keys (`<<`) resolved."""

    line: int
    column: int
    entries: dict[str, Entry]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def get(self, key: str) -> Node | None:
        """The value of a key, None when it is not there."""
        entry = self.entries.get(key)
        return entry and entry.value


Node = Scalar | Sequence | Map


class YamlInvalid(Exception):
    """The file can't be read as one YAML document; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def json_text(node: Node) -> str:
    """The JSON of a node and all that is in it; numbers keep the digits as written."""
    if isinstance(node, Scalar):
        number = isinstance(node.json, (int, float)) and not isinstance(node.json, bool)
        return node.text if number else json.dumps(node.json, ensure_ascii=False)
    if isinstance(node, Sequence):
        return f"[{','.join(map(json_text, node.items))}]"
    return f"{{{','.join(f'{json.dumps(key.text, ensure_ascii=False)}:{json_text(value)}' for key, value in node)}}}"


def parse_yaml(file: str, content: bytes) -> Node:
    """The one document in `content` (UTF-8, a byte-order mark is accepted).

    Raises:
        YamlInvalid: whatever keeps the file from being one plain document, with its place.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise YamlInvalid(Problem(file, line, column, "not UTF-8")) from None
    try:
        root = _compose(text)
        if root is None:
            raise YamlInvalid(Problem(file, 1, 1, "the file is empty"))
        return _Converter(file).node(root)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        raise YamlInvalid(Problem(file, line, column, f"not YAML: {error.reason}")) from None
    except yaml.MarkedYAMLError as error:
        raise YamlInvalid(_syntax_problem(file, error)) from None
    except RecursionError:
        raise YamlInvalid(Problem(file, 1, 1, "nested too deeply")) from None


def _compose(text: str) -> yaml.Node | None:
    """By libyaml, ten times faster; what it can't read is for PyYAML's own parser, which says why in plainer words.

    So is what may be nested thousands of levels deep: libyaml's binding then ends the process.
    """
    brackets = text.count("[") + text.count("{")
    if max(brackets, *map(len, text.split("\n"))) > _MOST_LEVELS:
        return yaml.compose(text, _Loader)
    try:
        return yaml.compose(text, _FastLoader)
    except (yaml.YAMLError, UnicodeError):
        return yaml.compose(text, _Loader)


def _syntax_problem(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = error.problem or error.context or "unreadable"
    if "single document" in (error.context or ""):
        message = "a second document begins here; write one document a file"
    elif "'\\t'" in message:
        message = "a tab can't indent; write spaces"
    elif "mapping values" in message or "got '?'" in message:
        message += "; text that holds a colon and a blank (`a ? b : c`) needs quotes around all of it"
    elif "cannot start any token" in message:
        message += "; text that begins with it needs quotes"
    elif "'['" in message and "flow mapping" in (error.context or ""):
        message += "; inside { } a path with [ ] needs quotes: {from: 'event.items[0]'}"
    return (
        Problem(file, mark.line + 1, mark.column + 1, f"not YAML: {message}") if mark else Problem(file, 1, 1, message)
    )


class _Loader(yaml.SafeLoader):
    """Types no scalar by its look: what stands without quotes gets the tag `plain` and keeps its text."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {None: [(_PLAIN, re.compile(""))]}  # noqa: RUF012 - PyYAML's own shape


class _FastLoader(yaml.CSafeLoader):
    """The same."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


class _Converter:
    """PyYAML's nodes to ours, each list and map once however many aliases name it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def node(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        done = self._done.get(id(node))
        if done is None:
            if id(node) in self._open:
                raise self._invalid(node, "an anchor contains itself")
            self._open.add(id(node))
            done = self._done[id(node)] = self._convert(node)
            self._open.remove(id(node))
        return done

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        if node.tag not in (_PLAIN, "tag:yaml.org,2002:str"):
            raise self._tag_refused(node)
        if _SURROGATE.search(node.value):
            raise self._invalid(node, "half a surrogate pair is no character")
        return Scalar(*_place(node), node.value, plain=node.tag == _PLAIN)

    def _convert(self, node: yaml.Node) -> Node:
        line, column = _place(node)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != "tag:yaml.org,2002:seq":
                raise self._tag_refused(node)
            return Sequence(line, column, tuple(self.node(item) for item in node.value))
        if node.tag != "tag:yaml.org,2002:map":
            raise self._tag_refused(node)
        return Map(line, column, self._entries(node))

    def _entries(self, node: yaml.Node) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = self.node(key_node)
            if not isinstance(key, Scalar):
                raise self._invalid(key_node, "a key must be text, not a list or a map")
            if key.plain and key.text == "<<":
                merged = self._merge(value_node) | merged
            elif key.text in entries:
                raise self._invalid(key_node, f"the key {key.text!r} stands here twice")
            else:
                entries[key.text] = Entry(key, self.node(value_node))
        return {key: entries.get(key, entry) for key, entry in merged.items()} | entries

    def _merge(self, value_node: yaml.Node) -> dict[str, Entry]:
        value = self.node(value_node)
        sources = value.items if isinstance(value, Sequence) else (value,)
        merged: dict[str, Entry] = {}
        for source in sources:
            if not isinstance(source, Map):
                raise self._invalid(value_node, "<< merges a map or a list of maps")
            merged = source.entries | merged
        return merged

    def _tag_refused(self, node: yaml.Node) -> YamlInvalid:
        return self._invalid(node, f"the tag {node.tag} means nothing here; remove it")

    def _invalid(self, node: yaml.Node, message: str) -> YamlInvalid:
        return YamlInvalid(Problem(self._file, *_place(node), message))


def _place(node: yaml.Node) -> tuple[int, int]:
    mark = node.start_mark
    return mark.line + 1, mark.column + 1
