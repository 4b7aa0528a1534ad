"""The status page: one self-contained document that says in words what the service does, and shows why.

Rendered on the server, so it reads the same without a script; the script only exchanges what has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters import status_tables as tables
from consumer.adapters.markup import Markup, element, join
from consumer.adapters.plot import plot
from consumer.adapters.status import rfc3339
from consumer.adapters.status_assets import ICONS, SCRIPT, STYLE
from consumer.adapters.status_words import WORDS, Words, headline, lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consumer.adapters.health import Answer
    from consumer.adapters.history import Sample
    from consumer.adapters.status import Snapshot


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
    words = _verdict(view)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{words.label} · {view.about.group_id}"),
        element("link", rel="icon", href=ICONS[words.tone], id="icon", data_live=True),
        element("style", Markup(STYLE)),
        element("noscript", element("meta", http_equiv="refresh", content="10")),
    )
    main = element(
        "main",
        _state(view),
        element("section", _facts(view), aria_label="In figures"),
        _plots(view),
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


def _verdict(view: View) -> Words:
    """What to say first: the state, unless the loop stands still, which outranks the state that it showed last."""
    if view.live.ok:
        words = WORDS[view.snapshot.status.state]
        return words._replace(headline=headline(view.snapshot.status, view.wall))
    advice = "Kubernetes restarts it by /livez; see the last log lines."
    return Words("act", "not working", f"Not working: {view.live.why}", advice)


def _state(view: View) -> Markup:
    words = _verdict(view)
    mark = element("span", tables.MARKS[words.tone], class_="mark", aria_hidden="true")
    lines = [element("h1", mark, " ", words.headline), element("p", words.advice)]
    if not view.ready.ok:
        lines.append(element("p", f"Not ready: {view.ready.why}."))
    shown = element("div", *lines, class_=words.tone, id="state", data_live=True)
    return element("section", shown, class_="state", role="status")


def _facts(view: View) -> Markup:
    snapshot = view.snapshot
    quota = snapshot.status.quota
    lags = [shown.lag for shown in snapshot.status.partitions if shown.lag is not None]
    delivered = sum(mapping.records.get("delivered", 0) for mapping in snapshot.status.mappings)
    calls = snapshot.status.calls.get("delivered", 0)
    facts = {
        "Total lag": f"{sum(lags):,}" if lags else "unknown",
        "Events pending": f"{snapshot.pending_events:,}",
        "Oldest pending": lasting(snapshot.oldest_pending_seconds) if snapshot.pending_events else "none",
        "Calls in flight": f"{snapshot.in_flight_calls:,}",
        "Calls a minute": f"{view.samples[-1].calls:,}" if view.samples else "not known yet",
        "Events a call": f"{delivered / calls:.1f}" if calls else "no call yet",
        "Quota left": "no limit set" if not quota.limit else tables.known(quota.left),
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


def _tables(view: View) -> Markup:
    snapshot = view.snapshot
    return join(
        tables.partitions(snapshot.status.partitions, view.wall),
        element("div", tables.mappings(snapshot), tables.outcomes(snapshot.status.calls), class_="tables"),
        tables.dead_letters(snapshot.dead_letters, view.wall),
    )


def _footer(view: View) -> Markup:
    links = join(element("a", "status.json", href="status.json"), " · ", element("a", "metrics", href="metrics"))
    shown = element("p", f"As of {rfc3339(view.wall)}; counted since the start.", id="shown", data_live=True)
    return element("footer", shown, element("p", links))
