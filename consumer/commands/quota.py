"""`profile-consumer quota`: what is used and left; `take` for jobs outside; `init` to make a new ledger knowingly."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click
import orjson

from consumer import settings
from consumer.adapters import logs
from consumer.adapters.kafka_config import Connection
from consumer.adapters.ledger_client import LedgerClient, View
from consumer.adapters.ledger_topic import LedgerTopic
from consumer.adapters.status import rfc3339
from consumer.commands.options import config_option
from consumer.core.clock import Clocks
from consumer.core.lease import LONGEST_LIFE, Terms
from consumer.errors import KafkaFailed
from consumer.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pathlib import Path

    from consumer.settings import Settings

STEPS = 24
"""Parts of the window for which it is shown how many calls come free."""


@click.group("quota", invoke_without_command=True)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(context: click.Context, config: Path | None, *, as_json: bool) -> None:
    """Show how many calls all replicas have used and have left, and when more come free.

    The figures are read from the quota ledger in Kafka; the service need not run.

    \b
    Example:
      profile-consumer quota
      profile-consumer quota take 20000 --for 2h --note "nightly import"
    """  # noqa: D301  # click reads \b
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    chosen = _load(config)
    if not chosen.quota.limit:
        click.echo('{"limit":0}' if as_json else "The quota is off (quota.limit: 0): calls are not counted.")
        return
    client = open_ledger(chosen)
    view = client.read(terms(chosen))
    click.echo(orjson.dumps(_facts(view, chosen)).decode() if as_json else _words(view, chosen))


@command.command("take")
@click.argument("calls", type=click.IntRange(1))
@click.option("--for", "duration", required=True, metavar="DURATION", help="Within which they are made: 30m, 2h … 24h.")
@click.option("--note", required=True, help="For whom; everybody sees it.")
@config_option
@click.pass_obj
def take(outer: Path | None, config: Path | None, calls: int, duration: str, note: str) -> None:
    """Reserve CALLS for a job outside this program that uses the same quota.

    Exits with 1 when so many are not free. The job must have ended its last call when DURATION is over; the calls
    count from now on for DURATION and the window, whether they are made or not.

    \b
    Example:
      profile-consumer quota take 20000 --for 2h --note "nightly import" && ./import.sh
    """  # noqa: D301  # click reads \b
    seconds = _duration(duration)
    chosen = _load(config or outer)
    if not chosen.quota.limit:
        raise click.ClickException("the quota is off (quota.limit: 0): there is nothing to reserve from")
    if calls > chosen.quota.limit:
        raise click.ClickException(f"{calls:,} calls are more than the whole quota of {chosen.quota.limit:,}")
    taken = open_ledger(chosen).take(terms(chosen), calls, seconds, note)
    if not taken.granted:
        raise click.ClickException(
            f"refused: {max(0, taken.left):,} calls are free; {calls:,} will be at {rfc3339(taken.free_at)}, if nobody "
            "takes more until then"
        )
    click.echo(
        f"{calls:,} calls are yours until {rfc3339(taken.take.at + seconds)} (lease {taken.take.lease}); "
        f"{taken.left:,} are left for everybody."
    )


@command.command("init")
@config_option
@click.pass_obj
def init(outer: Path | None, config: Path | None) -> None:
    """Create a ledger that is missing although the service has run before.

    How many calls were made in the last window is unknown then, and the new ledger begins at 0: wait for a window
    before you start the service, or reserve what may have been used with `quota take`.

    \b
    Example:
      profile-consumer quota init
    """  # noqa: D301  # click reads \b
    chosen = _load(config or outer)
    topic, window = chosen.quota.topic, format_duration(chosen.quota.window)
    client = LedgerClient(connection(chosen), LedgerTopic(topic, chosen.quota.window), clocks)
    if client.exists():
        client.check()
        click.echo(f"The quota ledger {topic} is there and as it must be; nothing was changed.")
        return
    click.echo(
        f"How many calls were made in the last {window} is unknown: the new ledger begins at 0. If there may have been "
        f"some, wait for {window}, or reserve as many with `profile-consumer quota take`, before the service starts."
    )
    client.create()
    client.check()
    click.echo(f"Created the quota ledger {topic}.")


def open_ledger(chosen: Settings) -> LedgerClient:
    """A client of the ledger, which is there."""
    client = LedgerClient(connection(chosen), LedgerTopic(chosen.quota.topic, chosen.quota.window), clocks)
    if not client.exists():
        raise KafkaFailed(
            f"there is no quota ledger {chosen.quota.topic}: the service creates it at its first start; if it has run "
            "before, see `profile-consumer quota init --help`"
        )
    return client


def connection(chosen: Settings) -> Connection:
    """How Kafka is reached."""
    return Connection(chosen.kafka.bootstrap_servers, chosen.kafka.properties)


def terms(chosen: Settings) -> Terms:
    """The terms of the quota."""
    quota = chosen.quota
    return Terms.of(quota.limit, quota.window, quota.lease, chosen.target.timeout)


def clocks() -> Clocks:
    """Both clocks."""
    return Clocks(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def facts(view: View, chosen: Settings) -> dict[str, Any]:
    """The figures that `/status.json` has, too."""
    used, limit = view.ledger.used(view.now), chosen.quota.limit
    return {
        "limit": limit,
        "window_seconds": chosen.quota.window,
        "used": used,
        "left": max(0, limit - used),
        "next_free_at": rfc3339(view.ledger.free_at(used)) if used else None,
    }


def sentence(view: View, chosen: Settings) -> str:
    """The figures in words."""
    shown = facts(view, chosen)
    window = format_duration(chosen.quota.window)
    return (
        f"Quota {chosen.quota.topic}: {shown['used']:,} of {shown['limit']:,} calls used in the last {window}, "
        f"{shown['left']:,} left."
    )


def _load(config: Path | None) -> Settings:
    chosen = settings.load(config, os.environ)
    logs.configure(chosen.log.level, chosen.log.format, sys.stderr)
    return chosen


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from None
    if not 0 < seconds <= LONGEST_LIFE:
        raise click.BadParameter("expected more than 0s and at most 24h", param_hint="--for")
    return seconds


def _frees(view: View, chosen: Settings) -> list[tuple[float, int]]:
    """When how many calls will have come free, while there are more from step to step."""
    step = chosen.quota.window / STEPS
    times = [view.now + step * number for number in range(1, STEPS + 2)]
    found, before = [], 0
    for at, calls in zip(times, view.ledger.freed(times), strict=True):
        if calls > before:
            found.append((at, calls))
        before = calls
    return found


def _facts(view: View, chosen: Settings) -> dict[str, Any]:
    return {
        "topic": chosen.quota.topic,
        **facts(view, chosen),
        "free": [{"at": rfc3339(at), "calls": calls} for at, calls in _frees(view, chosen)],
        "jobs": [
            {"note": job.note, "calls": job.take, "until": rfc3339(job.at + job.life), "lease": job.lease}
            for job in view.jobs
        ],
    }


def _words(view: View, chosen: Settings) -> str:
    lines = [sentence(view, chosen)]
    shown = facts(view, chosen)
    if shown["used"]:
        lines.append(f"The next come free at {shown['next_free_at']}; if no more are taken:")
        lines += [f"  {rfc3339(at)}  {calls:>11,} more" for at, calls in _frees(view, chosen)]
    if view.jobs:
        lines.append("Reserved for jobs outside:")
        lines += [f"  {job.take:>11,} until {rfc3339(job.at + job.life)}  {job.note}" for job in view.jobs]
    return "\n".join(lines)
