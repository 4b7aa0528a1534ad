from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from consumer.adapters.health import Answer
from consumer.adapters.history import Sample
from consumer.adapters.status import DeadLettered, MappingStatus, QuotaStatus, Snapshot
from consumer.adapters.status_assets import ICONS, POLICY, SCRIPT, STYLE
from consumer.adapters.status_page import About, View, render
from consumer.core.state import State
from tests.adapters.snapshots import WALL, partition, snapshot

GOOD = Answer(ok=True, why="fine")
MINUTE = int(WALL // 60)
VOID = {"meta", "link", "wbr"}


class Document(HTMLParser):
    """Elements with their attributes, and the text outside style and script; fails on tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        inner = self._open[-1] if self._open else ""
        self.inside[inner] = self.inside.get(inner, "") + data
        if inner not in ("style", "script"):
            self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(shown: Snapshot, *, live: Answer = GOOD, is_ready: Answer = GOOD, dry_run: bool = False) -> str:
    about = About("loyalty", "acme", WALL - 7200, dry_run)
    return render(View(about, shown, (Sample(MINUTE - 2, 30, 300), Sample(MINUTE - 1, 40, 340)), live, is_ready, WALL))


def document(shown: Snapshot, *, live: Answer = GOOD, is_ready: Answer = GOOD) -> Document:
    return Document(page(shown, live=live, is_ready=is_ready))


@pytest.mark.parametrize("state", State)
def test_every_state_makes_a_well_formed_page(state: State) -> None:
    own = state if state not in (State.STARTING, State.KAFKA_UNREACHABLE, State.STOPPING) else State.IDLE
    shown = document(snapshot(state, partitions=(partition(0, own),)))
    assert len(shown.all("h1")) == len(shown.all("title")) == len(shown.all("main")) == 1


def test_the_state_is_told_in_words_with_what_to_do() -> None:
    text = document(
        snapshot(State.CREDENTIALS_REFUSED), is_ready=Answer(ok=False, why="our credentials are refused")
    ).text
    assert "Target has refused our calls since 09:20 UTC" in text
    assert "Renew the token" in text
    assert "Not ready: our credentials are refused." in text


def test_a_loop_that_stands_still_outranks_the_state_that_it_showed_last() -> None:
    shown = document(snapshot(State.PROGRESSING), live=Answer(ok=False, why="the loop has stood still for 90 s"))
    assert "Not working: the loop has stood still for 90 s" in shown.text
    assert "Delivering" not in shown.text
    assert "not working" in shown.inside["title"]
    assert [attributes["href"] for attributes in shown.all("link")] == [ICONS["act"]]


def test_figures_are_shown() -> None:
    shown = snapshot(pending_events=41_213, in_flight_calls=37, oldest_pending_seconds=4021)
    text = document(shown).text
    for figure in ("41,213", "37", "1 h 7 min", "600", "2 h", "80"):
        assert re.search(rf"\b{figure}\b", text), figure


@pytest.mark.parametrize(("events", "calls", "told"), [(0, 0, "no call yet"), (0, 1, "0.0"), (7, 2, "3.5")])
def test_the_events_of_a_call_are_told(events: int, calls: int, told: str) -> None:
    mapping = MappingStatus(name="m", hash="h", records={"delivered": events, "skipped": 9})
    text = document(snapshot(mappings=(mapping,), calls={"delivered": calls, "transient": 4})).text
    assert f"Events a call {told} " in re.sub(r"\s+", " ", text)


def test_partitions_stand_worst_first_with_state_reason_and_lag() -> None:
    partitions = (
        partition(0, State.IDLE),
        partition(1, State.PROGRESSING, lag=None),
        partition(2, State.DEAD_LETTER_BLOCKED, reason="no such topic", lag=12_345),
    )
    text = re.sub(r"\s+", " ", document(snapshot(partitions=partitions)).text)
    assert re.search(
        r"Partitions 1 dead letter blocked, 1 progressing, 1 idle "
        r".*loans 2 ▲ dead letter blocked for 1 min no such topic 12,345 "
        r".*loans 1 ● progressing .* unknown .*loans 0 ● idle",
        text,
    )


@pytest.mark.parametrize(("count", "rows", "note"), [(0, 1, True), (1, 1, False), (200, 200, False), (201, 201, True)])
def test_the_table_of_partitions_is_bounded(count: int, rows: int, note: bool) -> None:  # noqa: FBT001  a table of cases
    whole = page(snapshot(partitions=tuple(partition(number) for number in range(count))))
    table = whole[whole.index('id="partitions"') : whole.index('id="mappings"')]
    assert table.count("<tr>") == 1 + rows
    assert ("colspan" in table) is note


def test_mappings_calls_and_dead_letters_are_shown() -> None:
    letters = (
        DeadLettered(WALL - 60, "kiosk.accessed", 4, 4711, "map", "identity_missing", "kiosk-accessed"),
        DeadLettered(WALL - 90, "kiosk.accessed", 4, 4700, "decode", "decode_failed", None),
    )
    mapping = MappingStatus(name="kiosk-accessed", hash="0123456789abcdef", records={"delivered": 7_001, "skipped": 12})
    unmapped = {"unmatched": 9, "dead_lettered": 2}
    shown = snapshot(dead_letters=letters, mappings=(mapping,), calls={"throttled": 31}, unmapped=unmapped)
    text = document(shown).text
    text = re.sub(r"\s+", " ", text)
    assert "kiosk-accessed 7,001 12 0 0 01234567" in text
    assert "none found 0 0 9 2 Calls by outcome" in text
    assert "throttled Target asked for fewer calls; tried again 31" in text
    assert "kiosk. accessed 4, offset 4711 identity_missing at stage map kiosk-accessed 09:29 UTC" in text
    assert "decode_failed at stage decode none found 09:28 UTC" in text


def test_without_a_quota_nothing_is_said_of_its_use() -> None:
    text = document(snapshot(quota=QuotaStatus(limit=0, window_seconds=86400))).text
    assert "no limit set" in text
    assert "Quota used" not in text


def test_a_dry_run_says_so() -> None:
    assert "dry run: nothing is sent" in page(snapshot(), dry_run=True)
    assert "dry run" not in page(snapshot())


def test_whatever_a_person_named_is_text() -> None:
    evil = """</script><script>alert(1)</script><img src=x onerror=1>"'&"""
    shown = document(
        snapshot(
            version=evil,
            partitions=(partition(0, topic=evil, reason=evil),),
            mappings=(MappingStatus(name=evil, hash=evil, records={}),),
            dead_letters=(DeadLettered(WALL, evil, 0, 1, "map", evil, evil),),
        )
    )
    assert len(shown.all("script")) == 1
    assert shown.all("img") == []
    assert shown.text.count("<img src=x onerror=1>") >= 6


def test_nothing_comes_from_elsewhere() -> None:
    whole = page(snapshot())
    shown = Document(whole)
    links = {attributes.get("href") or attributes.get("src") for _, attributes in shown.elements} - {None}
    assert links == {ICONS["good"], "status.json", "metrics"}
    assert not re.search(r"https?:|url\(|@import|//\w", whole)


def test_the_policy_allows_the_page_its_own_style_and_script_and_no_attribute_of_either_kind() -> None:
    shown = Document(page(snapshot()))
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        assert len(shown.all(tag)) == 1
        digest = base64.b64encode(hashlib.sha256(shown.inside[tag].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in POLICY
    for _, attributes in shown.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'; ")
    assert POLICY.endswith("frame-ancestors 'none'")


def test_it_reads_without_a_script() -> None:
    refresh = [attributes for attributes in Document(page(snapshot())).all("meta") if "http-equiv" in attributes]
    assert refresh == [{"http-equiv": "refresh", "content": "10"}]
    assert '<noscript><meta http-equiv="refresh"' in page(snapshot())


def test_what_the_script_exchanges_has_a_name_that_stays() -> None:
    one = Document(page(snapshot(State.STARTING, joined=False, partitions=())))
    other = Document(page(snapshot(State.QUOTA_BLOCKED)))
    names = [[a["id"] for _, a in shown.elements if "data-live" in a] for shown in (one, other)]
    assert names[0] == names[1]
    assert (
        " ".join(map(str, names[0])) == "icon state facts calls quota partitions mappings outcomes dead-letters shown"
    )


def test_tables_have_captions_and_heads_that_say_what_they_stand_over() -> None:
    shown = Document(page(snapshot(dead_letters=(DeadLettered(WALL, "t", 0, 1, "map", "r", None),))))
    assert len(shown.all("table")) == len(shown.all("caption")) == 4
    assert {attributes["scope"] for attributes in shown.all("th")} == {"col", "row"}
    assert all(attributes.get("scope") for attributes in shown.all("th"))
    regions = [attributes for _, attributes in shown.elements if attributes.get("role") == "region"]
    assert all(region["aria-label"] and region["tabindex"] == "0" for region in regions)
    assert len(regions) == 4


def test_ids_are_unique_and_the_language_is_told() -> None:
    shown = Document(page(snapshot()))
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert shown.all("html") == [{"lang": "en"}]


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_marks_have_enough_contrast(scheme: int) -> None:
    palettes = re.findall(r":root\{([^}]*)\}", STYLE)
    assert len(palettes) == 2
    colours = dict(re.findall(r"--(\w+):#([0-9a-f]+)", palettes[scheme]))
    for ground in ("page", "card"):
        for ink in ("ink", "quiet", "good", "wait", "act", "plot"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def test_the_script_keeps_quiet_about_everything_but_the_page_itself() -> None:
    assert re.findall(r"fetch\(([^,]*),", SCRIPT) == ["location.href"]
