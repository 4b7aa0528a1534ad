"""The sections of the settings: every key, its default and its meaning.

Attribute names are the keys of the file, durations are seconds, sizes bytes. `docs/settings.md` is generated from these
classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_serializer, model_validator

from consumer.core.response_rules import OutcomeName, ResponseRule, compile_rule
from consumer.settings_checks import REFUSED_PROPERTIES
from consumer.settings_types import (
    BaseUrl,
    ClientCode,
    Count,
    Duration,
    Header,
    Properties,
    PropertyMap,
    Section,
    Share,
    Size,
    StartFrom,
    Statuses,
    Text,
    Topic,
    TopicPattern,
    Url,
    UrlPath,
    setting,
    without_password,
)


class KafkaSettings(Section):
    """Where events come from."""

    bootstrap_servers: str = setting(..., "brokers as `host:port`, separated by commas", shown="required")
    group_id: Text = setting("profile-consumer", "the consumer group")
    topics: tuple[Topic, ...] | None = setting(None, "topics to read, a list", shown="from the mappings", min_length=1)
    group_protocol: Literal["classic", "consumer"] = setting(
        "classic",
        "`classic` (cooperative-sticky unless `kafka.properties` says otherwise) or `consumer` (the broker assigns)",
    )
    properties: PropertyMap = setting(
        {},
        "a map passed to every librdkafka client, such as `security.protocol`; a single one can be set by a variable "
        "that ends in its name with `_` for `.`, such as `PROFILE_CONSUMER_KAFKA__PROPERTIES__SASL_PASSWORD`. Refused, "
        "because the guarantees rest on them: " + ", ".join(f"`{name}`" for name in REFUSED_PROPERTIES),
    )
    start_from: StartFrom = setting(
        "earliest",
        "where to begin when no partition of a topic has a committed offset: `earliest`, `latest`, or a time such as "
        "`2026-03-01T09:30:00Z`; a partition that was added later is read from its beginning",
    )
    on_out_of_range: Literal["stop", "earliest", "latest"] = setting(
        "stop",
        "when the committed offset has left the topic: `stop` (exit 4, the offset is kept), or go on at `earliest` or "
        "`latest`",
    )
    schema_registry_url: Url | None = setting(
        None,
        "for `format: registry`: the address of the registry's Confluent API, with user and password if it wants them",
        shown="none",
        repr=False,
    )

    @property
    def max_poll_interval(self) -> float:
        """Seconds without a poll after which the group takes the partitions away (librdkafka's default: 300)."""
        return (self.milliseconds("max.poll.interval.ms") or 300_000) / 1000

    @property
    def session_timeout(self) -> float:
        """Seconds without a heartbeat after which the group takes the partitions away (librdkafka's default: 45)."""
        return (self.milliseconds("session.timeout.ms") or 45_000) / 1000

    def milliseconds(self, *names: str) -> int | None:
        """A property that is a time, by the first of its names that is set; None when none is, or it is no number."""
        text = next((self.properties[name] for name in names if name in self.properties), "")
        return int(text) if text.isdecimal() else None

    @field_serializer("properties")
    def _masked(self, properties: Properties) -> dict[str, str]:
        return properties.masked()

    @field_serializer("schema_registry_url")
    def _without_password(self, url: str | None) -> str | None:
        return without_password(url) if url else None


class ResponseSettings(Section):
    """One rule of `target.responses`."""

    status: Statuses
    body: Text | None = None
    outcome: OutcomeName

    @model_validator(mode="after")
    def _makes_sense(self) -> ResponseSettings:
        compile_rule(self.rule)
        return self

    @property
    def rule(self) -> ResponseRule:
        """The rule as the core takes it."""
        return ResponseRule(status=self.status, outcome=self.outcome, body=self.body)


class TargetSettings(Section):
    """Adobe Target's Single Profile Update API (page "profile-single-api")."""

    client: ClientCode = setting(..., "the client code of the account", shown="required")
    base_url: BaseUrl = setting("https://{client}.tt.omtrdc.net", "where the API is; `{client}` is replaced")
    path: UrlPath = setting("/m2/{client}/profile/update", "the path of the API; `{client}` is replaced")
    token_file: Path | None = setting(
        None,
        "file with the profile authentication token, sent as `Bearer TOKEN`; read again when it changes or a call is "
        "refused",
        shown="none",
    )
    token_header: Header = setting("Authorization", "the header that carries the token")
    method: Literal["POST", "GET"] = setting(
        "POST", "`GET` puts personal data into URLs, and falls back to `POST` over 8,192 bytes"
    )
    timeout: Duration = setting("10s", "the total time of one call, however slowly bytes drip", gt=0)
    max_value_length: Count = setting(
        "256", "characters of an attribute's value; longer is rejected unless the mapping truncates", gt=0
    )
    responses: tuple[ResponseSettings, ...] = setting(
        (),
        'rules tried before the built-in ones, in order: `{status: 200 or "5xx" or [400, 422], body: REGEX, outcome: '
        "delivered, throttled, transient, refused or misconfigured}`; a rule that can match 2xx must name a body",
        shown="`[]`",
    )

    @property
    def url(self) -> str:
        """The whole address of the API."""
        return self.base_url + self.path

    @property
    def response_rules(self) -> tuple[ResponseRule, ...]:
        """`responses` as the core takes them."""
        return tuple(response.rule for response in self.responses)


class DeliverySettings(Section):
    """How much at once, and how long."""

    max_in_flight: Count = setting("64", "calls at once", gt=0)
    max_pending_bytes: Size = setting(
        "64MiB", "memory for pending updates; past it partitions pause, and resume at 80 %", gt=0
    )
    max_pending_events: Count = setting("5000000", "the same for the number of events", gt=0)
    linger: Duration = setting(
        "0s", "least age of an identity's oldest pending event before it is sent; later events merge, which saves calls"
    )
    commit_interval: Duration = setting("1s", "how often offsets are committed", gt=0)
    drain_timeout: Duration = setting(
        "25s",
        "time to finish what is in flight at a stop or a rebalance; at least `target.timeout` + 2s, at most "
        "`max.poll.interval.ms` - 10s",
        gt=0,
    )
    retry_base: Duration = setting("500ms", "longest wait before the first retry; doubles with each", gt=0)
    retry_max: Duration = setting("5m", "longest wait before any retry, also for `Retry-After`", gt=0)
    give_up_after: Duration = setting(
        "24h",
        "a record that kept failing this long, counted only while other calls are delivered, is dead-lettered; `0s`: "
        "never. A warning comes when an event has waited for half of its topic's retention",
    )


class QuotaSettings(Section):
    """The calls that all replicas together may make."""

    limit: Count = setting("1000000", "calls in any rolling window; `0` switches the quota off")
    window: Duration = setting("24h", "length of the window", gt=0)
    lease: Duration = setting("60s", "life of a lease of calls; a longer one than window ÷ 60 is cut to that", gt=0)
    topic: TopicPattern = setting("profile-consumer.quota.{client}", "the ledger that all replicas share")


class DeadLetterSettings(Section):
    """Where rejected records go, and how many are too many."""

    topic: TopicPattern = setting("{group_id}.dead-letters", "created if missing, with the broker's defaults")
    max_consecutive: Count = setting(
        "100", "dead letters in a row, per partition; the next one is not written, and the service stops (exit 4)"
    )
    max_ratio: Share = setting("0.5", "share of dead letters among the last 1,000 records that stops the service")


class HttpSettings(Section):
    """The status page, health checks and metrics."""

    host: Text = setting("0.0.0.0", "address to listen on")  # noqa: S104 - probes and Prometheus come from outside
    port: Count = setting("8080", "port to listen on; `0` takes a free one", le=65535)


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "`debug`, `info`, `warning` or `error`")
    format: Literal["auto", "json", "console"] = setting(
        "auto", "`json`, `console`, or `auto` (`console` on a terminal, else `json`)"
    )
    identity_key: SecretStr | None = setting(
        None,
        "secret that keys the hash of identities, so that hashes agree across replicas and restarts",
        shown="random at each start",
    )
