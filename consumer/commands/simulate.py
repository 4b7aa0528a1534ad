"""`profile-consumer simulate`: the simulated Target as a server of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from consumer.errors import Invalid, Problem
from consumer.simulator.behaviour import Behaviour, problems
from consumer.simulator.server import Site, serve
from consumer.simulator.simulation import Simulation


@click.command("simulate")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--client", default="demo", show_default=True, help="The client code that stands in the path.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="How to behave at the start, as YAML or JSON: latency, faults, rates … (docs/simulator.md).",
)
def command(host: str, port: int, client: str, config: Path | None) -> None:
    """Serve a simulated Adobe Target until stopped.

    It takes updates like the real one, keeps their history, and misbehaves as told by --config or, while it runs,
    under /control.

    \b
    Example:
      profile-consumer simulate --port 8090
      curl -X PATCH localhost:8090/control -d '{"faults": [{"status": 503, "calls": 10}]}'
    """  # noqa: D301  click reads \b
    behaviour = _behaviour(config) if config else Behaviour()
    try:
        asyncio.run(_serve(Simulation(client, behaviour, time.monotonic()), host, port))
    except OSError as error:
        # The own words of asyncio say the address once more; names that can't be resolved have numbers of their own.
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise click.ClickException(f"cannot listen on {host}:{port}: {reason}") from error


async def _serve(simulation: Simulation, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(Site(simulation), host, port) as url:
        update = f"{url}/m2/{simulation.client}/profile/update"
        click.echo(f"Simulated Target at {url}; try: curl -d 'mbox3rdPartyId=c-1&profile.tier=gold' {update}")
        await stop.wait()


def _behaviour(config: Path) -> Behaviour:
    try:
        return Behaviour.model_validate(_read(config))
    except ValidationError as error:
        found = problems(error)
    except (yaml.YAMLError, UnicodeDecodeError):
        found = ["is not a YAML or JSON file"]
    raise Invalid([Problem(str(config), 0, 0, problem) for problem in found])


def _read(config: Path) -> Any:  # noqa: ANN401  whatever stands in the file
    return yaml.safe_load(config.read_text(encoding="utf-8")) or {}
