"""YAML as positioned nodes: every part of a file knows its line and column, and text stays as it was written.

Scalars are typed by YAML 1.2's JSON rules and only when asked for (`Scalar.json`): `no`, `007` and dates are text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from consumer.core.files.yaml_places import file_text
from consumer.core.files.yaml_problems import character_problem, encoding_problem, separator_problem, syntax_problem
from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence as Many

Json = str | int | float | bool | None

_PLAIN = "plain"
_JSON_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_JSON_WORDS: dict[str, Json] = {"": None, "null": None, "true": True, "false": False}
_SEPARATOR = re.compile("[\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_LEVELS = 2000
_DEEPEST = 200
_MOST_VALUES = 1_000_000
_LONGEST_INTEGER = 1000  # digits; Python refuses to read much longer ones
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_ONE = (1, 0)
"""Values and levels of a scalar."""


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
    """The file can't be read as one YAML document; `problems` say where and why.

    `root` is the document without what is wrong with it, for whoever has more to say about it; None if there is none.
    """

    def __init__(self, problems: Many[Problem], root: Node | None = None) -> None:
        self.problems = tuple(problems)
        self.root = root
        super().__init__("\n".join(map(str, problems)))


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
        text = file_text(content)
        if separator := _SEPARATOR.search(text):
            raise YamlInvalid([separator_problem(file, text, separator.start())])
        root = _compose(text)
        if root is None:
            raise YamlInvalid([Problem(file, 1, 1, "the file is empty")])
        converter = _Converter(file)
        node = converter.node(root)
    except UnicodeDecodeError as error:
        raise YamlInvalid([encoding_problem(file, error)]) from None
    except yaml.reader.ReaderError as error:
        raise YamlInvalid([character_problem(file, text, error)]) from None
    except yaml.MarkedYAMLError as error:
        raise YamlInvalid([syntax_problem(file, error)]) from None
    except RecursionError:
        raise YamlInvalid([Problem(file, 1, 1, _TOO_DEEP)]) from None
    if converter.problems:
        raise YamlInvalid(converter.problems, node)
    return node


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


class _Loader(yaml.SafeLoader):
    """Types no scalar by its look: what stands without quotes gets the tag `plain` and keeps its text."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {None: [(_PLAIN, re.compile(""))]}  # noqa: RUF012 - PyYAML's own shape


class _FastLoader(yaml.CSafeLoader):
    """The same."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


class _Converter:
    """PyYAML's nodes to ours, each list and map once however many aliases name it; `problems` are what was left out."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._done: dict[int, Node] = {}
        self._measured: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def node(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        done = self._done.get(id(node))
        if done is None:
            if id(node) in self._open:
                self._wrong(node, "an anchor contains itself")
                return Scalar(*_place(node), "")
            self._open.add(id(node))
            done = self._done[id(node)] = self._convert(node)
            self._open.remove(id(node))
            if excess := self._excess(node):
                self._wrong(node, excess)
                self._measured[id(node)] = _ONE
                done = self._done[id(node)] = Scalar(*_place(node), "")
        return done

    def _excess(self, node: yaml.Node) -> str | None:
        """What is too much of it: values, each counted as often as aliases name it, or levels."""
        inner = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
        measured = [self._measured.get(id(each), _ONE) for each in inner]
        values = 1 + sum([each[0] for each in measured])
        levels = 1 + max([each[1] for each in measured], default=0)
        self._measured[id(node)] = values, levels
        if values > _MOST_VALUES:
            return f"aliases make more than {_MOST_VALUES} values of this"
        return _TOO_DEEP if levels > _DEEPEST else None

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        self._check_tag(node, _PLAIN, "tag:yaml.org,2002:str")
        text = node.value
        if _SURROGATE.search(text):  # JSON writes a character beyond 16 bits as a pair of escapes
            try:
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                self._wrong(node, "half a surrogate pair is no character")
                text = _SURROGATE.sub("\ufffd", text)
        return Scalar(*_place(node), text, plain=node.tag == _PLAIN)

    def _convert(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "tag:yaml.org,2002:seq")
            return Sequence(*_place(node), tuple([self.node(item) for item in node.value]))
        self._check_tag(node, "tag:yaml.org,2002:map")
        return Map(*_place(node), self._entries(node))

    def _entries(self, node: yaml.Node) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = self.node(key_node)
            if not isinstance(key, Scalar):
                self._wrong(key_node, "a key must be text, not a list or a map")
            elif key.plain and key.text == "<<":
                merged = self._merge(value_node) | merged
            elif key.text in entries:
                first = entries[key.text].key
                self._wrong(key_node, f"the key {key.text!r} stands here twice, first in line {first.line}")
            else:
                entries[key.text] = Entry(key, self.node(value_node))
        return {key: entries.get(key, entry) for key, entry in merged.items()} | entries

    def _merge(self, value_node: yaml.Node) -> dict[str, Entry]:
        value = self.node(value_node)
        sources = value.items if isinstance(value, Sequence) else (value,)
        merged: dict[str, Entry] = {}
        for source in sources:
            if isinstance(source, Map):
                merged = source.entries | merged
            else:
                self._wrong(value_node, "<< merges a map or a list of maps")
        return merged

    def _check_tag(self, node: yaml.Node, *known: str) -> None:
        if node.tag not in known:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._wrong(node, f"the tag {tag} means nothing here; remove it")

    def _wrong(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self._file, *_place(node), message))


def _place(node: yaml.Node) -> tuple[int, int]:
    mark = node.start_mark
    return mark.line + 1, mark.column + 1
