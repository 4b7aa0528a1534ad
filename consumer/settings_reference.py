"""The page `docs/settings.md`, made of the settings' own definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.settings import Settings
from consumer.settings_checks import REFUSED_PROPERTIES
from consumer.settings_source import dotted, keys, variable

if TYPE_CHECKING:
    from consumer.settings_source import Key


def render() -> str:
    """The text of `docs/settings.md`."""
    rows = [_row(key) for key in keys(Settings)]
    refused = [f"| `{name}` | {advice} |" for name, advice in REFUSED_PROPERTIES.items()]
    return "\n".join((_HEAD, *rows, _MIDDLE, *refused, _TAIL))


def _row(key: Key) -> str:
    model: Any = Settings
    for part in key[:-1]:
        model = model.model_fields[part].annotation
    field = model.model_fields[key[-1]]
    extra = field.json_schema_extra
    default = extra["shown"] if extra else f"`{field.default}`"
    cells = (f"`{dotted(key)}`", default, field.description, f"`{variable(key)}`")
    return f"| {' | '.join(cells)} |"


_HEAD = """# Settings

One YAML file, named by `--config FILE` or by the variable `PROFILE_CONSUMER_CONFIG`, and variables of the environment,
which win over the file. Neither is needed for a key that has a default. This page is generated from the code
(`make docs`).

```yaml
# profile-consumer.yaml
kafka:
  bootstrap_servers: kafka-1:9092,kafka-2:9092
target:
  client: acme
  token_file: /etc/profile-consumer/token
delivery:
  linger: 30s
```

`profile-consumer check --config FILE` reports everything that is wrong with the settings, each problem with its place;
`run` does the same and exits with 3.

| key | default | meaning | variable |
| --- | --- | --- | --- |"""

_MIDDLE = """
## How values are written

- Durations: `500ms`, `10s`, `15m`, `24h`. Sizes: `512KiB`, `64MiB`, `1GiB`.
- A key without a value (`null` in the file) has its default. An empty text is an error.
- Paths are taken from the working directory.
- `{client}` and `{group_id}` are replaced by `target.client` and `kafka.group_id`.
- YAML's types do not matter: a value is read as it is written.
- Instead of a value, `{file: PATH}` takes it from a file, without the blanks around it, once at the start. So a secret
  need not be a variable: `sasl.password: {file: /etc/profile-consumer/secrets/kafka-password}`.

## Variables

- Levels are joined by `__`: `kafka.group_id` is `PROFILE_CONSUMER_KAFKA__GROUP_ID`. Capitals do not matter.
- A list or a map is JSON. A map is merged key by key over the file's, a list replaces it:
  `PROFILE_CONSUMER_KAFKA__PROPERTIES='{"security.protocol": "SASL_SSL"}'`. A whole section may be given as a map.
- One property of `kafka.properties` has a variable of its own, so that a password can come from a secret:
  `PROFILE_CONSUMER_KAFKA__PROPERTIES__SASL_PASSWORD` sets `sasl.password`.
- The more exact variable wins over the less exact.
- An unknown `PROFILE_CONSUMER_*` variable is an error, except those that Kubernetes makes for a Service whose name
  begins with `profile-consumer`.

## Deadlines

These are checked together at the start, so that every call ends before its partition goes to another member:

- `target.timeout` + 2s ≤ `delivery.drain_timeout`
- `delivery.drain_timeout` + 10s ≤ `max.poll.interval.ms` (300s unless `kafka.properties` says otherwise)
- `message.timeout.ms` of `kafka.properties`, if set, ≤ `delivery.drain_timeout`
- `target.timeout` < `session.timeout.ms` (45s unless `kafka.properties` says otherwise), else there is a warning

## Properties that can't be set

| property | instead |
| --- | --- |"""

_TAIL = """
With `kafka.group_protocol: consumer` the broker decides about `session.timeout.ms`, `heartbeat.interval.ms` and
`partition.assignment.strategy`; they can't be set then. `acks` and `enable.idempotence` can't be weakened: a dead
letter counts as written when all replicas have it.
"""
