"""An explanation for a person: the verdict, who it is, each attribute on its way, what else there was, the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.authoring.explanation import moment, unmet, verdict
from consumer.authoring.screen import plain, shown
from consumer.core.files.problems import suggestion
from consumer.core.profile import ProfileUpdate, Rejection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from consumer.authoring.explanation import Explanation
    from consumer.authoring.request import Request
    from consumer.authoring.screen import Part, Screen
    from consumer.core.record import Record
    from consumer.core.trace import AttributeTrace, Trace, ValueTrace

_STYLES = {
    "mapped": "bold green",
    "skipped": "bold yellow",
    "unmatched": "bold yellow",
    "rejected": "bold red",
    "waiting": "bold yellow",
}
_WIDEST_TEXT = 24
_WIDEST_STEP = 60
_WIDEST_LINE = 110

Line = list["Part"]


def show(explanation: Explanation, topics: Sequence[str], screen: Screen) -> None:
    """Print all of it; `topics` are those that mappings read."""
    outcome, words = verdict(explanation)
    screen.line((outcome, _STYLES[outcome]), " ", plain(words))
    seen = explanation.trace
    screen.line((_record(seen.record), "dim"))
    if seen.record.topic and seen.record.topic not in topics and seen.record.value is not None:
        screen.line(f"no mapping reads the topic {plain(seen.record.topic)}; {suggestion(seen.record.topic, topics)}")
    if explanation.also_in:
        screen.line(f"mappings of other topics want it as well: --topic {' or '.join(map(plain, explanation.also_in))}")
    for heading, lines in (
        ("where", list(_where(seen))),
        ("identity", list(_identities(seen))),
        ("time", list(_time(seen))),
        ("attributes", list(_attributes(seen))),
        ("left out", list(_left_out(seen))),
        ("other mappings", list(_others(explanation))),
        ("request", list(_requests(explanation.requests))),
    ):
        if lines:
            screen.line()
            screen.line((heading, "bold cyan"))
            screen.lines(lines)


def _record(record: Record) -> str:
    words = f"topic {plain(record.topic)}" if record.topic else "topic not given"
    if record.offset >= 0:
        words += f", partition {record.partition}, offset {record.offset}"
    if record.timestamp:
        words += f", {moment(record.timestamp)}"
    if record.value is not None:
        words += f", {len(record.value)} byte{'s' if len(record.value) != 1 else ''}"
    return words


def _where(seen: Trace) -> Iterator[Line]:
    for condition in seen.candidate.conditions if seen.candidate else ():
        yield ["  ", f"{condition.subject} is ", shown(condition.value)]
    if seen.when is not None:
        yield from _way("  ", "when", seen.when)


def _identities(seen: Trace) -> Iterator[Line]:
    width = max((len(identity.kind) for identity in seen.identities), default=0)
    for identity in seen.identities:
        head = f"  {identity.kind:{width}}  "
        if identity.ending == "taken":
            yield from _way(head, (plain(str(identity.value.last)), "bold"), identity.value)
        elif identity.fault is not None:
            yield from _way(head, ("rejected", "red"), identity.value)
            yield [" " * len(head), (identity.fault.detail, "red")]
        else:
            yield from _way(head, ("nothing", "dim"), identity.value)


def _time(seen: Trace) -> Iterator[Line]:
    if seen.occurred_at is None:
        return
    result = seen.result
    if isinstance(result, ProfileUpdate):
        yield from _way("  ", (moment(result.occurred_at), "bold"), seen.occurred_at)
    elif isinstance(result, Rejection) and result.reason == "occurred_at_invalid":
        yield from _way("  ", ("rejected", "red"), seen.occurred_at)
        yield ["  ", (result.detail.partition("occurred_at: ")[2], "red")]
    else:
        yield from _way("", "", seen.occurred_at)


def _attributes(seen: Trace) -> Iterator[Line]:
    set_or_faulty = [each for each in seen.attributes if each.ending != "left_out"]
    name_width = max((len(each.attribute.name) for each in set_or_faulty), default=0)
    text_width = max((min(len(_text(each)[0]), _WIDEST_TEXT) for each in set_or_faulty), default=0)
    for each in set_or_faulty:
        text, style = _text(each)
        yield from _way(f"  {each.attribute.name:{name_width}}  ", (f"{text:{text_width}}", style), each.value, each)


def _text(each: AttributeTrace) -> tuple[str, str]:
    return ("rejected", "red") if each.text is None else (plain(each.text), "bold")


def _left_out(seen: Trace) -> Iterator[Line]:
    left_out = [each for each in seen.attributes if each.ending == "left_out"]
    width = max((len(each.attribute.name) for each in left_out), default=0)
    for each in left_out:
        yield from _way(f"  {each.attribute.name:{width}}", "", each.value)


def _way(head: str, text: Part, value: ValueTrace, each: AttributeTrace | None = None) -> Iterator[Line]:
    """A value's steps behind its text, on one line when they fit, else one below the other."""
    steps = list(_steps(value, each))
    line: Line = [head, text, "  "]
    for number, (done, found) in enumerate(steps):
        line += [(" → " if number else "", "dim"), (done, "dim"), _between(done, found), found]
    if _length(line) <= _WIDEST_LINE or len(steps) == 1:
        yield line
        return
    yield [head, text] if isinstance(text, str) else [head, (text[0].rstrip(), text[1])]
    width = max(len(done) for done, _ in steps)
    for number, (done, found) in enumerate(steps):
        yield [" " * len(head), ("→ " if number else "  ", "dim"), (f"{done:{width}}", "dim"), "  ", found]


def _between(done: str, found: Part) -> str:
    """A value equals its path; that nothing is there, or a fault, is a sentence."""
    if not done or not found:
        return ""
    return " = " if isinstance(found, str) else ": "


def _steps(value: ValueTrace, each: AttributeTrace | None) -> Iterator[tuple[str, Part]]:
    source = value.source
    written = source.written if source.word == "from" else f"{source.word} {plain(source.written)}"
    if value.fault is not None and not value.steps:
        yield written, (value.fault.detail, "red")
    elif source.word == "const":
        yield written, ""
    else:
        yield written, _found(value.first)
    for step in value.steps:
        told = f"{step.name}: {step.told}" if step.told else step.name
        told = told if len(told) <= _WIDEST_STEP else f"{told[: _WIDEST_STEP - 1]}…"
        fault = step.fault and step.fault.detail.removeprefix(f"transform {step.name}: ")
        yield told, (fault, "red") if fault else _found(step.value)
    if each is not None and each.ending == "default":
        yield "default", ""
    elif each is not None and each.fault is not None and value.fault is None:
        yield "", (each.fault.detail, "red")


def _found(value: object) -> Part:
    return ("nothing", "yellow") if value is None else shown(value)


def _length(line: Line) -> int:
    return sum(len(part if isinstance(part, str) else part[0]) for part in line)


def _others(explanation: Explanation) -> Iterator[Line]:
    topic = explanation.trace.record.topic
    same = [candidate for candidate in explanation.others if not topic or topic in candidate.mapping.topics]
    width = max((len(candidate.mapping.name) for candidate in same), default=0)
    for candidate in same:
        yield [f"  {candidate.mapping.name:{width}}  ", unmet(candidate)]
    rest = [
        candidate.mapping.name
        for candidate in explanation.others
        if candidate not in same and not set(candidate.mapping.topics) & set(explanation.also_in)
    ]
    if rest:
        names = ", ".join(rest[:5]) + (" …" if len(rest) > 5 else "")  # noqa: PLR2004 - a line is enough
        yield [(f"  {len(rest)} of other topics: {names}", "dim")]


def _requests(requests: Sequence[Request]) -> Iterator[Line]:
    for number, request in enumerate(requests):
        if number:
            yield []
        yield ["  ", (request.method, "bold"), " ", request.url]
        for name, value in request.headers.items():
            yield [(f"  {name}: {value}", "dim")]
        if request.body:
            yield []
            yield [f"  {request.body}"]
