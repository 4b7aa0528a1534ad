# ruff: noqa: S603, S607  # programs of this machine, with words of our own
"""What runs Kafka's Java classes in the tests: jars on this machine, or Docker."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
CACHE = REPOSITORY / ".cache" / "kafka"
IMAGE = "apache/kafka:4.1.0"
START_SECONDS = 90


class KafkaMissing(Exception):
    """No broker can be had here; the message says what was tried."""


class Runtime(Protocol):
    """Runs a main class of Kafka as a process that can be signalled."""

    def command(self, folder: Path, name: str, heap: str, options: tuple[str, ...]) -> list[str]:
        """The command line up to the main class; `name` is unique to the process, `folder` holds its files."""

    def signal(self, process: subprocess.Popen[bytes], name: str, number: signal.Signals) -> None:
        """Send a signal to the Java process behind `process`."""


class Jars:
    """A folder of jars, run by the `java` on the path (or `KAFKA_JAVA`)."""

    def __init__(self, libs: Path) -> None:
        self._libs = libs
        self._java = os.environ.get("KAFKA_JAVA", "java")

    def command(self, folder: Path, name: str, heap: str, options: tuple[str, ...]) -> list[str]:
        del name
        jvm = [f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options]
        return [self._java, *jvm, f"-Dlog4j2.configurationFile={folder}/log4j2.yaml", "-cp", f"{self._libs}/*"]

    def signal(self, process: subprocess.Popen[bytes], name: str, number: signal.Signals) -> None:
        del name
        process.send_signal(number)

    def archive(self) -> Path:
        """Where the class-data-sharing archive of exactly this Java and these jars is kept: it halves a start."""
        version = subprocess.run([self._java, "-version"], capture_output=True, check=True).stderr
        jars = sorted((jar.name, jar.stat().st_size, jar.stat().st_mtime_ns) for jar in self._libs.glob("*.jar"))
        return CACHE / f"classes-{hashlib.sha256(version + repr(jars).encode()).hexdigest()[:16]}.jsa"


@contextmanager
def downloading() -> Iterator[None]:
    """Tests run in several processes: one of them downloads, the others wait and then find it done."""
    CACHE.parent.mkdir(exist_ok=True)
    with (CACHE.parent / "downloading").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Docker:
    """The official image on the host's network, with the same files and commands."""

    def command(self, folder: Path, name: str, heap: str, options: tuple[str, ...]) -> list[str]:
        container = [
            "docker",
            "run",
            "--rm",
            "--name",
            name,
            "--network",
            "host",
            "--user",
            f"{os.getuid()}:{os.getgid()}",
        ]
        jvm = ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options]
        return [*container, "-v", f"{folder}:{folder}", "--entrypoint", "", IMAGE, *jvm, "-cp", "/opt/kafka/libs/*"]

    def signal(self, process: subprocess.Popen[bytes], name: str, number: signal.Signals) -> None:
        del process
        subprocess.run(["docker", "kill", "--signal", number.name, name], check=True, capture_output=True)


def find() -> Runtime:
    """Jars of `KAFKA_LIBS`, else of Maven (downloaded once into .cache/kafka), else Docker."""
    if libs := os.environ.get("KAFKA_LIBS"):
        return Jars(Path(libs))
    with downloading():
        return _find()


def _find() -> Runtime:
    tried = []
    if shutil.which(os.environ.get("KAFKA_JAVA", "java")):
        if any(CACHE.glob("kafka_2.13-*.jar")):
            return Jars(CACHE)
        if shutil.which("mvn"):
            project = REPOSITORY / "tests" / "kafka-jars" / "pom.xml"
            download = [
                "mvn",
                "-q",
                "-B",
                "-f",
                str(project),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={CACHE}",
            ]
            done = subprocess.run(download, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return Jars(CACHE)
            tried.append(f"Maven failed: {done.stdout[-500:]}")
        else:
            tried.append("no mvn on the path")
    else:
        tried.append("no java on the path")
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return Docker()
    tried.append("no Docker engine")
    raise KafkaMissing(
        "no Kafka: set KAFKA_BOOTSTRAP or KAFKA_LIBS, or install Java and Maven, or Docker; " + "; ".join(tried)
    )
