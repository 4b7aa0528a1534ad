"""A dead letter read back: what its headers say, whether it is wanted, and what stands in the way of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consumer.core.record import Record

PREFIX = "dead-letter."
"""What the names of all headers of ours begin with."""

REPLAYS = PREFIX + "replays"
"""The only one that outlives a replay: how often the event was produced again."""


class Letter(NamedTuple):
    """Where an event came from and why it died; times in integer milliseconds since the epoch.

    `died` is when the letter was written, `timestamp` the event's own. `body` is empty, `cut` or `lost`.
    """

    topic: str
    partition: int
    timestamp: int
    died: int
    reason: str
    mapping: str | None
    replays: int
    body: str


def read_letter(record: Record) -> Letter | None:
    """What a record of a dead-letter topic says; None when this program has not written it."""
    texts = {
        name.removeprefix(PREFIX): (value or b"").decode(errors="replace")
        for name, value in record.headers
        if name.startswith(PREFIX)
    }
    numbers = [texts.get(name, "") for name in ("partition", "timestamp", "replays")]
    if not texts.get("topic") or not all(number.isdecimal() and number.isascii() for number in numbers):
        return None
    partition, timestamp, replays = (int(number[:18]) for number in numbers)
    return Letter(
        texts["topic"],
        partition,
        timestamp,
        record.timestamp,
        texts.get("reason", ""),
        texts.get("mapping"),
        replays,
        texts.get("body", ""),
    )


def replayed_headers(record: Record, letter: Letter) -> list[tuple[str, bytes | None]]:
    """The event's own headers, and one replay more."""
    own = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return [*own, (REPLAYS, str(letter.replays + 1).encode())]


class Selection(NamedTuple):
    """Which dead letters to replay: with this reason, of this mapping, that died at this time or later."""

    reason: str | None = None
    mapping: str | None = None
    since: int | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether the letter is one of them."""
        return (
            self.reason in (None, letter.reason)
            and self.mapping in (None, letter.mapping)
            and (self.since is None or letter.died >= self.since)
        )


def obstacle(letter: Letter, max_replays: int) -> str | None:
    """Why the letter can't be replayed; None when it can."""
    if letter.body:
        return f"the body was {letter.body} when the letter was written"
    if letter.replays >= max_replays:
        return f"replayed {max_replays} times or more already (--max-replays)"
    return None
