"""Puts the service together: the one place that knows every part."""

from __future__ import annotations

import random
import socket
import sys
import time
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

import structlog

import consumer
from consumer.adapters import logs
from consumer.adapters.dead_letter import DeadLetterProducer
from consumer.adapters.dry_run import DryCalls, DryDeadLetters
from consumer.adapters.health import Heartbeat
from consumer.adapters.http_server import HttpServer, Sources
from consumer.adapters.kafka import KafkaSource, Subscription
from consumer.adapters.kafka_config import Connection
from consumer.adapters.kafka_lookup import Lookup
from consumer.adapters.ledger_topic import LedgerTopic
from consumer.adapters.metrics import Metrics
from consumer.adapters.profile_api import Endpoint, ProfileApi
from consumer.adapters.quota_ledger import NoLedger, QuotaLedger
from consumer.adapters.record_reader import RecordReader
from consumer.adapters.reporter import Names, Reporter, Windows
from consumer.adapters.retention import Retention
from consumer.adapters.schema_folder import read_schemas
from consumer.adapters.schema_registry import SchemaRegistry
from consumer.adapters.sender import Sender
from consumer.adapters.status import QuotaStatus, Snapshot, Status, StatusBoard
from consumer.adapters.status_page import About
from consumer.core.breaker import Breaker
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.lease import Terms
from consumer.core.mapping_file import SUFFIX, parse_mappings
from consumer.core.quota import Quota, Unlimited
from consumer.core.response_rules import ResponseRules
from consumer.core.shared_quota import SharedQuota
from consumer.core.state import State
from consumer.core.throttle import Throttle
from consumer.core.work import Limits
from consumer.errors import MappingsInvalid, Problem
from consumer.runner import Outside, Runner, Timing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from consumer.core.mapping import Mappings
    from consumer.runner import Calls, DeadLetterWriter, LedgerLink
    from consumer.settings import Settings

STALLED = 60.0
"""Seconds beyond the drain timeout after which a loop that does not turn is taken for dead."""

log = structlog.get_logger()


def serve(settings: Settings, stopping: Event, *, dry_run: bool) -> None:
    """Run the service until `stopping` is set.

    Raises:
        MappingsInvalid: The mapping files; every problem at once.
        LedgerInvalid: The topic of the quota ledger; every problem at once.
        Stopped: It stopped by itself.
    """
    logs.configure(settings.log.level, settings.log.format, sys.stdout)
    mappings = parse_mappings(read_schemas(settings.schemas), max_value_length=settings.target.max_value_length)
    _check_registry(settings, mappings)
    group = f"{settings.kafka.group_id}.dry-run" if dry_run else settings.kafka.group_id
    topics = _topics(settings, mappings)
    log.info("starting", version=consumer.__version__, group_id=group)
    for warning in (*settings.warnings, *_topic_warnings(topics, mappings)):
        log.warning("settings_warning", message=warning)
    log.info("mappings_loaded", mappings=mappings.names)
    with ExitStack() as running:
        windows = _windows(settings, mappings, group, running, dry_run=dry_run)
        connection = Connection(settings.kafka.bootstrap_servers, settings.kafka.properties)
        quota, ledger = _quota(settings, connection, group, dry_run=dry_run)
        engine = _engine(settings, mappings, quota)
        key = settings.log.identity_key
        hasher = logs.IdentityHasher(key.get_secret_value() if key else None)
        calls, dead_letters = (
            (DryCalls(hasher), DryDeadLetters(mappings.names))
            if dry_run
            else _outside(settings, mappings, connection, group)
        )
        reporter = Reporter(mappings, quota, windows, Names(group, hasher), Retention(Lookup(connection)))
        schemas = SchemaRegistry(settings.kafka.schema_registry_url or "", mappings.schemas)
        outside = Outside(calls, dead_letters, RecordReader(connection), schemas, ledger, reporter)
        subscription = Subscription(
            group,
            topics,
            settings.kafka.group_protocol,
            settings.kafka.start_from,
            settings.kafka.on_out_of_range,
        )
        timing = Timing(settings.delivery.commit_interval, settings.delivery.drain_timeout)
        runner = Runner(
            engine,
            # A group without commits makes a new ledger: so none is committed until that is done.
            lambda listener: KafkaSource(connection, subscription, listener, lambda: ledger.stands),
            outside,
            timing,
        )
        runner.run(stopping)


def _topics(settings: Settings, mappings: Mappings) -> tuple[str, ...]:
    """The topics to read; raises MappingsInvalid when we write to one of them."""
    topics = settings.kafka.topics or mappings.topics
    own = {settings.dead_letter.topic: "dead_letter.topic", settings.quota.topic: "quota.topic"}
    loops = [
        Problem(
            f"{mapping.name}{SUFFIX}", 0, 0, f'topics: "{topic}" is {own[topic]}: its records would come round again'
        )
        for mapping in mappings.all
        for topic in mapping.topics
        if topic in own and topic in topics
    ]
    if loops:
        raise MappingsInvalid(loops)
    return topics


def _topic_warnings(topics: tuple[str, ...], mappings: Mappings) -> Iterator[str]:
    """What `kafka.topics` leaves out, or names without need."""
    for topic in sorted(set(topics) - set(mappings.topics)):
        yield f"kafka.topics: no mapping is for {topic}, so that all its events are passed over as unmatched"
    for topic in sorted(set(mappings.topics) - set(topics)):
        yield f"kafka.topics: {topic} is not read, though a mapping is for it"


def _check_registry(settings: Settings, mappings: Mappings) -> None:
    if settings.kafka.schema_registry_url is None and mappings.framed:
        message = "format: registry needs the address of the registry: set kafka.schema_registry_url"
        raise MappingsInvalid([Problem(f"{name}{SUFFIX}", 0, 0, message) for name in mappings.framed])


def _windows(settings: Settings, mappings: Mappings, group: str, running: ExitStack, *, dry_run: bool) -> Windows:
    now = time.time()
    limit = settings.quota.limit
    first = Status(
        state=State.STARTING,
        since=now,
        version=consumer.__version__,
        calls={},
        quota=QuotaStatus(limit=limit, window_seconds=settings.quota.window),
    )
    board = StatusBoard(Snapshot(status=first))
    metrics = Metrics(board, mappings.topics)
    heartbeat = Heartbeat(settings.delivery.drain_timeout + STALLED, time.monotonic())
    about = About(group, settings.target.client, now, dry_run)
    server = HttpServer(settings.http.host, settings.http.port, Sources(about, board, heartbeat, metrics))
    running.callback(server.stop)
    log.info("http_server_started", host=settings.http.host, port=server.start())
    return Windows(metrics, board, heartbeat)


def _quota(settings: Settings, connection: Connection, group: str, *, dry_run: bool) -> tuple[Quota, LedgerLink]:
    """A dry run makes no calls, and none are counted."""
    if dry_run or not settings.quota.limit:
        return Unlimited(), NoLedger()
    limit, window, lease = settings.quota.limit, settings.quota.window, settings.quota.lease
    instance = f"{socket.gethostname()}.{uuid.uuid4().hex[:8]}"  # two with one name would count as one
    quota = SharedQuota(Terms.of(limit, window, lease, settings.target.timeout), instance, random.random)
    return quota, QuotaLedger(connection, LedgerTopic(settings.quota.topic, window), group, quota)


def _engine(settings: Settings, mappings: Mappings, quota: Quota) -> Engine:
    delivery, dead_letter = settings.delivery, settings.dead_letter
    limits = Limits(
        delivery.max_pending_bytes,
        delivery.max_pending_events,
        delivery.linger,
        delivery.retry_base,
        delivery.retry_max,
        delivery.give_up_after,
        dead_letter.max_consecutive,
        dead_letter.max_ratio,
    )
    gate = Gate(delivery.max_in_flight, quota, Throttle(delivery.retry_max), Breaker())
    return Engine(mappings.map, mappings.hash, limits, gate, random.random)


def _outside(
    settings: Settings, mappings: Mappings, connection: Connection, group: str
) -> tuple[Calls, DeadLetterWriter]:
    target = settings.target
    endpoint = Endpoint(target.url, target.timeout, target.method, target.token_file, target.token_header)
    api = ProfileApi(endpoint, ResponseRules(target.response_rules), settings.delivery.max_in_flight)
    dead_letters = DeadLetterProducer(
        connection,
        settings.dead_letter.topic,
        group,
        list(zip(mappings.names, mappings.hashes, strict=True)),
        settings.dead_letter_timeout,
    )
    return Sender(api, target.timeout), dead_letters
