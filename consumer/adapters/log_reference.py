"""The page `docs/logs.md`, made of the catalogue of log events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.adapters.log_events import EVENTS, FIELDS

if TYPE_CHECKING:
    from consumer.adapters.log_events import LogEvent


def render() -> str:
    """The text of `docs/logs.md`."""
    events = [
        f"| `{event.name}` | {event.level} | {_codes(event)} | {event.when} | {event.todo} |"
        for event in EVENTS.values()
    ]
    fields = [f"| `{name}` | {meaning} |" for name, meaning in sorted(FIELDS.items())]
    return "\n".join((_HEAD, *events, _MIDDLE, *fields, _TAIL))


def _codes(event: LogEvent) -> str:
    return ", ".join(f"`{name}`" for name in event.fields)


_HEAD = """# Logs

`run` logs to standard output, every other command to standard error. With `log.format: json` (or `auto` where
the output is no terminal) each line is one JSON object:

```json
{"timestamp":"2026-03-01T09:30:00.123456Z","level":"info","event":"partition_assigned","topic":"customer.loans","partition":3,"offset":4711}
```

`timestamp` is RFC 3339 in UTC, `event` is one of the names below, `level` is `debug`, `info`, `warning`, `error` or
`critical`. A change of state is logged once, and nothing that repeats is logged more often than once in 10 seconds for
each cause; `suppressed` then says how many were left out.

No line holds an identity, an attribute's value, a token or the body of an event. This page is generated from the code
(`make docs`).

## Events

| event | level | fields | when | what to do |
| --- | --- | --- | --- | --- |"""

_MIDDLE = """
## Fields

| field | meaning |
| --- | --- |"""

_TAIL = """
## Finding a visitor

`identity` is the beginning of a keyed hash (HMAC-SHA-256) of the identity as it stands in the request, keyed with
`log.identity_key`. Without that setting the key is random at each start, and hashes do not agree between replicas or
restarts. To find a customer whose id you know:

```sh
printf 'mbox3rdPartyId=c-1' | openssl dgst -sha256 -hmac "$KEY" | sed 's/.* //' | cut -c1-16
```
"""
