"""The service as a process, as an operator runs it: settings by environment, watched through its own pages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds for whatever must happen; far more than it takes, since the machine may be busy."""


def eventually(happened: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until it happened; what it returned."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if result := happened():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:g} s: {what}")


class Service:
    """`profile-consumer run` between `with` and its end; `options` of it, and settings as `kafka__group_id="g"`."""

    program: tuple[str, ...] = ("-m", "consumer")

    def __init__(self, folder: Path, *options: str, **settings: object) -> None:
        self.log_file = folder / f"service-{time.monotonic_ns()}.log"
        self._options = options
        self._settings = {"http__host": "127.0.0.1", "http__port": 0, "log__format": "json", **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._starts = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        if fault is not None:
            print(f"{self.log_file.name}:\n{self.log_file.read_text()[-20_000:]}")  # noqa: T201 - shown when a test fails
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The newest process."""
        assert self._process is not None
        return self._process

    def start(self) -> Self:
        """Run it (again)."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PROFILE_CONSUMER_")}
        for key, value in self._settings.items():
            environment[f"PROFILE_CONSUMER_{key.upper()}"] = (
                value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
            )
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, *self.program, "run", *self._options],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._url = ""
        self._starts += 1
        return self

    def logs(self, event: str | None = None) -> list[dict[str, Any]]:
        """The log lines so far, of one event or of all."""
        lines = []
        for line in self.log_file.read_bytes().splitlines():
            try:
                lines.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                lines.append({"event": "no_json", "text": line.decode(errors="replace")})
        return [line for line in lines if event in (None, line["event"])]

    @property
    def url(self) -> str:
        """Where its pages are."""
        if not self._url:
            line = eventually(self._started, "its HTTP server listens")
            self._url = f"http://127.0.0.1:{line['port']}"
        return self._url

    def _started(self) -> dict[str, Any] | None:
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.log_file.read_text()}")
        lines = self.logs()
        begun = [index for index, line in enumerate(lines) if line["event"] == "starting"]
        if len(begun) < self._starts:
            return None
        return next((line for line in lines[begun[-1] :] if line["event"] == "http_server_started"), None)

    def status(self) -> dict[str, Any]:
        """`/status.json`."""
        answer: dict[str, Any] = httpx.get(f"{self.url}/status.json", timeout=PATIENCE).json()
        return answer

    def get(self, path: str) -> httpx.Response:
        """Any of its pages."""
        return httpx.get(self.url + path, timeout=PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(PATIENCE)

    def wait_until(
        self, holds: Callable[[dict[str, Any]], bool], what: str, patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait for a status."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if holds(status) else None

        try:
            found: dict[str, Any] = eventually(look, what, patience)
        except AssertionError as late:
            raise AssertionError(
                f"{late}; the status: {self.status()}; the log:\n{self.log_file.read_text()[-4000:]}"
            ) from late
        return found
