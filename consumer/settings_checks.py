"""What single values can't show: settings that contradict each other, and properties that would break a guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.settings_types import is_topic
from consumer.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.settings import Settings
    from consumer.settings_sections import KafkaSettings
    from consumer.settings_source import Key

REFUSED_PROPERTIES: Final = {
    "bootstrap.servers": "write kafka.bootstrap_servers instead",
    "group.id": "write kafka.group_id instead",
    "group.protocol": "write kafka.group_protocol instead",
    "enable.auto.commit": "an offset is committed only when every record below it is resolved; remove it",
    "enable.auto.offset.store": "an offset is committed only when every record below it is resolved; remove it",
    "auto.offset.reset": "it could skip events in silence; write kafka.start_from and kafka.on_out_of_range instead",
}
"""Properties that can't be set, and what to do instead."""

_ALIASES: Final = {"metadata.broker.list": "bootstrap.servers", "request.required.acks": "acks"}
_LEFT_TO_THE_BROKER: Final = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")
_MILLISECONDS: Final = ("max.poll.interval.ms", "session.timeout.ms", "message.timeout.ms", "delivery.timeout.ms")
_SAFE_VALUES: Final = {"acks": {"all", "-1"}, "enable.idempotence": {"true"}}

_CALL_MARGIN: Final = 2.0  # seconds to resolve and commit after the last call of a drain
_POLL_MARGIN: Final = 10.0  # seconds to hand the partitions over after a drain
_LONGEST_LIFE: Final = 24 * 3600.0  # what a reader of the ledger allows for a writer's lease and call


class Finding(NamedTuple):
    """One contradiction: what is wrong and what to do, the key it is reported at, and the other keys it rests on."""

    message: str
    key: Key
    others: tuple[Key, ...] = ()


def findings(settings: Settings) -> Iterator[Finding]:
    """Every contradiction."""
    yield from _properties(settings.kafka)
    yield from _deadlines(settings)
    yield from _topics(settings)


def warnings(settings: Settings) -> Iterator[str]:
    """What is allowed, but worth a look. `quota.lease` is the one written, not yet cut."""
    timeout, session = settings.target.timeout, settings.kafka.session_timeout
    if timeout >= session:
        yield (
            f"target.timeout ({format_duration(timeout)}) is not below Kafka's session timeout "
            f"({format_duration(session)}): after a crash another member may start before the last call has ended"
        )
    if settings.target.method == "GET":
        yield "target.method: GET puts personal data into URLs, which proxies and access logs keep; POST does not"
    longest = settings.quota.window / 60
    if settings.quota.limit and settings.quota.lease > longest:
        yield (
            f"quota.lease ({format_duration(settings.quota.lease)}) is cut to quota.window ÷ 60 "
            f"({format_duration(longest)})"
        )
    slack = min(settings.quota.lease, longest) + timeout
    if settings.quota.limit and slack > settings.quota.window / 20:
        yield (
            f"quota.lease + target.timeout ({format_duration(slack)}) is more than a twentieth of quota.window "
            f"({format_duration(settings.quota.window)}): calls count so much longer than the window, and that share "
            "of the quota is not used"
        )


def _properties(kafka: KafkaSettings) -> Iterator[Finding]:
    for name, value in kafka.properties.items():
        key = ("kafka", "properties", name)
        meant = _ALIASES.get(name, name)
        if meant in REFUSED_PROPERTIES:
            yield Finding(f"can't be set: {REFUSED_PROPERTIES[meant]}", key)
        elif name in _LEFT_TO_THE_BROKER and kafka.group_protocol == "consumer":
            yield Finding("can't be set with kafka.group_protocol: consumer, where the broker decides; remove it", key)
        elif name in _MILLISECONDS and not value.isdecimal():
            yield Finding(f'expected a whole number of milliseconds, found "{value}"', key)
        elif value not in _SAFE_VALUES.get(meant, {value}):
            yield Finding("would call a dead letter written before all replicas have it, and lose it; remove it", key)


def _deadlines(settings: Settings) -> Iterator[Finding]:
    drain, timeout = ("delivery", "drain_timeout"), ("target", "timeout")
    properties = ("kafka", "properties")
    shortest = settings.target.timeout + _CALL_MARGIN
    if settings.delivery.drain_timeout < shortest:
        yield Finding(
            f"expected at least target.timeout + 2s = {format_duration(shortest)}, so that a call in flight can end "
            f"before its partition goes to another member; found {format_duration(settings.delivery.drain_timeout)}",
            drain,
            (timeout,),
        )
    longest = settings.kafka.max_poll_interval - _POLL_MARGIN
    if settings.delivery.drain_timeout > longest:
        yield Finding(
            f"expected at most max.poll.interval.ms - 10s = {format_duration(max(longest, 0))}, because the group "
            "takes the partitions of a member that does not poll; "
            f"found {format_duration(settings.delivery.drain_timeout)}; "
            "lower it, or raise max.poll.interval.ms in kafka.properties",
            drain,
            (properties,),
        )
    if not 0 < settings.dead_letter_timeout <= settings.delivery.drain_timeout:
        yield Finding(
            f"expected message.timeout.ms between 1 and delivery.drain_timeout "
            f"({format_duration(settings.delivery.drain_timeout)}), so that a drain knows what became of its dead "
            f"letters; found {format_duration(settings.dead_letter_timeout)}",
            properties,
            (drain,),
        )
    if settings.delivery.retry_base > settings.delivery.retry_max:
        yield Finding(
            f"expected at most delivery.retry_max ({format_duration(settings.delivery.retry_max)}), "
            f"found {format_duration(settings.delivery.retry_base)}",
            ("delivery", "retry_base"),
            (("delivery", "retry_max"),),
        )
    if settings.quota.lease + settings.target.timeout > _LONGEST_LIFE:
        yield Finding(
            f"expected quota.lease + target.timeout to be at most {format_duration(_LONGEST_LIFE)}",
            ("quota", "lease"),
            (timeout,),
        )


def _topics(settings: Settings) -> Iterator[Finding]:
    ours = {"dead_letter": settings.dead_letter.topic, "quota": settings.quota.topic}
    for section, topic in ours.items():
        key, others = (section, "topic"), (("kafka", "group_id"), ("target", "client"), ("kafka", "topics"))
        if not is_topic(topic):
            yield Finding(f'"{topic}" is no topic name; write one of letters, digits, dots, _ and -', key, others)
        if topic in (settings.kafka.topics or ()):
            yield Finding(f'"{topic}" is read as well (kafka.topics): its records would come round again', key, others)
    if ours["dead_letter"] == ours["quota"]:
        yield Finding("expected another topic than quota.topic", ("dead_letter", "topic"), (("quota", "topic"),))
