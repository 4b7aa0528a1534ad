"""`profile-consumer replay`: dead letters back to where they came from."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from consumer import settings
from consumer.adapters import logs
from consumer.adapters.dead_letter_topic import DeadLetterTopic
from consumer.adapters.kafka_config import Connection
from consumer.adapters.replay import Replay, Wish
from consumer.commands.options import config_option
from consumer.core.letter import Selection
from consumer.core.times import TimeInvalid, epoch_milliseconds, read_moment

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from consumer.adapters.replay import Figures

NOT_REPLAYED: Final = 1

TELL_EVERY: Final = 10.0
"""Seconds between two lines about the progress where there is no terminal."""

WARNING: Final = (
    "A replay writes these events anew. One that is older than what its profile holds by now puts the old value back: "
    "narrow the replay with --reason, --mapping and --since, or leave out what has been overtaken."
)


class _Moment(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.3
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return epoch_milliseconds(read_moment(str(value)))
        except TimeInvalid:
            self.fail("expected a time such as 2026-03-01T09:30:00Z", param, ctx)


@click.command("replay")
@config_option
@click.option("--dead-letter-topic", metavar="T", help="The topic to read; without it the one of the settings.")
@click.option("--reason", metavar="R", help="Only letters with this reason, such as refused.")
@click.option("--mapping", metavar="M", help="Only letters of this mapping: its file's name up to .mapping.yaml.")
@click.option("--since", type=_Moment(), metavar="TIME", help="Only letters written at this time (RFC 3339) or later.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many letters.")
@click.option("--max-replays", type=click.IntRange(1), default=3, show_default=True, help="Guard against loops.")
@click.option("--rate", type=click.IntRange(1), default=1000, show_default=True, help="Letters a second at most.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    config: Path | None,
    dead_letter_topic: str | None,
    *,
    dry_run: bool,
    yes: bool,
    **narrowed: Any,  # noqa: ANN401  # as click has it
) -> None:
    """Produce dead letters back to the topic and partition that they came from.

    What was replayed is remembered in the consumer group GROUP.replay: a replay that was interrupted goes on where it
    stopped, and no letter is replayed twice. Run one replay of a topic at a time. Exits with 1 when some were not
    replayed: their body is lost, they were replayed --max-replays times, or Kafka refused them.

    \b
    Example:
      profile-consumer replay --dead-letter-topic profile-consumer.dead-letters --reason refused --dry-run
    """  # noqa: D301  # click reads \b
    given = settings.load(config, os.environ, needs=["kafka.bootstrap_servers"])
    logs.configure("warning", given.log.format, sys.stderr)
    connection = Connection(given.kafka.bootstrap_servers, given.kafka.properties)
    selection = Selection(narrowed["reason"], narrowed["mapping"], narrowed["since"])
    wish = Wish(selection, narrowed["max_replays"], narrowed["limit"], narrowed["rate"])
    topic, group = dead_letter_topic or given.dead_letter.topic, f"{given.kafka.group_id}.replay"
    stopping = _stops()
    if dry_run or not yes:
        survey = _survey(connection, DeadLetterTopic(connection, topic, group), wish, stopping)
        if dry_run or not _agreed(survey.figures):
            sys.exit(NOT_REPLAYED if survey.figures.left or stopping.is_set() or not dry_run else 0)
    letters = DeadLetterTopic(connection, topic, group)
    replay = Replay(connection, letters, wish)
    with _Watch(letters.letters, replay.figures, "replayed") as watch:
        refusal = replay.run(watch, stopping)
    _tell(replay, letters, "replayed")
    sys.exit(_ending(replay, letters, stopping, refusal))


def _stops() -> threading.Event:
    """Set by SIGINT and SIGTERM: what was written is acknowledged and remembered before we go."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _survey(connection: Connection, letters: DeadLetterTopic, wish: Wish, stopping: threading.Event) -> Replay:
    survey = Replay(connection, letters, wish)
    with _Watch(letters.letters, survey.figures, "to be replayed") as watch:
        survey.survey(watch, stopping)
    letters.leave()
    _tell(survey, letters, "to be replayed")
    return survey


def _agreed(figures: Figures) -> bool:
    """Whether to go on; without a terminal nobody can be asked."""
    if not figures.replayed:
        return not figures.left
    click.echo(WARNING)
    if not sys.stdin.isatty():
        click.echo("Nothing was replayed. Say --yes to replay them.")
        return False
    return click.confirm("Replay them?")


def _tell(replay: Replay, letters: DeadLetterTopic, done: str) -> None:
    figures = replay.figures
    click.echo(f"{figures.replayed.total()} dead letters of {letters.topic} {done}{_list(figures.replayed, ' to {}')}")
    if figures.left:
        click.echo(f"{figures.left.total()} not replayed{_list(figures.left, ': {}')}")
    if figures.passed_over:
        click.echo(f"{figures.passed_over} passed over: another reason or mapping, or older")
    if letters.replayed_before:
        click.echo(f"{letters.replayed_before} replayed before")


def _list(counts: Counter[str], form: str) -> str:
    return "".join(f"\n  {count}{form.format(name)}" for name, count in counts.most_common())


def _ending(replay: Replay, letters: DeadLetterTopic, stopping: threading.Event, refusal: str | None) -> int:
    """The exit code, and why it is not 0."""
    if letters.full:
        click.echo(
            "Stopped: too many letters were passed over between the replayed ones to remember each of them. Replay "
            "those at the beginning of the topic first, whatever their reason."
        )
    if stopping.is_set():
        click.echo("Stopped before the end. The same command goes on from here.")
    if refusal is not None:
        click.echo(f"Kafka did not take the last commit, so a later replay may repeat what was replayed: {refusal}")
    return NOT_REPLAYED if replay.figures.left or letters.full or stopping.is_set() or refusal else 0


class _Watch:
    """Progress: a bar on a terminal, a line now and then elsewhere; on standard error."""

    def __init__(self, total: int, figures: Figures, done: str) -> None:
        self._total = total
        self._figures = figures
        self._done = done
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._bar.add_task("letters read", total=total) if self._bar else None
        self._next = time.monotonic() + TELL_EVERY

    def __enter__(self) -> Callable[[], None]:
        if self._bar:
            self._bar.start()
        return self._show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def _show(self) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self._figures.read)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + TELL_EVERY
            replayed = self._figures.replayed.total()
            click.echo(f"{self._figures.read} of {self._total} letters read, {replayed} {self._done}", err=True)
