"""`profile-consumer status`: how far the group is and what is left of the quota, as Kafka holds it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import click
import orjson
from confluent_kafka import KafkaError

from consumer import settings
from consumer.adapters import logs
from consumer.adapters.kafka_lookup import EARLIEST, LATEST
from consumer.adapters.ledger_client import LedgerClient
from consumer.adapters.ledger_topic import LedgerTopic
from consumer.commands import quota
from consumer.commands.options import config_option
from consumer.core import commit_metadata
from consumer.core.record import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from consumer.settings import Settings


class Progress(NamedTuple):
    """One partition: offsets, and how many events above the committed one are resolved already."""

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    completed_above: int


@click.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config: Path | None, *, as_json: bool) -> None:
    """Show how far the group has come and what is left of the quota, as Kafka holds it.

    Reads only; the service need not run. What the service itself is doing stands on its status page.

    \b
    Example:
      profile-consumer status --json
    """  # noqa: D301  # click reads \b
    chosen = settings.load(config, os.environ)
    logs.configure(chosen.log.level, chosen.log.format, sys.stderr)
    client = LedgerClient(quota.connection(chosen), LedgerTopic(chosen.quota.topic, chosen.quota.window), quota.clocks)
    progress = _progress(client, chosen)
    view = client.read(quota.terms(chosen)) if chosen.quota.limit and client.exists() else None
    if as_json:
        facts = {
            "group_id": chosen.kafka.group_id,
            "lag": sum(one.lag for one in progress),
            "completed_above": sum(one.completed_above for one in progress),
            "partitions": [one._asdict() for one in progress],
            "quota": quota.facts(view, chosen) if view else _no_quota(chosen),
        }
        click.echo(orjson.dumps(facts).decode())
        return
    click.echo(_table(chosen.kafka.group_id, progress))
    if view:
        click.echo(quota.sentence(view, chosen))
    else:
        click.echo(
            f"Quota: no ledger {chosen.quota.topic} yet." if chosen.quota.limit else "Quota: off (quota.limit: 0)."
        )


def _progress(client: LedgerClient, chosen: Settings) -> list[Progress]:
    """All partitions of the topics that the group committed in, and of those in `kafka.topics`."""
    commits = client.ask(client.lookup.committed(chosen.kafka.group_id))
    topics = {key.topic for key in commits} | set(chosen.kafka.topics or ())
    counts = client.ask(client.lookup.partitions(sorted(topics)))
    keys = [
        TopicPartition(topic, number)
        for topic, count in counts.items()
        if not isinstance(count, KafkaError)
        for number in range(count)
    ]
    ends = client.ask(client.lookup.offsets(dict.fromkeys(keys, LATEST)))
    unread = client.ask(client.lookup.offsets(dict.fromkeys([key for key in keys if key not in commits], EARLIEST)))
    found = []
    for key in keys:
        offset, metadata = commits.get(key, (None, ""))
        start = unread[key] if offset is None else offset
        completed = commit_metadata.read(start, metadata).completed
        found.append(Progress(*key, offset, ends[key], max(0, ends[key] - start), completed))
    return found


def _no_quota(chosen: Settings) -> dict[str, object]:
    limit = chosen.quota.limit
    window = chosen.quota.window
    return {"limit": limit, "window_seconds": window, "used": None, "left": None, "next_free_at": None}


def _table(group_id: str, progress: Iterable[Progress]) -> str:
    rows = [("topic", "partition", "committed", "end", "lag", "completed above")]
    for one in progress:
        committed = "none" if one.committed is None else f"{one.committed:,}"
        figures = (committed, f"{one.end:,}", f"{one.lag:,}", f"{one.completed_above:,}")
        rows.append((one.topic, str(one.partition), *figures))
    if len(rows) == 1:
        return f"Group {group_id} has committed nothing yet."
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([f"Group {group_id}", *lines])
