from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from rich.console import Console

from consumer.cli import COMMANDS
from consumer.simulator import demo
from consumer.simulator.demo import Demo, Result, Seen
from consumer.simulator.demo_service import DemoService
from consumer.simulator.demo_view import MOST_ROWS, live_view, plain_line, summary
from consumer.simulator.judge import Finding, Verdict, Window

if TYPE_CHECKING:
    from collections.abc import Callable

SEEN = Seen("throttled", 3004, 2100, 1500, 4, 300, 21, 904, 12.34)
LOST = Finding("mbox3rdPartyId=c-1", "tier", "gold", None)


def verdict(**findings: list[Finding]) -> Verdict:
    none: dict[str, Any] = {key: [] for key in ("lost", "stale", "reordered", "invented")}
    return Verdict(
        calls=300, accepted=300, repeated=0, overlapped=0, worst_window=Window(300, 1.0), **(none | findings)
    )


def result(**facts: Any) -> Result:
    ordinary: dict[str, Any] = {
        "seen": SEEN,
        "verdict": verdict(),
        "exit_code": 0,
        "missing": 0,
        "customer": "c-7",
        "before": {"tier": "silver", "store": "Utrecht"},
        "after": {"tier": "gold", "store": "Utrecht", "kiosk": "k1"},
        "last_words": '{"event":"stopped"}',
    }
    return Result(**(ordinary | facts))


def printed(shown: Any, *, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("figure", ["2100 of 3004", "1500", "300", "1200", "21", "4", "904", "throttled"])
def test_every_figure_is_in_the_live_view_and_in_the_plain_line(figure: str) -> None:
    assert figure in printed(live_view(SEEN), terminal=True)
    assert figure in plain_line(SEEN)


def test_the_live_view_has_a_line_for_each_figure_and_one_for_the_bar() -> None:
    names = [line.strip("│ ").split("  ")[0] for line in printed(live_view(SEEN)).splitlines()[1:-1]]
    assert names[1:] == ["events read", "delivered", "calls", "coalesced", "retried", "dead letters", "lag"]


def test_what_is_not_known_yet_is_not_shown_as_a_number() -> None:
    assert plain_line(SEEN._replace(lag=-1)).endswith("lag not known yet")
    assert "coalesced 0" in plain_line(SEEN._replace(delivered=2, calls=10)), "calls are seen before their outcomes"


def test_the_summary_says_that_all_is_well() -> None:
    told = printed(summary(result()))
    assert "1500 events reached their profiles with 300 calls: 5.0 events a call." in told
    assert "Nothing was lost, nothing is stale." in told
    _, _, following = told.partition("What to try next:")
    assert {name for name in re.findall(r"profile-consumer (\w+)", following) if name not in COMMANDS} == set()


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({"verdict": verdict(lost=[LOST])}, "Lost: 1. Stale (an older value over a newer one): 0."),
        ({"verdict": verdict(stale=[LOST, LOST])}, "Lost: 0. Stale (an older value over a newer one): 2."),
        ({"verdict": verdict(invented=[LOST])}, "Lost: 0. Stale (an older value over a newer one): 1."),
        ({"missing": 3}, "Lost: 3. Stale (an older value over a newer one): 0."),
        ({"exit_code": 4}, "The service stopped with 4."),
    ],
)
def test_the_summary_does_not_hide_what_went_wrong(facts: dict[str, Any], counts: str) -> None:
    told = printed(summary(result(**facts)))
    assert counts in told
    assert "SOMETHING WENT WRONG" in told
    assert '{"event":"stopped"}' in told
    assert "Nothing was lost" not in told


def test_a_profile_shows_what_has_changed_first_and_says_what_it_leaves_out() -> None:
    rows = [line.split("│")[1:4] for line in printed(summary(result())).splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["tier", "silver", "gold"],
        ["store", "Utrecht", "Utrecht"],
        ["kiosk", "-", "k1"],
    ]
    many = {f"a{number:02}": "x" * 50 for number in range(MOST_ROWS + 5)}
    told = printed(summary(result(after=many)))
    assert "and 5 more attributes" in told
    assert f"a{MOST_ROWS:02}" not in told
    assert "x" * 29 not in told


def swallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first call on, Target says yes and does nothing."""
    monkeypatch.setattr(demo, "BURST", {"status": 200, "body": "success"})


def turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all is done, an older value arrives."""
    monkeypatch.setattr(demo, "BURST", {"status": 503, "calls": 1})
    stop = DemoService.stop

    def late(service: DemoService) -> int:
        target = service._environment["PROFILE_CONSUMER_TARGET__BASE_URL"]
        old = {"mbox3rdPartyId": "c-0001", "profile.loyaltyPoints": "16"}  # the later ones are 26, 87 and 92
        httpx.post(f"{target}/m2/demo/profile/update", data=old, trust_env=False, timeout=60).raise_for_status()
        return stop(service)

    monkeypatch.setattr(DemoService, "stop", late)


@pytest.mark.parametrize(("plant", "count"), [(swallow, r"Lost: [1-9]"), (turn_back, r"Stale \(.*\): 1\.")])
def test_a_demo_that_loses_or_turns_back_values_fails(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], count: str
) -> None:
    monkeypatch.setattr(demo, "EVENTS", 120)
    monkeypatch.setattr(demo, "CUSTOMERS", 20)
    monkeypatch.setattr(demo, "BURST_AT", 1)
    plant(monkeypatch)
    console = Console(file=io.StringIO(), width=200)
    assert not Demo(console).run()
    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert "SOMETHING WENT WRONG" in told
    assert re.search(count, told)
