"""What a mapping claims: the topics, and the constants under `where`, by which an event finds it; no two overlap."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.core.files.problems import suggestion
from consumer.core.files.yaml_nodes import Map, Node, Scalar, Sequence
from consumer.core.formats.event_format import Declared
from consumer.core.values import constant_of
from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.files.problems import Report
    from consumer.core.files.sources import SourceReader
    from consumer.core.formats.event_schema import Shape
    from consumer.core.paths import Path

_MOST_COMBINATIONS = 10_000
TOPIC = re.compile(r"^[A-Za-z0-9._-]{1,249}$")
"""The names that Kafka gives to topics, but for one and two dots."""


class Claim(NamedTuple):
    """The topics of a mapping and, for each path under `where`, the constants it may equal (`constant_of`).

    `place` is where its file says so; `sound` is false when the report has something against it. `names` are those of
    the records or messages that framed events are read as.
    """

    file: str
    place: Node
    sound: bool
    topics: tuple[str, ...]
    where: dict[Path, frozenset[Any]]
    declared: Declared
    names: frozenset[str] = frozenset()

    def overlaps(self, other: Claim) -> bool:
        """Whether both could want the same event of a topic."""
        shared = self.where.keys() & other.where.keys()
        return all(self.where[path] & other.where[path] for path in shared)


def conflicts(claims: list[Claim]) -> Iterator[Problem]:
    """A problem for each sound claim that reads a topic otherwise than the first, or overlaps with one before it."""
    by_topic: dict[str, list[Claim]] = {}
    for claim in claims:
        for topic in claim.topics if claim.sound else ():
            by_topic.setdefault(topic, []).append(claim)
    for topic, rivals in by_topic.items():
        first = rivals[0]
        for claim in rivals[1:]:
            if claim.declared.reading != first.declared.reading:
                message = (
                    f"{first.file} reads the events of {topic} as {_words(first.declared)}, this mapping as "
                    f"{_words(claim.declared)}; write the same format, and with avro and protobuf the same schema"
                    " and message"
                )
                yield Problem(claim.file, claim.place.line, claim.place.column, message)
        yield from _read_twice(topic, rivals)
        for one, other in _meeting(rivals):
            if one.overlaps(other):
                message = (
                    f"an event of {topic} could match both this mapping and {one.file}; give both a `where` with "
                    "different constants for one path"
                )
                yield Problem(other.file, other.place.line, other.place.column, message)


def _read_twice(topic: str, rivals: list[Claim]) -> Iterator[Problem]:
    """A framed event is read before a mapping is found, so of each record or message there can be but one schema."""
    readers: dict[str, Claim] = {}
    for claim in rivals:
        for name in sorted(claim.names):
            one = readers.setdefault(name, claim)
            if one.declared.schema != claim.declared.schema:
                message = (
                    f"{one.file} reads {name} in the events of {topic} by {one.declared.schema}, this mapping by "
                    f"{claim.declared.schema}; name the same file in both"
                )
                yield Problem(claim.file, claim.place.line, claim.place.column, message)
                break


def _meeting(rivals: list[Claim]) -> Iterator[tuple[Claim, Claim]]:
    """All pairs that could overlap; where all name one path, only those that share a constant there."""
    paths = set.intersection(*[set(claim.where) for claim in rivals])
    groups: dict[Any, list[int]] = {None: list(range(len(rivals)))}
    if paths:
        path = min(paths, key=repr)
        groups = {}
        for index, claim in enumerate(rivals):
            for constant in claim.where[path]:
                groups.setdefault(constant, []).append(index)
    pairs = {pair for group in groups.values() for pair in combinations(group, 2)}
    yield from ((rivals[one], rivals[other]) for one, other in sorted(pairs))


def read_claim(root: Map, report: Report, sources: SourceReader, declared: Declared | None) -> Claim:
    """The claim of a mapping file; what is wrong with it goes to the report."""
    before = len(report.problems)
    topics = _topics(root, report)
    where = _where(root, report, sources)
    place = next((root.entries[key].key for key in ("where", "topics") if key in root.entries), root)
    sound = declared is not None and len(report.problems) == before
    return Claim(report.file, place, sound, topics, where, declared or Declared())


def _words(declared: Declared) -> str:
    return " ".join(filter(None, declared.reading))


def _topics(root: Map, report: Report) -> tuple[str, ...]:
    if "topics" not in root.entries:
        return ()
    key, value = root.entries["topics"]
    if not isinstance(value, Sequence) or not value.items:
        report.add(key, "topics: write a list of at least one topic, such as [customer.loans]")
        return ()
    topics: list[str] = []
    for item in value.items:
        if not isinstance(item, Scalar) or item.json is None or not item.text:
            report.add(item, "a topic is text")
        elif not TOPIC.fullmatch(item.text) or item.text in (".", ".."):
            message = f"no topic in Kafka is named {item.text!r}: 1 to 249 letters, digits, dots, - and _ are allowed"
            report.add(item, f"{message}; patterns are not" if item.text.startswith("^") else message)
        elif item.text in topics:
            report.add(item, f"the topic {item.text} stands here twice")
        else:
            topics.append(item.text)
    return tuple(topics)


def _where(root: Map, report: Report, sources: SourceReader) -> dict[Path, frozenset[Any]]:
    if "where" not in root.entries:
        return {}
    where_key, value = root.entries["where"]
    if not isinstance(value, Map) or not value.entries:
        report.add(where_key, "where: write a map from paths to constants, such as event.type: loan.funded")
        return {}
    where: dict[Path, frozenset[Any]] = {}
    for key, node in value:
        found = sources.path(key.text, key)
        constants = _constants(node, key, report)
        if found is None:
            continue
        path, shape = found
        if path in where:
            report.add(key, f"where has the path {key.text} twice")
        for constant in constants:
            if shape is not None and not shape.allows(constant.json):
                report.add(key, f"{constant.text!r} never stands at {key.text}{_instead(constant, shape)}")
        where[path] = frozenset(constant_of(constant.json) for constant in constants)
    if prod(map(len, where.values())) > _MOST_COMBINATIONS:
        report.add(where_key, f"where: more than {_MOST_COMBINATIONS} combinations of constants")
    return where


def _instead(constant: Scalar, shape: Shape) -> str:
    if shape.allows(constant.text):
        return "; text there: write it in quotes"
    if shape.allows(replace(constant, plain=True).json):
        return "; no text there: write it without quotes"
    known = [str(each) for each in shape.constants]
    return f"; {suggestion(constant.text, known)}" if known else f"; {' or '.join(sorted(shape.kinds))} there"


def _constants(node: Node, key: Scalar, report: Report) -> list[Scalar]:
    items = node.items if isinstance(node, Sequence) else (node,)
    constants = [item for item in items if isinstance(item, Scalar) and (item.text or not item.plain)]
    if not items or len(constants) < len(items):
        report.add(key, f"where: write a constant for {key.text}, or a list of constants")
    return constants
