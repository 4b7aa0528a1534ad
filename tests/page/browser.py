# ruff: noqa: S603  # apt-get and Playwright, with words of our own
"""A Chromium without a window, for the tests of the status page and its picture: one that is there, or fetched once.

`CHROMIUM` names it; else it is the one on the path, else Playwright's own. `python -m tests.page.browser` fetches one:
Debian's package for root (10 seconds), else Playwright's, which needs no rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLAYWRIGHT = (sys.executable, "-m", "playwright", "install", "chromium")
_DEBIAN = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")

FETCH_SECONDS = 300


class BrowserMissing(Exception):
    """There is no Chromium here, or it does not start; the message says how to get one."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; raises BrowserMissing."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=_find(playwright))
        except Error as error:
            raise BrowserMissing(f"Chromium does not start, see `make browser`: {error.message}") from error
        with browser:
            yield browser


def _find(playwright: Playwright) -> Path:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), playwright.chromium.executable_path)
    if not Path(found).exists():
        raise BrowserMissing("these tests need Chromium: `make browser` fetches one, or name it in CHROMIUM")
    return Path(found)


def _fetch() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if not _run(_DEBIAN, environment):
            _run(("apt-get", "update", "--quiet"), environment)
            _run(_DEBIAN, environment)
    else:
        _run(_PLAYWRIGHT, dict(os.environ))


def _run(command: tuple[str, ...], environment: dict[str, str]) -> bool:
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return not done.returncode


def _missing() -> str:
    """What is missing, or nothing."""
    try:
        with chromium():
            return ""
    except BrowserMissing as missing:
        return str(missing)


def _main() -> int:
    """Fetch one unless there is one; fails only where the tests would fail without."""
    if not _missing():
        return 0
    print("Fetching Chromium, once …", flush=True)  # noqa: T201  for a person
    _fetch()
    if missing := _missing():
        print(missing)  # noqa: T201  for a person
    return int(bool(missing) and os.environ.get("REQUIRE_BROWSER") == "1")


if __name__ == "__main__":
    sys.exit(_main())
