"""The tables of the status page; on a narrow screen each row becomes a block in which every figure is named."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters.markup import Markup, element, join
from consumer.adapters.status import rfc3339
from consumer.adapters.status_words import OUTCOMES, WORDS, clock, lasting
from consumer.core.state import PARTITION_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.adapters.status import DeadLettered, MappingStatus, PartitionStatus, Snapshot

MARKS = {"good": "●", "wait": "◆", "act": "▲"}
"""A shape besides the colour, by tone."""

_MOST_ROWS = 200
_RECORDS = ("delivered", "skipped", "unmatched", "dead_lettered")


class _Heads(NamedTuple):
    """What stands over the columns: over the head of each row, over texts, over figures, over texts again."""

    first: str
    texts: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    last: tuple[str, ...] = ()

    @property
    def columns(self) -> int:
        return 1 + len(self.texts) + len(self.figures) + len(self.last)


_PARTITION = _Heads("Partition", ("State",), ("Lag", "Pending", "In flight", "Committed", "End"))
_MAPPING = _Heads("Mapping", (), ("Delivered", "Skipped", "Unmatched", "Dead letters"), ("Hash",))
_OUTCOME = _Heads("Outcome", (), ("Calls",))
_DEAD_LETTER = _Heads("Where", ("Reason", "Mapping", "When"))


def known(number: int | None) -> str:
    """A figure for a person: `1,234`, or `unknown`."""
    return "unknown" if number is None else f"{number:,}"


def partitions(shown: Sequence[PartitionStatus], wall: float) -> Markup:
    """Worst first; without an assignment one row says so. `wall` in epoch seconds."""
    ordered = sorted(shown, key=lambda part: (PARTITION_STATES.index(part.state), part.topic, part.partition))
    rows = [_partition(part, wall) for part in ordered[:_MOST_ROWS]]
    if len(ordered) > _MOST_ROWS:
        rows.append(_note(f"and {len(ordered) - _MOST_ROWS:,} more in status.json", _PARTITION))
    counts = Counter(part.state for part in ordered)
    summary = ", ".join(f"{count:,} {WORDS[state].label}" for state, count in counts.items())
    rows = rows or [_note("No partition is assigned.", _PARTITION)]
    return _table("partitions", ("Partitions", summary), _PARTITION, rows)


def mappings(snapshot: Snapshot) -> Markup:
    """Events by mapping and outcome since the start, and those for which no mapping was found."""
    rows = [_mapping(mapping) for mapping in snapshot.status.mappings]
    if snapshot.unmapped:
        rows.append(_counts(element("th", "none found", scope="row", class_="quiet"), snapshot.unmapped))
    return _table("mappings", ("Events by mapping", ""), _MAPPING, rows or [_note("No mapping.", _MAPPING)])


def outcomes(calls: Mapping[str, int]) -> Markup:
    """Calls by outcome since the start, each outcome with its meaning."""
    rows = [
        element(
            "tr",
            element("th", outcome, element("small", meaning), scope="row"),
            _figure(calls.get(outcome, 0), _OUTCOME.figures[0]),
        )
        for outcome, meaning in OUTCOMES.items()
    ]
    return _table("outcomes", ("Calls by outcome", ""), _OUTCOME, rows)


def dead_letters(letters: Sequence[DeadLettered], wall: float) -> Markup:
    """The newest dead letters, newest first. `wall` in epoch seconds."""
    rows = [_dead_letter(letter, wall) for letter in letters[:_MOST_ROWS]]
    rows = rows or [_note("None since the start.", _DEAD_LETTER)]
    return _table("dead-letters", ("Newest dead letters", ""), _DEAD_LETTER, rows)


def _partition(part: PartitionStatus, wall: float) -> Markup:
    words = WORDS[part.state]
    state = element(
        "td",
        element("span", MARKS[words.tone], class_=f"mark {words.tone}", aria_hidden="true"),
        f"\u00a0{words.label} ",
        element("span", f"for {lasting(wall - part.since)}", class_="quiet"),
        element("small", part.reason) if part.reason else "",
        class_="wide",
    )
    figures = (part.lag, part.pending, part.in_flight, part.committed, part.end)
    return element("tr", _place(f"{part.topic} {part.partition}"), state, *map(_figure, figures, _PARTITION.figures))


def _mapping(mapping: MappingStatus) -> Markup:
    return _counts(_place(mapping.name), mapping.records, mapping.hash[:8])


def _counts(head: Markup, records: Mapping[str, int], digest: str = "") -> Markup:
    figures = (records.get(outcome, 0) for outcome in _RECORDS)
    named = element("td", element("code", digest), data_label="Hash") if digest else element("td")
    return element("tr", head, *map(_figure, figures, _MAPPING.figures), named)


def _dead_letter(letter: DeadLettered, wall: float) -> Markup:
    when = element("time", clock(letter.at, wall), datetime=rfc3339(letter.at))
    return element(
        "tr",
        _place(f"{letter.topic} {letter.partition}, offset {letter.offset}"),
        element("td", letter.reason, element("small", f"at stage {letter.stage}"), class_="wide"),
        element("td", letter.mapping or "none found", data_label="Mapping"),
        element("td", when, class_="two", data_label="When"),
    )


def _table(name: str, title: tuple[str, str], heads: _Heads, rows: Iterable[Markup]) -> Markup:
    """A table in a box that scrolls sideways; `title` is its caption, and what is said beside it in small letters."""
    cells = [element("th", head, scope="col") for head in (heads.first, *heads.texts)]
    cells += [element("th", head, scope="col", class_="n") for head in heads.figures]
    cells += [element("th", head, scope="col") for head in heads.last]
    beside = element("span", title[1], class_="quiet") if title[1] else ""
    table = element(
        "table",
        element("caption", title[0], " ", beside),
        element("thead", element("tr", *cells)),
        element("tbody", *rows),
        id=name,
        class_="blocks" if heads.columns > 2 else None,  # noqa: PLR2004  two columns fit everywhere
        data_live=True,
    )
    return element("section", element("div", table, class_="scroll", tabindex=0, role="region", aria_label=title[0]))


def _note(text: str, heads: _Heads) -> Markup:
    return element("tr", element("td", text, colspan=heads.columns, class_="quiet wide"))


def _place(name: str) -> Markup:
    """The head of a row; a long name may break after a dot."""
    parts = name.split(".")
    dotted = (part for first in parts[:-1] for part in (f"{first}.", element("wbr")))
    return element("th", *dotted, join(parts[-1]), scope="row")


def _figure(number: int | None, label: str) -> Markup:
    return element("td", known(number), class_="n", data_label=label)
