"""The catalogue of log events.

Whoever logs an event enters it here. A test holds the code to it: name, level and fields.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error", "critical"]


class LogEvent(NamedTuple):
    """One event: what it is called, at which level, with which fields, when it is logged and what to do then."""

    name: str
    level: Level
    fields: tuple[str, ...]
    when: str
    todo: str = "Nothing."


FIELDS = {
    "attributes": "names of profile attributes; never their values",
    "before": "the state that was left",
    "calls": "number of calls",
    "calls_per_second": "the pace",
    "client": "name of the Kafka client within the process",
    "error": "a fixed word or an error's name; never a text that may hold data",
    "events": "number of events",
    "exception": "types of the exceptions and where they were raised; no messages of libraries, no variables",
    "facility": "the part of librdkafka that speaks",
    "group_id": "the consumer group",
    "host": "address that is listened on",
    "http_status": "Target's last answer",
    "identity": "keyed hash of the visitor's identity",
    "limit": "calls allowed in the quota's window",
    "logger": "the library's logger",
    "mapping": "the mapping file's name without `.mapping.yaml`",
    "mappings": "names of the mapping files",
    "message": "text without data of events",
    "next_free_at": "when the next calls come free, RFC 3339 UTC",
    "offset": "offset in the partition",
    "partition": "partition number",
    "partitions": "number of partitions",
    "place": "`file:line` in the library's code",
    "port": "port that is listened on",
    "reason": "why, a fixed word or words",
    "retention_seconds": "after this time Kafka deletes records of the topic",
    "seconds": "how long it took",
    "setting": "the key in the settings",
    "stage": "decode, validate, map or send",
    "state": "the state that was entered",
    "suppressed": "how many more of the same were left out since the last one",
    "topic": "topic",
    "used_percent": "share of the quota that is used, in percent",
    "version": "version of profile-consumer",
    "wait_seconds": "how long it will wait",
}
"""What a field means, wherever it occurs; a unit is part of its name."""

_EVENTS = (
    LogEvent("starting", "info", ("version", "group_id"), "The process begins, settings and mappings are valid."),
    LogEvent(
        "settings_warning", "warning", ("setting", "message"), "A setting is allowed but seldom meant.", "Read it."
    ),
    LogEvent("mappings_loaded", "info", ("mappings",), "The mapping files are read and checked."),
    LogEvent("http_server_started", "info", ("host", "port"), "Probes, metrics and the status page are served."),
    LogEvent("started", "info", ("group_id",), "The group gave its partitions, or said that there are none to give."),
    LogEvent(
        "stood_still",
        "warning",
        ("seconds", "suppressed"),
        "The process stood still (frozen, suspended, or without CPU). No call leaves until Kafka has said that it is"
        " still a member of the group, which takes a moment.",
        "If it recurs: look for long pauses of the pod, and at its CPU limit.",
    ),
    LogEvent("stopping", "info", ("reason",), "A signal asked to stop; calls in flight are waited for."),
    LogEvent("stopped", "info", ("seconds",), "A clean end: nothing answered is repeated at the next start."),
    LogEvent(
        "stopped_by_itself",
        "error",
        ("reason",),
        "It refuses to go on (exit 4) and holds its offsets, so that nothing is lost.",
        "Do what the reason says, then start again.",
    ),
    LogEvent(
        "crashed",
        "critical",
        ("message", "exception"),
        "A fault in the program itself, in `run` or another command (exit 1). Offsets are held: a restart repeats only"
        " what was not committed.",
        "Report it with this line.",
    ),
    LogEvent("partition_assigned", "info", ("topic", "partition", "offset"), "The group gave a partition."),
    LogEvent(
        "draining",
        "info",
        ("partitions", "calls"),
        "The group asks for partitions; the calls in flight are waited for, and nothing new is sent meanwhile.",
    ),
    LogEvent("partition_revoked", "info", ("topic", "partition", "seconds"), "A partition was handed over, drained."),
    LogEvent(
        "partition_lost",
        "warning",
        ("topic", "partition"),
        "The group took a partition without asking; its uncommitted events are repeated elsewhere.",
        "If it recurs: look for long pauses of the pod or the network, compare `session.timeout.ms`.",
    ),
    LogEvent(
        "drain_timed_out",
        "warning",
        ("topic", "partition", "calls", "events"),
        "A partition was handed over with calls unanswered; they are repeated by its next owner.",
        "If it recurs, raise `delivery.drain_timeout`.",
    ),
    LogEvent(
        "state_changed",
        "info",
        ("topic", "partition", "state", "before", "reason"),
        "A partition shows another state.",
        "The state's name says whether it waits; see operations.md.",
    ),
    LogEvent(
        "kafka_unreachable",
        "warning",
        ("error", "message", "suppressed"),
        "No broker answers, or Kafka refuses requests.",
        "Check `kafka.bootstrap_servers`, the network and the brokers. It goes on by itself.",
    ),
    LogEvent("kafka_reachable", "info", ("seconds",), "Kafka serves again."),
    LogEvent(
        "kafka_refuses_credentials",
        "error",
        ("error", "message", "suppressed"),
        "Kafka refuses who we are or what we may do.",
        "Correct the credentials in `kafka.properties` or the ACLs.",
    ),
    LogEvent(
        "topic_missing",
        "warning",
        ("topic", "suppressed"),
        "A topic to be read does not exist, or its ACL hides it.",
        "Create it, or correct the mapping's `topics`.",
    ),
    LogEvent("topic_found", "info", ("topic",), "A topic that was missing is there."),
    LogEvent(
        "start_position_committed",
        "info",
        ("topic", "partition", "offset"),
        "The first start on a topic: the start of all its partitions was committed before the first record.",
    ),
    LogEvent(
        "offset_out_of_range",
        "error",
        ("topic", "partition", "offset", "reason"),
        "The committed offset is no longer in the topic: events were deleted before they were read.",
        "Decide by `kafka.on_out_of_range`; compare the lag with the topic's retention.",
    ),
    LogEvent(
        "retention_near",
        "warning",
        ("topic", "partition", "offset", "retention_seconds"),
        "The oldest event that is not resolved has waited for half of its topic's retention; at its end Kafka deletes"
        " it. Told every ten minutes.",
        "Cure what the partition waits for (its state says what), and raise the topic's retention meanwhile.",
    ),
    LogEvent("committed", "debug", ("topic", "partition", "offset"), "Kafka has taken an offset."),
    LogEvent(
        "commit_failed",
        "warning",
        ("error", "suppressed"),
        "Kafka refused a commit, which is tried again; after a crash a few more events would be repeated.",
        "If it lasts, look at the brokers and the ACL of the group.",
    ),
    LogEvent(
        "librdkafka",
        "warning",
        ("facility", "client", "message", "suppressed"),
        "The Kafka library reports a connection or a request that failed; it tries again by itself.",
        "Only if Kafka stays out of reach.",
    ),
    LogEvent(
        "library_logged",
        "warning",
        ("logger", "message", "place", "exception", "suppressed"),
        "Another library logged a warning; its text without whatever may be data.",
        "Only if something fails.",
    ),
    LogEvent("delivered", "debug", ("identity", "events", "seconds"), "Target accepted an update."),
    LogEvent(
        "target_refuses_credentials",
        "error",
        ("reason", "http_status"),
        "Target refuses the token, or the address or its certificate is wrong. All waits, no event is put aside.",
        "Renew the token in `target.token_file`; check `target.client` and `target.base_url`. It goes on by itself.",
    ),
    LogEvent("target_accepts_again", "info", ("seconds",), "Target accepts calls again."),
    LogEvent("throttled", "warning", ("wait_seconds", "http_status"), "Target wants fewer calls; the rate is learned."),
    LogEvent("throttle_lifted", "info", ("seconds",), "Calls go out again; the rate that Target accepts is learned."),
    LogEvent(
        "breaker_opened",
        "warning",
        ("wait_seconds", "reason"),
        "Too many calls failed; one at a time is tried until one succeeds.",
        "Look whether Target is up.",
    ),
    LogEvent("breaker_closed", "info", ("seconds",), "A trial call succeeded; all calls go out again."),
    LogEvent(
        "quota_ledger_opened",
        "info",
        ("topic", "calls"),
        "The quota ledger is there and read; `calls` of the window are used.",
    ),
    LogEvent(
        "quota_ledger_unavailable",
        "warning",
        ("topic", "error", "message", "suppressed"),
        "The quota ledger cannot be read or written. Without it no call is made once the lease is over.",
        "Do what the message says; see quota.md. It goes on by itself.",
    ),
    LogEvent(
        "quota_used",
        "warning",
        ("used_percent", "calls", "limit"),
        "80 or 95 percent of the quota are used.",
        "See quota.md on sizing; while less than half is left, calls are paced if need be.",
    ),
    LogEvent(
        "quota_blocked",
        "warning",
        ("calls", "limit", "next_free_at", "suppressed"),
        "No call is free; events wait, and those of the same visitor merge.",
        "See quota.md. It goes on by itself.",
    ),
    LogEvent("quota_free", "info", ("seconds", "suppressed"), "Calls have come free after so long."),
    LogEvent(
        "paced",
        "info",
        ("calls_per_second", "calls", "limit"),
        "More visitors change than the quota has calls for, so calls are spread over the window.",
        "Nothing, or see quota.md on sizing.",
    ),
    LogEvent("pace_lifted", "info", ("seconds",), "Calls are no longer delayed by the quota."),
    LogEvent(
        "quota_booked_again",
        "warning",
        ("calls",),
        "Calls ended later than their lease allows (the process stood still), and were counted once more.",
        "If it recurs: look for long pauses of the pod.",
    ),
    LogEvent(
        "sender_loop_failed",
        "error",
        ("error",),
        "The event loop that calls Target met an error outside a call; the calls themselves go on.",
        "Report it with this line.",
    ),
    LogEvent(
        "dead_lettered",
        "warning",
        ("topic", "partition", "offset", "stage", "reason", "mapping", "message"),
        "An event cannot be delivered and lies in the dead-letter topic.",
        "Correct the mapping or the producer, then `profile-consumer replay`.",
    ),
    LogEvent(
        "dead_letter_blocked",
        "error",
        ("topic", "partition", "error", "suppressed"),
        "The dead-letter topic cannot be written; the partition holds its offset and waits.",
        "Create `dead_letter.topic` or correct its ACL. It goes on by itself.",
    ),
    LogEvent("would_send", "info", ("identity", "attributes"), "Dry run: a call that would be made."),
    LogEvent(
        "would_dead_letter",
        "warning",
        ("topic", "partition", "offset", "stage", "reason", "mapping", "message"),
        "Dry run: an event that would be dead-lettered.",
        "Correct the mapping or the producer.",
    ),
)

EVENTS = {event.name: event for event in _EVENTS}
"""The catalogue by name."""
