"""Runs one program on one workload and takes its figures from outside: the kernel's, the broker's and the target's."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
LOOK = 0.05


class Figures(NamedTuple):
    """What one program did: events, calls, seconds, CPU seconds, MB at the peak, and what the target saw.

    `delay`: the 99th percentile of the time from an event's production to its call; it means something where events
    come as time passes, not where a backlog waits.
    """

    events: int
    calls: int
    refused: int
    seconds: float
    cpu: float
    memory: float
    stale: int
    delay: float | None
    start: float | None

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def calls_rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU microseconds an event."""
        return self.cpu / self.events * 1e6


class Target:
    """The target of `benchmarks.target`, as a process."""

    def __init__(self, latency_ms: float, calls_a_second: float = float("inf")) -> None:
        command = [sys.executable, "-m", "benchmarks.target", str(latency_ms), str(calls_a_second)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdout is not None  # noqa: S101  # asked for
        self.base = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"
        self.url = f"{self.base}/m2/demo/profile/update"

    def seen(self) -> dict[str, Any]:
        """What it saw so far."""
        seen: dict[str, Any] = httpx.get(self.base, timeout=60).json()
        return seen

    def log(self) -> list[tuple[float, str]]:
        """Time (CLOCK_MONOTONIC) and identity of each call."""
        log: list[tuple[float, str]] = httpx.get(f"{self.base}/log", timeout=60).json()
        return log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


class Program:
    """A process that prints a line with `assigned` once it may begin, and perhaps `done`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self.output = output
        self.assigned: tuple[float, float] | None = None
        self.done: tuple[float, float] | None = None
        with output.open("wb") as errors:
            self.process = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def cpu(self) -> float:
        """CPU seconds so far of all its threads, exactly; /proc/PID/stat counts ticks, and misses short turns."""
        total = 0
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                total += int((thread / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self) -> float:
        """The most resident memory so far, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101  # asked for
        for line in self.process.stdout:
            if self.assigned is None and "assigned" in line:
                self.assigned = time.monotonic(), self.cpu()
            elif line.strip() == "done":
                self.done = time.monotonic(), self.cpu()
            elif '"level":"error"' in line or '"level":"warning"' in line:
                print("   ", line.strip()[:300], file=sys.stderr)

    def wait_assigned(self, seconds: float) -> None:
        """Wait until it may begin."""
        end = time.monotonic() + seconds
        while self.assigned is None and self.process.poll() is None and time.monotonic() < end:
            time.sleep(LOOK)
        if self.assigned is None:
            raise RuntimeError(f"it never began: {self.output.read_text()[-2000:]}")

    def stop(self) -> None:
        """SIGTERM, and after a while SIGKILL."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], output: Path) -> Iterator[Program]:
    """The program, ended at the end."""
    program = Program(command, environment, output)
    try:
        yield program
    finally:
        program.stop()


class Until(NamedTuple):
    """When a program is over: its group has committed so many events (`committed` None: it says so itself)."""

    events: int
    committed: Callable[[], int] | None
    seconds: float


def measure(program: Program, target: Target, until: Until) -> Figures:
    """Wait until the program is over, or for `until.seconds`; a slow one is judged by what it has done by then."""
    end = time.monotonic() + until.seconds
    handled = 0
    while handled < until.events and time.monotonic() < end:
        if program.process.poll() is not None and program.done is None:
            raise RuntimeError(f"it ended with {program.process.returncode}: {program.output.read_text()[-2000:]}")
        if program.done is not None:
            handled = until.events
        elif until.committed is not None:
            handled = until.committed()
        time.sleep(LOOK)
    if program.assigned is None:
        raise RuntimeError("it never began")
    ended, cpu = program.done or (time.monotonic(), program.cpu())
    began, cpu_before = program.assigned
    seen = target.seen()
    if handled == until.events and until.committed is not None:
        ended = seen["last"]  # the commit comes up to a second later
    return Figures(
        events=handled,
        calls=seen["calls"],
        refused=seen["refused"],
        seconds=ended - began,
        cpu=cpu - cpu_before,
        memory=program.memory(),
        stale=seen["stale"],
        delay=seen["delay_p99"],
        start=seen["first"] - began if seen["first"] else None,
    )
