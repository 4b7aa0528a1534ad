from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner

from consumer.cli import cli
from consumer.simulator.target import Target

if TYPE_CHECKING:
    from pathlib import Path


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(  # noqa: S603  a fixed command
        [sys.executable, "-m", "consumer", "simulate", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_one_line_serves_and_stops_cleanly(number: signal.Signals) -> None:
    process, line = start("--client", "acme")
    try:
        found = re.fullmatch(r"Simulated Target at (\S+); try: curl -d '(\S+)' (\S+)\n", line)
        assert found
        url, body, update = found.groups()
        assert update == f"{url}/m2/acme/profile/update"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = httpx.post(update, content=body, headers=form, timeout=60)
        assert "<success>true</success>" in answer.text
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    "text",
    ["faults:\n  - {status: 503, calls: 1}\n", '{"faults": [{"status": 503, "calls": 1}]}'],
    ids=["yaml", "json"],
)
def test_it_behaves_as_the_file_says(tmp_path: Path, text: str) -> None:
    config = tmp_path / "behaviour"
    config.write_text(text, encoding="utf-8")
    process, line = start("--config", str(config))
    try:
        url = line.split()[-1]
        calls = [httpx.post(url, data={"mboxPC": "1-2", "profile.a": "b"}, timeout=60) for _ in range(2)]
        assert [call.status_code for call in calls] == [503, 200]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_every_problem_of_the_file_is_shown(tmp_path: Path) -> None:
    config = tmp_path / "behaviour.yaml"
    config.write_text("latency: soon\nfault: []\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["simulate", "--config", str(config)])
    assert result.exit_code == 1
    assert f"{config}: fault: Extra inputs are not permitted" in result.output
    assert f"{config}: latency.min: expected a duration" in result.output


@pytest.mark.parametrize("content", [b"{", b"\xff", b"- 1\n"], ids=["syntax", "encoding", "a list"])
def test_a_file_that_holds_no_behaviour_is_refused(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "behaviour.yaml"
    config.write_bytes(content)
    result = CliRunner().invoke(cli, ["simulate", "--config", str(config)])
    assert result.exit_code == 1
    assert str(config) in result.output


def test_an_empty_file_is_a_target_that_behaves(tmp_path: Path) -> None:
    config = tmp_path / "behaviour.yaml"
    config.write_bytes(b"")
    with Target() as taken:
        port = str(httpx.URL(taken.url).port)
        result = CliRunner().invoke(cli, ["simulate", "--port", port, "--config", str(config)])
    assert result.exit_code == 1
    assert result.output == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
