"""What no case of a mapping reaches: attributes, defaults, alternatives, constants, reasons of a rejection.

A branch that the event's schema makes impossible is not asked for: what a case sent is tried again without the value,
and only counts when the schema lets it pass.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.authoring.screen import shown
from consumer.core.files.yaml_nodes import Map, Sequence, parse_yaml
from consumer.core.mapping_file import SUFFIX
from consumer.core.paths import Path, parse_path, path_text
from consumer.core.profile import ProfileUpdate, Rejection
from consumer.core.values import constant_of, constant_value
from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from consumer.authoring.case_run import CaseResult
    from consumer.authoring.folder import Folder
    from consumer.core.files.yaml_nodes import Node
    from consumer.core.mapping import Attribute, Mapping, Steps
    from consumer.core.paths import Step
    from consumer.core.trace import AttributeTrace, Trace


class Branch(NamedTuple):
    """One thing that a case may reach; `keys` lead to it in the mapping file."""

    keys: tuple[str | int, ...]
    words: str
    reached: bool


class Coverage(NamedTuple):
    """How many branches the chosen mappings have, and those that no case reaches."""

    branches: int
    missed: tuple[Problem, ...]


def coverage(folder: Folder, results: Iterable[CaseResult]) -> Coverage:
    """What the cases reach, each counted for whichever mapping took its event."""
    traces = [result.trace for result in results]
    total = 0
    missed: list[Problem] = []
    for mapping in folder.mappings.all:
        if folder.has(mapping.name):
            own = [trace for trace in traces if trace.candidate and trace.candidate.mapping is mapping]
            branches = list(_branches(mapping, own))
            total += len(branches)
            missed += _problems(folder, mapping, [branch for branch in branches if not branch.reached])
    return Coverage(total, tuple(missed))


def _branches(mapping: Mapping, traces: list[Trace]) -> Iterator[Branch]:
    if not traces:
        yield Branch((), "no case is for this mapping", reached=False)
        return
    rejections = {trace.result.reason for trace in traces if isinstance(trace.result, Rejection)}
    for path, constants in mapping.where.items():
        seen = {constant_of(value) for trace in traces for value in [_read(mapping, trace, path)]}
        for constant in sorted(constants, key=str):
            words = f"{path_text(path)} is {shown(constant_value(constant))}"
            yield Branch(("where", path_text(path)), words, constant in seen)
    validator = mapping.format.validator
    if validator is not None and not validator.is_valid([]):
        yield Branch(("schema",), "an event that the schema refuses", "schema_invalid" in rejections)
    if mapping.when is not None:
        seen_values = {trace.when.last for trace in traces if trace.when}
        for truth in (True, False):
            yield Branch(("when",), f"when is {str(truth).lower()}", truth in seen_values)
    yield from _identity_branches(mapping, traces, rejections)
    evaluated = [_evaluated(trace) for trace in traces]
    for number, attribute in enumerate(mapping.attributes):
        own = [each[number] for each in evaluated if len(each) > number]
        yield from _attribute_branches(mapping, attribute, own, traces)


def _evaluated(trace: Trace) -> tuple[AttributeTrace, ...]:
    """The attributes that the service comes to: up to the first that is a reason to reject."""
    if isinstance(trace.result, Rejection):
        faulty = next((number for number, each in enumerate(trace.attributes) if each.fault is not None), None)
        if faulty is None or not _known(trace) or trace.result.reason == "occurred_at_invalid":
            return ()
        return trace.attributes[: faulty + 1]
    return trace.attributes


def _known(trace: Trace) -> bool:
    return bool(trace.identities) and trace.identities[-1].ending == "taken"


def _identity_branches(mapping: Mapping, traces: list[Trace], rejections: set[str]) -> Iterator[Branch]:
    taken = {len(trace.identities) - 1 for trace in traces if _known(trace)}
    if len(mapping.identities) > 1:
        for number, identity in enumerate(mapping.identities):
            yield Branch(("identity", number), f"the visitor is known by {identity.origin}", number in taken)
    if _possible(mapping, traces, [identity.steps for identity in mapping.identities]):
        yield Branch(("identity",), "nothing tells who it is", "identity_missing" in rejections)


def _attribute_branches(
    mapping: Mapping, attribute: Attribute, traces: list[AttributeTrace], all_traces: list[Trace]
) -> Iterator[Branch]:
    keys = ("attributes", attribute.name)
    endings = {trace.ending for trace in traces}
    yield Branch(keys, f"{attribute.name}: a value", "value" in endings)
    found_by = {path_text(path) for path in mapping.where}
    looks_up = any(transform.name == "lookup" for transform in attribute.steps.transforms)
    if looks_up and attribute.origin not in found_by:  # `where` leaves nothing that lookup could miss by oversight
        unknown = any(
            step.name == "lookup" and step.value is None and step.fault is None
            for trace in traces
            for step in trace.value.steps
        )
        yield Branch(keys, f"{attribute.name}: a value that lookup does not have", unknown)
    if attribute.steps.word == "const" or not _possible(mapping, all_traces, [attribute.steps]):
        return
    if attribute.default is not None:
        yield Branch(keys, f"{attribute.name}: its default", "default" in endings)
    elif attribute.required:
        missing = any(trace.fault and trace.fault.reason == "required_missing" for trace in traces)
        yield Branch(keys, f"{attribute.name}: required, and nothing is there", missing)


def _read(mapping: Mapping, trace: Trace, path: Path) -> object:
    conditions = trace.candidate.conditions if trace.candidate and trace.candidate.mapping is mapping else ()
    return next((condition.value for condition in conditions if condition.subject == path_text(path)), None)


def _possible(mapping: Mapping, traces: list[Trace], sources: Iterable[Steps]) -> bool:
    """Whether an event may have nothing at these sources, and still pass the mapping's schema."""
    paths = [parse_path(source.written) for source in sources if source.word == "from"]
    for trace in traces:
        if isinstance(trace.result, ProfileUpdate):
            event = trace.event
            for path in paths:
                if path.root == "event":
                    event = _without(event, path.steps)
            result = mapping.apply(event, trace.record)
            return not (isinstance(result, Rejection) and result.stage == "validate")
    return False


def _without(event: Any, steps: tuple[Step, ...]) -> Any:  # noqa: ANN401 - any value of an event
    """A copy of the event, as far as it differs, that has nothing there."""
    first, *rest = steps
    try:
        inner = event[first]
        changed = copy.copy(event)
        if rest:
            changed[first] = _without(inner, tuple(rest))
        else:
            del changed[first]
    except (LookupError, TypeError):
        return event
    return changed


def _problems(folder: Folder, mapping: Mapping, branches: list[Branch]) -> Iterator[Problem]:
    file = mapping.name + SUFFIX
    if branches:
        root = parse_yaml(file, folder.files[file])
        for branch in branches:
            node = _node(root, branch.keys)
            yield Problem(str(folder.path / file), node.line, node.column, branch.words)


def _node(root: Node, keys: tuple[str | int, ...]) -> Node:
    """The key in the file that a branch is about, or the nearest above it."""
    at, inside = root, root
    for key in keys:
        if isinstance(inside, Map) and key in inside.entries:
            at, inside = inside.entries[str(key)]
        elif isinstance(inside, Sequence) and isinstance(key, int):
            at = inside = inside.items[key]
    return at
