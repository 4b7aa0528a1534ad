"""The service that the demo watches: a process of its own, seen through its own status page and log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import httpx
import orjson

from consumer.adapters.schema_folder import shipped_schemas

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0


class DemoService:
    """`profile-consumer run` on the shipped schemas, between `with` and its end."""

    def __init__(self, folder: Path, bootstrap: str, target: str) -> None:
        self._log = folder / "service.log"
        settings = {
            "SCHEMAS": str(shipped_schemas()),
            "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA__GROUP_ID": "demo",
            "TARGET__CLIENT": "demo",
            "TARGET__BASE_URL": target,
            "HTTP__HOST": "127.0.0.1",
            "HTTP__PORT": "0",
            "LOG__FORMAT": "json",
            "DELIVERY__MAX_IN_FLIGHT": "16",
            "QUOTA__LIMIT": "0",
        }
        own = {key: value for key, value in os.environ.items() if not key.startswith("PROFILE_CONSUMER_")}
        self._environment = own | {f"PROFILE_CONSUMER_{key}": value for key, value in settings.items()}
        self._url = ""

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "consumer", "run"], env=self._environment, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self._process.kill()
            self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def status(self) -> dict[str, Any]:
        """`/status.json`; empty until it is served."""
        if not self._url:
            started = self._lines("http_server_started")
            if not started:
                return {}
            self._url = f"http://127.0.0.1:{started[0]['port']}/status.json"
        try:
            status: dict[str, Any] = httpx.get(self._url, timeout=5, trust_env=False).json()
        except httpx.HTTPError:
            return {}
        return status

    def dead_lettered_unmapped(self) -> int:
        """Dead letters of events for which no mapping was found."""
        return sum(line["mapping"] is None for line in self._lines("dead_lettered"))

    def last_words(self) -> str:
        """The last line of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]

    def stop(self) -> int:
        """SIGTERM, and the exit code; that of an earlier end if it has ended by itself."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def _lines(self, event: str) -> list[dict[str, Any]]:
        needle = f'"event":"{event}"'.encode()
        return [orjson.loads(line) for line in self._log.read_bytes().splitlines() if needle in line]
