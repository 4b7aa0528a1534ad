"""Every state in words: what is going on, since when, and what a person can do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from consumer.core.state import State

if TYPE_CHECKING:
    from consumer.adapters.status import Status

Tone = Literal["good", "wait", "act"]
"""All is well; it waits and goes on by itself; a person has to act (or look)."""


class Words(NamedTuple):
    """`label` is the state in a table, `headline` the whole service's, `advice` what to do.

    In a headline `{since}` and `{free}` (when the next call comes free) become times.
    """

    tone: Tone
    label: str
    headline: str
    advice: str


WORDS = {
    State.DEAD_LETTER_BLOCKED: Words(
        "act",
        "dead letter blocked",
        "The dead-letter topic has not taken a letter since {since}",
        "Create the topic of dead_letter.topic or correct its ACL. The partitions concerned hold their offsets and go"
        " on by themselves.",
    ),
    State.CREDENTIALS_REFUSED: Words(
        "act",
        "credentials refused",
        "Target has refused our calls since {since}",
        "Renew the token in target.token_file and check target.client and target.base_url. Nothing is lost: one call a"
        " second tries, and delivery goes on by itself.",
    ),
    State.SCHEMA_REGISTRY_UNAVAILABLE: Words(
        "act",
        "schema registry unavailable",
        "The schema registry has not answered since {since}",
        "Check kafka.schema_registry_url and the registry. Events that need a schema wait for it.",
    ),
    State.BREAKER_OPEN: Words(
        "act",
        "breaker open",
        "Calls to Target have failed since {since}; one at a time is tried",
        "Look whether Target and the network are up. Delivery goes on by itself.",
    ),
    State.QUOTA_BLOCKED: Words(
        "wait",
        "waiting for quota",
        "Waiting for quota until {free}",
        "The calls of the window are used up; events wait and those of the same visitor merge. Nothing is lost.",
    ),
    State.THROTTLED: Words(
        "wait",
        "throttled",
        "Target has asked for fewer calls since {since}",
        "The rate that Target accepts is being learned. Nothing to do.",
    ),
    State.PARKED: Words(
        "wait",
        "parked",
        "Waiting for a retry since {since}",
        "The oldest event of a partition waits for its next attempt; new ones are not read meanwhile. Nothing to do.",
    ),
    State.PACED: Words(
        "wait",
        "paced",
        "Delivering at the pace of the quota",
        "More visitors change than the quota allows calls, so calls are spread over the window and each carries more"
        " events. Nothing is lost.",
    ),
    State.PROGRESSING: Words("good", "progressing", "Delivering", "All is well."),
    State.IDLE: Words("good", "idle", "Idle: there is nothing to deliver", "All is well."),
    State.STARTING: Words(
        "wait",
        "starting",
        "Starting, since {since}",
        "Waiting for Kafka to give partitions to this member of the group.",
    ),
    State.KAFKA_UNREACHABLE: Words(
        "act",
        "Kafka unreachable",
        "Kafka has been out of reach or refusing us since {since}",
        "Check kafka.bootstrap_servers, the credentials in kafka.properties, the ACLs and the brokers. It goes on by"
        " itself.",
    ),
    State.STOPPING: Words(
        "wait", "stopping", "Stopping, since {since}", "Calls on the wire are waited for, then offsets are committed."
    ),
}

OUTCOMES = {
    "delivered": "Target accepted the update",
    "throttled": "Target asked for fewer calls; tried again",
    "transient": "failed or not answered; tried again",
    "refused": "taken apart; the guilty event becomes a dead letter",
    "misconfigured": "token, address or certificate; everything waits",
}
"""The outcome of a call, and what becomes of it."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def headline(status: Status, wall: float) -> str:
    """What the whole service does, in one line."""
    free = status.quota.next_free_at
    until = "some calls come free" if free is None else clock(free, wall)
    return WORDS[status.state].headline.format(since=clock(status.since, wall), free=until)


def clock(at: float, wall: float) -> str:
    """A moment for a person: `14:05 UTC`, with the day when it isn't that of `wall`; both in epoch seconds."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(wall, UTC)
    return moment.strftime("%H:%M UTC" if moment.date() == today.date() else "%H:%M UTC on %Y-%m-%d")


def lasting(seconds: float) -> str:
    """A length of time for a person, rounded down to two units: `42 s`, `5 min`, `3 h 20 min`, `24 h`, `2 d 4 h`."""
    whole = max(0, int(seconds))
    if whole >= 2 * _DAY:
        return _two(whole, (_DAY, "d"), (_HOUR, "h"))
    if whole >= _HOUR:
        return _two(whole, (_HOUR, "h"), (_MINUTE, "min"))
    return f"{whole // _MINUTE} min" if whole >= _MINUTE else f"{whole} s"


def _two(whole: int, big: tuple[int, str], small: tuple[int, str]) -> str:
    rest = whole % big[0] // small[0]
    return f"{whole // big[0]} {big[1]}" + (f" {rest} {small[1]}" if rest else "")
