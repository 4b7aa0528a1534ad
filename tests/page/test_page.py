"""The status page in Chromium: every state, wide and narrow, light and dark, for everybody, and quiet."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from consumer.adapters.status_words import WORDS, headline
from consumer.core.state import State
from tests.page.moments import moment
from tests.page.screenshot import FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.page.conftest import Seen, Served

Scheme = Literal["light", "dark"]

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 640}
"""What WCAG 2.2 asks a page to fit into without scrolling to the side (criterion 1.4.10, reflow)."""
REFRESH = 5_000
"""Milliseconds from one look at the server to the next."""

NO_TEXT = "Element content contains only non-text characters"
"""What axe-core says of the marks, whose contrast tests/adapters/test_status_page.py computes."""


expect.set_options(timeout=60_000)  # the machine may be busy


def assert_for_everybody(page: Page) -> None:
    """axe-core finds nothing against WCAG 2.2 AA or good practice; it computes the contrast of what is shown."""
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    unsure = [node for rule in found.response["incomplete"] for node in rule["nodes"]]
    assert [node for node in unsure if node["any"][0]["message"] != NO_TEXT] == []
    passed = {rule["id"] for rule in found.response["passes"]}
    assert passed >= {"color-contrast", "html-has-lang", "html-lang-valid", "svg-img-alt", "scope-attr-valid"}, passed


def refresh(page: Page) -> None:
    """Let the time pass until the page has asked for itself again; `expect` waits for what comes of it."""
    with page.expect_response(page.url):
        page.clock.run_for(REFRESH)


def assert_fits(page: Page) -> None:
    """Nothing is reached only by scrolling to the side."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    assert width <= page.viewport_size["width"]


LOOKS = ((WIDE, "light"), (NARROW, "dark"), (WIDE, "dark"), (NARROW, "light"))


@pytest.mark.parametrize(
    ("state", "looks"), [(state, LOOKS if state is State.CREDENTIALS_REFUSED else LOOKS[:2]) for state in State]
)
def test_every_state_is_shown_wide_and_narrow_in_the_light_and_in_the_dark(
    opened: Callable[..., Seen], served: Served, state: State, looks: tuple[tuple[ViewportSize, Scheme], ...]
) -> None:
    served.show(state)
    before = time.time()
    page = opened(viewport=WIDE).page
    shown = served.board.latest.status
    for size, scheme in looks:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        expect(page.get_by_role("heading", level=1)).to_contain_text(headline(shown, before))
        expect(page.locator("#state")).to_contain_text(WORDS[state].advice)
        assert_fits(page)
        assert_for_everybody(page)


def test_no_state_is_told_by_colour_alone(opened: Callable[..., Seen], served: Served) -> None:
    """Besides its colour each has a shape, which stays when the reader's own colours replace ours, and a word."""
    page = opened(forced_colors="active").page
    shapes = {}
    for state in State:
        served.show(state)
        page.goto(served.url)
        shapes[WORDS[state].tone] = page.locator("h1 .mark").inner_text()
        for mark, cell in page.locator("td:has(.mark)").evaluate_all(
            "cells => cells.map(cell => [cell.querySelector('.mark').innerText, cell.innerText])"
        ):
            assert [words for words in WORDS.values() if cell.startswith(f"{mark}\u00a0{words.label} for")], cell
    assert len(set(shapes.values())) == len(shapes) == 3


def test_a_long_name_does_not_break_a_narrow_page(opened: Callable[..., Seen], served: Served) -> None:
    shown = moment(State.PARKED)
    long = "prod.eu-west-1.customer-interactions.call_centre_contact_finished_with_a_transcript.v3"
    partitions = tuple(replace(each, topic=long, reason=long) for each in shown.status.partitions)
    mappings = tuple(replace(each, name=long) for each in shown.status.mappings)
    letters = tuple(each._replace(topic=long, mapping=long) for each in shown.dead_letters)
    status = replace(shown.status, partitions=partitions, mappings=mappings)
    served.board.publish(replace(shown, status=status, dead_letters=letters))
    page = opened(viewport=NARROW).page
    assert_fits(page)
    for box in page.locator(".scroll").all():
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), box.inner_text()


def test_a_narrow_page_has_tables_for_those_who_listen(opened: Callable[..., Seen]) -> None:
    page = opened(viewport=NARROW).page
    told = page.locator("#partitions").aria_snapshot()
    for part in (
        'columnheader "Committed"',
        'rowheader "customer.loans 0"',
        'cell "progressing for 1 h 33 min"',
        'cell "Lag 31"',
    ):
        assert part in told, told


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_refresh_changes_what_has_changed_and_nothing_else(
    opened: Callable[..., Seen], served: Served, size: ViewportSize
) -> None:
    page = opened(viewport=size).page
    page.evaluate(
        """() => {
            window.kept = true;
            for (const node of document.querySelectorAll("[data-live]")) node.kept = true;
            document.querySelector("#mappings").closest(".scroll").focus();
            window.scrollTo(0, 300);
            window.shifts = 0;
            new PerformanceObserver(list => { for (const each of list.getEntries()) window.shifts += each.value; })
                .observe({type: "layout-shift", buffered: false});
        }"""
    )
    at = page.evaluate("[scrollX, scrollY]")
    newer = replace(served.board.latest, pending_events=4_711)
    served.board.publish(newer)
    refresh(page)
    expect(page.locator("#facts")).to_contain_text("4,711")
    changed = page.evaluate('[...document.querySelectorAll("[data-live]")].filter(n => !n.kept).map(n => n.id)')
    assert set(changed) <= {"facts", "shown", "partitions"}, "only these tell figures and times that have moved"
    assert page.evaluate("window.kept"), "the page was not loaded anew"
    assert page.evaluate("window.shifts") == 0
    assert page.evaluate("[scrollX, scrollY]") == at
    assert page.evaluate('document.activeElement.contains(document.querySelector("#mappings"))')


def test_a_refresh_shows_a_new_state_in_words_in_the_title_and_in_the_icon(
    opened: Callable[..., Seen], served: Served
) -> None:
    page = opened().page
    icons = [page.locator("#icon").get_attribute("href")]
    served.show(State.CREDENTIALS_REFUSED)
    refresh(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Target has refused our calls since")
    expect(page.get_by_role("status")).to_contain_text("Renew the token")
    assert page.title().startswith("credentials refused")
    icons.append(page.locator("#icon").get_attribute("href"))
    assert icons[0] != icons[1]


def test_nothing_is_exchanged_while_text_is_selected(opened: Callable[..., Seen], served: Served) -> None:
    seen = opened()
    seen.page.evaluate('getSelection().selectAllChildren(document.querySelector("#state"))')
    served.show(State.PARKED)
    asked = len(seen.asked)
    seen.page.clock.run_for(3 * REFRESH)
    assert len(seen.asked) == asked
    seen.page.evaluate("getSelection().removeAllRanges()")
    refresh(seen.page)
    expect(seen.page.locator("#state")).to_contain_text("Waiting for a retry")


def test_a_page_that_gets_no_answer_says_that_it_is_old_until_it_gets_one(opened: Callable[..., Seen]) -> None:
    page = opened().page
    warning = page.get_by_role("alert")
    page.route("**/*", lambda route: route.abort())
    expect(warning).to_be_hidden()
    page.clock.run_for(REFRESH)
    expect(warning).to_contain_text("what stands here is old")
    assert_for_everybody(page)
    page.unroute("**/*")
    refresh(page)
    expect(warning).to_be_hidden()


def test_it_asks_for_nothing_but_itself_and_the_browser_has_no_complaint(
    opened: Callable[..., Seen], served: Served
) -> None:
    seen = opened()
    for state in State:
        served.show(state)
        before = time.time()
        refresh(seen.page)
        expect(seen.page.locator("#state")).to_contain_text(headline(served.board.latest.status, before))
    asked = [url for url in seen.asked if not url.startswith("data:")]
    assert set(asked) == {f"{served.url}/"}
    assert len(asked) > len(State)
    assert seen.said == []


@pytest.mark.parametrize(
    ("what", "directive"),
    [
        ("const it = document.createElement('script'); it.textContent = 'window.ran = 1'", "script-src-elem"),
        ("const it = document.createElement('style'); it.textContent = 'body{display:none}'", "style-src-elem"),
        ("const it = document.createElement('img'); it.src = 'https://elsewhere.example/x.png'", "img-src"),
        ("const it = document.createElement('iframe'); it.src = location.href", "frame-src"),
        ("const it = document.createElement('b'); it.setAttribute('style', 'color:red')", "style-src-attr"),
        ("const it = document.createElement('base'); it.href = 'https://elsewhere.example/'", "base-uri"),
    ],
)
def test_the_browser_refuses_what_the_page_did_not_bring(
    opened: Callable[..., Seen], what: str, directive: str
) -> None:
    page = opened().page
    page.evaluate(
        f"""() => {{
            addEventListener("securitypolicyviolation", event => {{ document.title = event.effectiveDirective; }});
            {what};
            document.body.append(it);
        }}"""
    )
    expect(page).to_have_title(directive)
    assert page.evaluate("window.ran") is None


def test_no_other_page_can_show_it_within_itself(served: Served, browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(f"<iframe src='{served.url}'></iframe>")
    frame = page.frames[1]
    frame.wait_for_load_state()
    assert frame.url == "chrome-error://chromewebdata/"
    page.close()


def test_it_reads_without_a_script(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    text = page.locator("body").inner_text()
    context.close()
    for part in ("Delivering", "Total lag", "Quota used", "customer.loans 0", "loan-funded", "identity_missing"):
        assert part in text


def test_the_readme_has_its_picture_and_it_is_small() -> None:
    assert FILE.stat().st_size < 200_000
    assert "(docs/images/status-page.png)" in (FILE.parents[2] / "README.md").read_text(encoding="utf-8")
