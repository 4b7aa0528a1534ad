# ruff: noqa: S603  # the registry itself, with words of our own
"""A real schema registry for tests: Apicurio Registry, whose Confluent API is at `url`; its data outlives a stop."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import httpx

from tests.kafka import free_ports
from tests.kafka_runtime import REPOSITORY, START_SECONDS, downloading

VERSION = "3.0.9"  # the newest that runs on Java 17
CACHE = REPOSITORY / ".cache" / "registry" / VERSION
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
DOWNLOAD = "org.apache.maven.plugins:maven-dependency-plugin:2.10:get"  # the last that copies what it got


class RegistryMissing(Exception):
    """No registry can be had here; the message says what was tried."""


class Registry:
    """Runs between `with` and its end, but for what `stop` and `start` do to it."""

    def __init__(self) -> None:
        self._java = os.environ.get("KAFKA_JAVA", "java")
        self._app = _find(self._java)
        self._folder = Path(tempfile.mkdtemp(prefix="registry-"))
        self._port, self._management = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self._port,
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": self._management,
            "apicurio.datasource.url": f"jdbc:h2:file:{self._folder}/data",
        }
        jvm = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options = [f"-D{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._java, *jvm, *options, "-jar", str(self._app)], cwd=self._app.parent, stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the registry does not start:\n{(self._folder / 'log').read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; connections to it are refused from now on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def register(self, subject: str, schema: str, language: str = "AVRO", **more: Any) -> int:
        """Register a schema; its id."""
        body = {"schema": schema, "schemaType": language, **more}
        answer = httpx.post(f"{self.url}/subjects/{subject}/versions", json=body, timeout=START_SECONDS)
        answer.raise_for_status()
        return int(answer.json()["id"])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/subjects", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _find(java: str) -> Path:
    """The registry's jar, downloaded once into .cache/registry."""
    if not shutil.which(java):
        raise RegistryMissing("no schema registry: there is no java on the path")
    with downloading():
        if not (CACHE / "complete").exists():
            if not shutil.which("mvn"):
                raise RegistryMissing("no schema registry: there is no mvn on the path to download it")
            _download()
    return next(CACHE.glob("apicurio-registry-app-*.jar"))


def _download() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / "app.tar.gz"
    words = ["mvn", "-q", "-B", DOWNLOAD, f"-Dartifact={ARTIFACT}", "-Dtransitive=false", f"-Ddest={archive}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RegistryMissing(f"no schema registry: Maven failed: {done.stdout[-500:]}")
    with tarfile.open(archive) as packed:
        packed.extractall(CACHE, filter="data")
    archive.unlink()
    (CACHE / "complete").touch()
