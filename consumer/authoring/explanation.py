"""What becomes of one record and why: everything there is to say, in words that a person and a program share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.authoring.screen import showable, shown
from consumer.core.profile import ProfileUpdate, Rejection, Result, SchemaWanted, Skipped, Unmatched
from consumer.core.trace import AttributeTrace, Candidate, Condition, IdentityTrace, Trace, ValueTrace, others, trace

if TYPE_CHECKING:
    from collections.abc import Mapping as Reasons
    from collections.abc import Sequence

    from consumer.authoring.request import Request, Requests
    from consumer.core.mapping import Mapping, Mappings
    from consumer.core.record import Record


class Explanation(NamedTuple):
    """A record's way, its result (which may be that it is too large to be sent), and the requests it leads to.

    `others` are the mappings that do not want its event, those of its topic first; `also_in` are topics in which other
    mappings want it, when no topic was given; `reason` is why the event's schema could not be had.
    """

    trace: Trace
    others: tuple[Candidate, ...]
    result: Result | SchemaWanted
    requests: tuple[Request, ...]
    also_in: tuple[str, ...] = ()
    reason: str = ""

    @property
    def mapping(self) -> Mapping | None:
        """The mapping that takes the event."""
        return self.trace.candidate.mapping if self.trace.candidate else None

    @property
    def invalid(self) -> bool:
        """Whether the mapping's schema refuses the event."""
        return isinstance(self.result, Rejection) and self.result.stage == "validate"

    @property
    def failed(self) -> bool:
        """Whether the record would become a dead letter, or can't be explained before its schema can be had."""
        return isinstance(self.result, Rejection | SchemaWanted)


def explain(
    mappings: Mappings, record: Record, requests: Requests, unavailable: Reasons[int, str] | None = None
) -> Explanation:
    """The explanation of one record; `unavailable` says of schemas, by their id, why they could not be had."""
    seen = trace(mappings, record)
    sent, too_large = requests.of(seen.result)
    reason = (unavailable or {}).get(seen.result.id, "") if isinstance(seen.result, SchemaWanted) else ""
    return Explanation(seen, others(mappings, seen), too_large or seen.result, sent, reason=reason)


def explain_first(
    mappings: Mappings, records: Sequence[Record], requests: Requests, unavailable: Reasons[int, str] | None = None
) -> Explanation:
    """The explanation of the one of these records, one event in several topics, that a mapping most surely means.

    One whose schema fits the event, then one that asks for more of it under `where`, then one that does not reject it.
    When none is taken, each mapping says what keeps it from the event in its own topic.
    """
    tried = [explain(mappings, record, requests, unavailable) for record in records]
    taken = [explanation for explanation in tried if explanation.trace.candidate is not None]
    if taken:
        first = min(taken, key=_doubt)
        elsewhere = [each.trace.record.topic for each in taken if each.mapping is not first.mapping]
        return first._replace(also_in=tuple(elsewhere))
    unmatched = [explanation for explanation in tried if isinstance(explanation.result, Unmatched)]
    if len(unmatched) <= 1:
        return (unmatched or tried)[0]
    found = {
        candidate.mapping.name: candidate
        for explanation in unmatched
        for candidate in explanation.others
        if explanation.trace.record.topic in candidate.mapping.topics
    }
    seen = unmatched[0].trace
    anywhere = seen._replace(record=seen.record._replace(topic=""))
    return unmatched[0]._replace(trace=anywhere, others=tuple(found.values()))


def _doubt(explanation: Explanation) -> tuple[bool, int, bool]:
    conditions = len(explanation.mapping.where) if explanation.mapping else 0
    return explanation.invalid, -conditions, explanation.failed


def verdict(explanation: Explanation) -> tuple[str, str]:
    """The result in one word, and what to add to it."""
    seen, result = explanation.trace, explanation.result
    name = seen.candidate.mapping.name if seen.candidate else ""
    if isinstance(result, ProfileUpdate):
        calls = f", in {len(explanation.requests)} calls" if len(explanation.requests) > 1 else ""
        return "mapped", f"by {name}{calls}"
    if isinstance(result, Rejection):
        return "rejected", f"{result.reason} [{result.stage}]: {result.detail}"
    if isinstance(result, Unmatched):
        return "unmatched", "no mapping wants this event"
    if isinstance(result, SchemaWanted):
        only = f"schema {result.id}, which only a schema registry knows (kafka.schema_registry_url)"
        return "waiting", f"for {explanation.reason or only}"
    return "skipped", _why_skipped(result, seen, name)


def _why_skipped(result: Skipped, seen: Trace, name: str) -> str:
    if result.mapping is None:
        return "a tombstone (a record without a value)"
    if seen.when is not None and seen.when.last is not True:
        return f"{name}: its `when` is false"
    return f"{name}: no attribute is left"


def unmet(candidate: Candidate) -> str:
    """The condition that keeps a mapping from an event, with what was there instead."""
    condition = candidate.conditions[-1]
    wanted = " or ".join(shown(each) for each in condition.wanted[:5])
    more = f" or {len(condition.wanted) - 5} more" if len(condition.wanted) > 5 else ""  # noqa: PLR2004 - as above
    there = "nothing" if condition.value is None else shown(condition.value)
    return f"{condition.subject} is {there}; it wants {wanted}{more}{_hint(condition)}"


def _hint(condition: Condition) -> str:
    if not isinstance(condition.value, (str, int, float)):
        return ""
    if any(str(each).strip().casefold() == str(condition.value).strip().casefold() for each in condition.wanted):
        return " (close: only case, blanks or the type differ)"
    return ""


def moment(milliseconds: int) -> str:
    """A time as RFC 3339 in UTC."""
    try:
        return (
            datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return f"{milliseconds} ms"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Everything, for a program; the keys are documented in docs/mapping.md."""
    seen, result = explanation.trace, explanation.result
    record = seen.record
    outcome, words = verdict(explanation)
    document: dict[str, Any] = {
        "outcome": outcome,
        "message": words,
        "record": {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        | ({"timestamp": moment(record.timestamp)} if record.timestamp else {}),
        "mapping": seen.candidate.mapping.name if seen.candidate else None,
        "others": [_candidate(candidate) for candidate in explanation.others],
        "also_in": list(explanation.also_in),
    }
    if isinstance(result, Rejection):
        document["rejection"] = {"stage": result.stage, "reason": result.reason, "detail": result.detail}
    if seen.when is not None:
        document["when"] = _value(seen.when)
    if seen.identities:
        document["identity"] = [_identity(identity) for identity in seen.identities]
    if isinstance(seen.result, ProfileUpdate):
        document["occurred_at"] = moment(seen.result.occurred_at)
    if seen.attributes:
        document["attributes"] = {each.attribute.name: _attribute(each) for each in seen.attributes}
    document["requests"] = [request._asdict() for request in explanation.requests]
    return document


def _candidate(candidate: Candidate) -> dict[str, Any]:
    condition = candidate.conditions[-1]
    return {
        "mapping": candidate.mapping.name,
        "condition": condition.subject,
        "wanted": list(condition.wanted),
        "value": _plain(condition.value),
    }


def _value(value: ValueTrace) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for step in value.steps:
        outcome = {"fault": step.fault.detail} if step.fault else {"value": _plain(step.value)}
        steps.append({"transform": step.name} | ({"with": json.loads(step.told)} if step.told else {}) | outcome)
    first = {"fault": value.fault.detail} if value.fault and not value.steps else {"value": _plain(value.first)}
    return {value.source.word: value.source.written, **first, "steps": steps}


def _identity(identity: IdentityTrace) -> dict[str, Any]:
    fault = {"fault": identity.fault.detail} if identity.fault else {}
    return {"kind": identity.kind, "outcome": identity.ending, **_value(identity.value), **fault}


def _attribute(each: AttributeTrace) -> dict[str, Any]:
    fault = {"fault": each.fault.detail, "reason": each.fault.reason} if each.fault else {}
    return {"outcome": each.ending, "text": each.text, **_value(each.value), **fault}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    """A value as JSON has it; decimals as numbers, what else JSON does not have as text."""
    text = json.dumps(showable(value), default=lambda part: float(part) if isinstance(part, Decimal) else str(part))
    return json.loads(text, parse_constant=str)  # NaN and the like
