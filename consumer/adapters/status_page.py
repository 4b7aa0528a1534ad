"""The status page: one self-contained document that says in words what the service does, and shows why.

Rendered on the server, so it reads the same without a script; the script only exchanges what has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters.markup import Markup, element, join
from consumer.adapters.plot import plot
from consumer.adapters.status import rfc3339
from consumer.adapters.status_assets import SCRIPT, STYLE
from consumer.adapters.status_words import WORDS, clock, headline, lasting
from consumer.core.state import PARTITION_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.adapters.health import Answer
    from consumer.adapters.history import Sample
    from consumer.adapters.status import DeadLettered, MappingStatus, PartitionStatus, Snapshot

_MARKS = {"good": "●", "wait": "◆", "act": "▲"}  # a shape besides the colour
_MOST_ROWS = 200
_OUTCOMES = ("delivered", "skipped", "unmatched", "dead_lettered")
_CALL_OUTCOMES = ("delivered", "throttled", "transient", "refused", "misconfigured")


class About(NamedTuple):
    """What does not change while the process runs; `started` is in epoch seconds."""

    group_id: str
    client: str
    started: float
    dry_run: bool = False


class View(NamedTuple):
    """Everything that one rendering shows, at `wall` (epoch seconds)."""

    about: About
    snapshot: Snapshot
    samples: Sequence[Sample]
    live: Answer
    ready: Answer
    wall: float


def render(view: View) -> str:
    """The whole document."""
    status = view.snapshot.status
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{WORDS[status.state].label} · {view.about.group_id}"),
        element("link", rel="icon", href="data:,"),
        element("style", Markup(STYLE)),
        element("noscript", element("meta", http_equiv="refresh", content="10")),
    )
    main = element(
        "main",
        _state(view),
        element("section", _facts(view), aria_label="In figures"),
        _plots(view),
        _partitions(view),
        _tables(view),
    )
    body = element("body", _header(view), main, _footer(view), element("script", Markup(SCRIPT)))
    return "<!doctype html>" + element("html", head, body, lang="en")


def _header(view: View) -> Markup:
    about = view.about
    names = f" {view.snapshot.status.version}, group {about.group_id}, Target client {about.client}"
    return element(
        "header",
        element("b", "profile-consumer"),
        names,
        ", dry run: nothing is sent" if about.dry_run else "",
        element("p", id="stale", role="alert", hidden=True),
    )


def _state(view: View) -> Markup:
    status = view.snapshot.status
    tone, _, _, advice = WORDS[status.state]
    said = headline(status, view.wall)
    if not view.live.ok:
        tone, said, advice = (
            "act",
            f"Not working: {view.live.why}",
            "Kubernetes restarts it by /livez; see the last log lines.",
        )
    mark = element("span", _MARKS[tone], class_="mark", aria_hidden="true")
    lines = [element("h1", mark, " ", said), element("p", advice)]
    if not view.ready.ok:
        lines.append(element("p", f"Not ready: {view.ready.why}.", class_="quiet"))
    shown = element("div", *lines, class_=f"state {tone}", id="state", data_live=True)
    return element("section", shown, role="status")


def _facts(view: View) -> Markup:
    snapshot = view.snapshot
    quota = snapshot.status.quota
    lags = [shown.lag for shown in snapshot.status.partitions if shown.lag is not None]
    facts = {
        "Lag, all partitions": f"{sum(lags):,}" if lags else "unknown",
        "Events pending": f"{snapshot.pending_events:,}",
        "Oldest pending": lasting(snapshot.oldest_pending_seconds) if snapshot.pending_events else "none",
        "Calls in flight": f"{snapshot.in_flight_calls:,}",
        "Calls a minute": f"{view.samples[-1].calls:,}" if view.samples else "not known yet",
        "Quota left": "no limit set" if not quota.limit else _known(quota.left),
        "Running for": lasting(view.wall - view.about.started),
    }
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items()]
    return element("dl", *pairs, id="facts", data_live=True)


def _plots(view: View) -> Markup:
    calls = [(sample.minute, sample.calls) for sample in view.samples]
    used = [(sample.minute, sample.quota_used) for sample in view.samples if sample.quota_used is not None]
    quota = view.snapshot.status.quota
    plots = [("calls", plot("Calls a minute", calls))]
    if quota.limit:
        title = f"Quota used, of {quota.limit:,} in {lasting(quota.window_seconds)}"
        plots.append(("quota", plot(title, used, quota.limit)))
    figures = [element("section", element("figure", drawn, id=name, data_live=True)) for name, drawn in plots]
    return element("div", *figures, class_="plots")


def _partitions(view: View) -> Markup:
    """Worst first; without an assignment one row says so."""
    shown = view.snapshot.status.partitions
    ordered = sorted(shown, key=lambda part: (PARTITION_STATES.index(part.state), part.topic, part.partition))
    heads = ("Partition", "State", "#Lag", "#Pending", "#In flight", "#Committed", "#End")
    rows = [_partition(part, view.wall) for part in ordered[:_MOST_ROWS]]
    if len(ordered) > _MOST_ROWS:
        rows.append(_note(f"and {len(ordered) - _MOST_ROWS:,} more in status.json", len(heads)))
    return _table("partitions", "Partitions", heads, rows or [_note("No partition is assigned.", len(heads))])


def _partition(part: PartitionStatus, wall: float) -> Markup:
    words = WORDS[part.state]
    lasts = f"for {lasting(wall - part.since)}"
    state = element(
        "td",
        element("span", _MARKS[words.tone], class_=f"mark {words.tone}", aria_hidden="true"),
        f"\u00a0{words.label}",
        element("small", f"{part.reason}, {lasts}" if part.reason else lasts),
    )
    figures = (part.lag, part.pending, part.in_flight, part.committed, part.end)
    return element("tr", _place(f"{part.topic} {part.partition}"), state, *map(_figure, figures))


def _tables(view: View) -> Markup:
    status = view.snapshot.status
    mappings = [_mapping(mapping) for mapping in status.mappings]
    if view.snapshot.unmapped:
        mappings.append(_counts(element("th", "none found", scope="row", class_="quiet"), view.snapshot.unmapped))
    calls = [
        element("tr", element("th", outcome, scope="row"), _figure(status.calls.get(outcome, 0)))
        for outcome in _CALL_OUTCOMES
    ]
    heads = ("Mapping", "#Delivered", "#Skipped", "#Unmatched", "#Dead letters", "Hash")
    dead = [_dead_letter(letter, view.wall) for letter in view.snapshot.dead_letters[:_MOST_ROWS]]
    dead_heads = ("Where", "Reason", "Mapping", "When")
    return join(
        element(
            "div",
            _table("mappings", "Events by mapping", heads, mappings or [_note("No mapping.", len(heads))]),
            _table("outcomes", "Calls by outcome", ("Outcome", "#Calls"), calls),
            class_="tables",
        ),
        _table(
            "dead-letters", "Newest dead letters", dead_heads, dead or [_note("None since the start.", len(dead_heads))]
        ),
    )


def _mapping(mapping: MappingStatus) -> Markup:
    return _counts(_place(mapping.name), mapping.records, mapping.hash[:8])


def _counts(head: Markup, records: Mapping[str, int], digest: str = "") -> Markup:
    figures = (records.get(outcome, 0) for outcome in _OUTCOMES)
    return element("tr", head, *map(_figure, figures), element("td", element("code", digest)))


def _dead_letter(letter: DeadLettered, wall: float) -> Markup:
    where = f"{letter.topic} {letter.partition}, offset {letter.offset}"
    return element(
        "tr",
        _place(where),
        element("td", letter.reason, element("small", f"at stage {letter.stage}")),
        element("td", letter.mapping or "none found"),
        element("td", _moment(letter.at, wall)),
    )


def _footer(view: View) -> Markup:
    links = join(element("a", "status.json", href="status.json"), " · ", element("a", "metrics", href="metrics"))
    shown = element("p", f"As of {rfc3339(view.wall)}; counted since the start.", id="shown", data_live=True)
    return element("footer", shown, element("p", links))


def _table(name: str, title: str, heads: Iterable[str], rows: Iterable[Markup]) -> Markup:
    """A table in a box that scrolls sideways; a head with `#` before it stands over figures."""
    cells = [
        element("th", head.lstrip("#"), scope="col", class_="n" if head.startswith("#") else None) for head in heads
    ]
    table = element(
        "table",
        element("caption", title),
        element("thead", element("tr", *cells)),
        element("tbody", *rows),
        id=name,
        data_live=True,
    )
    return element("section", element("div", table, class_="scroll", tabindex=0, role="region", aria_label=title))


def _note(text: str, columns: int) -> Markup:
    return element("tr", element("td", text, colspan=columns, class_="quiet"))


def _place(name: str) -> Markup:
    """The head of a row; a long name may break after a dot."""
    parts = name.split(".")
    dotted = (part for first in parts[:-1] for part in (f"{first}.", element("wbr")))
    return element("th", *dotted, parts[-1], scope="row")


def _figure(number: int | None) -> Markup:
    return element("td", _known(number), class_="n")


def _known(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _moment(at: float, wall: float) -> Markup:
    return element("time", clock(at, wall), datetime=rfc3339(at))
