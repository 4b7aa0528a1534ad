"""`profile-consumer run`: the service."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import click
import structlog

from consumer import app, settings
from consumer.commands.options import config_option
from consumer.errors import LedgerInvalid, Stopped

if TYPE_CHECKING:
    from pathlib import Path

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command("run")
@config_option
@click.option("--dry-run", is_flag=True, help="Read and map with the group GROUP.dry-run, log, and call nothing.")
def command(config: Path | None, *, dry_run: bool) -> None:
    """Read events, map them, and update visitor profiles, until SIGTERM.

    Exits with 0 after a clean stop, 3 when settings or mapping files are invalid (every problem is listed), 4 when it
    stopped by itself (the last log line says why; nothing is lost).

    \b
    Example:
      PROFILE_CONSUMER_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
      PROFILE_CONSUMER_TARGET__CLIENT=acme \\
      profile-consumer run --dry-run
    """  # noqa: D301  # click reads \b
    stopping = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stopping.set())
    try:
        app.serve(settings.load(config, os.environ), stopping, dry_run=dry_run)
    except (LedgerInvalid, Stopped) as stopped:
        structlog.get_logger().error("stopped_by_itself", reason=str(stopped))
        raise
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # Python, on its way out, would be killed by another one
