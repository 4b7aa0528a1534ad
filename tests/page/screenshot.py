"""Writes the picture of the status page for the README: `make screenshot`. Always of the same moment."""

from __future__ import annotations

from pathlib import Path

from consumer.adapters.health import Answer
from consumer.adapters.status_page import About, View, render
from consumer.core.state import State
from tests.page.browser import chromium
from tests.page.moments import CLIENT, GROUP, WALL, day, moment

FILE = Path(__file__).parents[2] / "docs" / "images" / "status-page.png"
WIDTH, HEIGHT = 1120, 900


def take(file: Path) -> None:
    """The upper part of the page while the quota is used up, light, one pixel a pixel."""
    fine, state = Answer(ok=True, why="ready"), State.QUOTA_BLOCKED
    view = View(About(GROUP, CLIENT, WALL - 200_000), moment(state), day(state), fine, fine, WALL)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_content(render(view))
        page.screenshot(path=file)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    take(FILE)
