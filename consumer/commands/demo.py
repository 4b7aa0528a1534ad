"""`profile-consumer demo`: the real service against an embedded broker and a simulated Target, watched live."""

from __future__ import annotations

import sys

import click
from rich.console import Console

from consumer.simulator.demo import Demo


@click.command("demo")
def command() -> None:
    """See it work: everything embedded, nothing else needed.

    Produces events of four use cases, some of them broken, runs the service against a simulated Target that fails for a
    while, and judges the result. Exits with 0 when no event was lost and no older value overwrote a newer one, else 1.

    \b
    Example:
      profile-consumer demo
    """  # noqa: D301  # click reads \b
    sys.exit(0 if Demo(Console()).run() else 1)
