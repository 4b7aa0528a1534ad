"""The programs that are measured: ours, and those that it is compared with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import ROOT
from benchmarks.workload import MAPPING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Target

CACHE = ROOT / ".cache" / "benchmarks"
PEER = ROOT / "benchmarks" / "peers" / "parallel-consumer"


class Place(NamedTuple):
    """Where a program reads and writes."""

    bootstrap: str
    topic: str
    group: str
    target: Target
    folder: Path


def ours(place: Place, **settings: object) -> tuple[list[str], dict[str, str]]:
    """The service as it is installed, and its environment; more settings as `delivery__linger="1s"`."""
    schemas = place.folder / "schemas"
    schemas.mkdir(exist_ok=True)
    (schemas / "visit.mapping.yaml").write_text(MAPPING.format(topic=place.topic))
    chosen = {
        "schemas": schemas,
        "kafka__bootstrap_servers": place.bootstrap,
        "kafka__group_id": place.group,
        "target__client": "demo",
        "target__base_url": place.target.base,
        "quota__limit": 0,
        "http__port": 0,
        "log__format": "json",
    } | settings
    environment = {f"PROFILE_CONSUMER_{key.upper()}": _text(value) for key, value in chosen.items()}
    return [sys.executable, "-m", "consumer", "run"], environment


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value)


def usual_loop(place: Place, count: int) -> list[str]:
    """(a)."""
    where = [place.bootstrap, place.topic, place.group, place.target.url]
    return [sys.executable, "-m", "benchmarks.peers.usual_loop", *where, str(count)]


def bare_calls(place: Place, at_once: int, count: int) -> list[str]:
    """(b)."""
    return [sys.executable, "-m", "benchmarks.peers.bare_calls", place.target.url, str(at_once), str(count)]


def raw_calls(place: Place, at_once: int, count: int) -> list[str]:
    """(b) without an HTTP library."""
    return [sys.executable, "-m", "benchmarks.peers.raw_calls", place.target.url, str(at_once), str(count)]


def bare_consume(place: Place, count: int) -> list[str]:
    """(c)."""
    return [
        sys.executable,
        "-m",
        "benchmarks.peers.bare_consume",
        place.bootstrap,
        place.topic,
        place.group,
        str(count),
    ]


def parallel_consumer(place: Place, at_once: int) -> list[str] | None:
    """(d); None where there is no Java or Maven."""
    if not all(shutil.which(each) for each in ("java", "javac", "mvn")):
        return None
    jars = CACHE / "parallel-consumer"
    if not (jars / "Peer.class").exists():
        jars.mkdir(parents=True, exist_ok=True)
        copy = ["mvn", "-q", "-B", "-f", str(PEER / "pom.xml"), "dependency:copy-dependencies"]
        subprocess.run([*copy, f"-DoutputDirectory={jars}"], check=True)  # noqa: S603
        source = PEER / "src" / "main" / "java" / "Peer.java"
        subprocess.run(["javac", "-cp", f"{jars}/*", "-d", str(jars), str(source)], check=True)  # noqa: S603, S607
    where = [place.bootstrap, place.topic, place.group, place.target.url, str(at_once)]
    return ["java", "-cp", f"{jars}/*:{jars}", "Peer", *where]
