"""The story that the demo tells: produce, run, disturb, produce more, watch, stop, judge."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.live import Live

from consumer.adapters.schema_folder import read_schemas, shipped_schemas
from consumer.core.mapping_file import parse_mappings
from consumer.core.profile import ProfileUpdate
from consumer.core.record import Record
from consumer.simulator.broker import EmbeddedBroker
from consumer.simulator.demo_service import DemoService
from consumer.simulator.demo_view import live_view, plain_line, summary
from consumer.simulator.judge import Event
from consumer.simulator.sample_events import TOPICS, bad_events, sample_events
from consumer.simulator.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from consumer.simulator.judge import Verdict
    from consumer.simulator.sample_events import Sample

EVENTS = 3000
CUSTOMERS = 400
BURST_AT = 60
"""Accepted calls after which Target fails for a while."""
BURST = {"status": 503, "seconds": "1500ms", "headers": {"Retry-After": "1"}}
LONGEST = 60.0
"""Seconds after which the demo gives up waiting."""


class Seen(NamedTuple):
    """What can be seen at one moment: counts since the start, and the service's state in a word."""

    state: str
    produced: int
    read: int
    delivered: int
    dead_lettered: int
    calls: int
    retried: int
    lag: int
    seconds: float


class Result(NamedTuple):
    """The end of the story; `before` and `after` are the attributes of one customer's profile.

    `missing` counts events that are neither delivered nor dead letters; `last_words` is the end of the service's log.
    """

    seen: Seen
    verdict: Verdict
    exit_code: int
    missing: int
    customer: str
    before: dict[str, str]
    after: dict[str, str]
    last_words: str

    @property
    def sound(self) -> bool:
        """Whether nothing was lost or stale, and the service stopped in order."""
        return self.verdict.sound and not self.missing and self.exit_code == 0


class Demo:
    """Runs the story once, and shows it on a console: live on a terminal, in plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._bad = bad_events()
        self._good = list(sample_events(random.Random(7), EVENTS, CUSTOMERS, time.time() - EVENTS - 60))  # noqa: S311
        self._customer = self._good[0].customer or ""
        self._before: dict[str, str] = {}

    def run(self) -> bool:
        """Tell it; whether all went well."""
        self._console.print(
            f"{EVENTS} events of {CUSTOMERS} customers, and {len(self._bad)} broken ones, go into an embedded Kafka "
            "broker.\nThe real service brings them to a simulated Adobe Target, which fails for a while.\n",
            soft_wrap=True,
        )
        with (
            EmbeddedBroker() as broker,
            Target({"latency": "20ms"}) as target,
            tempfile.TemporaryDirectory(prefix="profile-consumer-demo-") as folder,
        ):
            broker.create(*TOPICS)
            half = len(self._good) // 2
            self._produce(broker, self._good[:half] + self._bad)
            with DemoService(Path(folder), broker.bootstrap, target.url) as service:
                self._watch(service, target, lambda: self._produce(broker, self._good[half:]))
                seen, exit_code = self._look(service, target), service.stop()
                result = self._judge(target, seen, exit_code, service.last_words())
        self._console.print(summary(result))
        return result.sound

    @staticmethod
    def _produce(broker: EmbeddedBroker, samples: list[Sample]) -> None:
        for topic in TOPICS:
            chosen = [sample for sample in samples if sample.topic == topic]
            broker.produce(topic, [(each.customer.encode() if each.customer else None, each.value) for each in chosen])

    def _watch(self, service: DemoService, target: Target, produce_the_rest: Callable[[], None]) -> None:
        disturbed = False
        told = -1.0
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                seen = self._look(service, target)
                if not disturbed and seen.calls >= BURST_AT:
                    disturbed = True
                    self._remember(target)
                    target.control.patch(faults=[BURST])
                    produce_the_rest()
                done = seen.delivered + seen.dead_lettered >= seen.produced and seen.lag == 0
                end = done or seen.seconds > LONGEST or not service.running
                if self._console.is_terminal:
                    live.update(live_view(seen), refresh=True)
                elif end or seen.seconds - told >= 1.0:
                    told = seen.seconds
                    self._console.print(plain_line(seen), soft_wrap=True)
                if end:
                    return
                time.sleep(0.1)

    def _remember(self, target: Target) -> None:
        """Choose the customer of whom most is known by now, to be shown now and at the end."""
        profiles = {sample.customer: self._profile(target, sample.customer) for sample in self._good if sample.customer}
        self._customer, self._before = max(profiles.items(), key=lambda item: len(item[1]))

    @staticmethod
    def _profile(target: Target, customer: str) -> dict[str, str]:
        return target.profile(f"mbox3rdPartyId={customer}")

    def _look(self, service: DemoService, target: Target) -> Seen:
        status = service.status()
        records = [mapping["records"] for mapping in status.get("mappings", [])]
        unmapped = service.dead_lettered_unmapped()
        partitions: list[dict[str, Any]] = status.get("partitions", [])
        lags = [partition["lag"] for partition in partitions]
        statuses = target.control.summary()["by_status"]
        return Seen(
            state=status.get("state", "starting"),
            produced=len(self._good) + len(self._bad),
            read=sum(partition["position"] or 0 for partition in partitions),
            delivered=sum(each.get("delivered", 0) for each in records),
            dead_lettered=sum(each.get("dead_lettered", 0) for each in records) + unmapped,
            calls=statuses.get("200", 0),
            retried=sum(count for code, count in statuses.items() if code != "200"),
            lag=sum(lags) if lags and None not in lags else -1,
            seconds=time.monotonic() - self._begun,
        )

    def _judge(self, target: Target, seen: Seen, exit_code: int, last_words: str) -> Result:
        mappings = parse_mappings(read_schemas(shipped_schemas()))
        events = []
        for sample in self._good:
            now = int(time.time() * 1000)
            update = mappings.map(Record(sample.topic, 0, 0, now, None, sample.value))
            if isinstance(update, ProfileUpdate):
                events.append(Event(f"{update.identity.kind}={update.identity.value}", update.attributes))
        return Result(
            seen=seen,
            verdict=target.judge(events),
            exit_code=exit_code,
            missing=seen.produced - seen.delivered - seen.dead_lettered + (len(self._good) - len(events)),
            customer=self._customer,
            before=self._before,
            after=self._profile(target, self._customer),
            last_words=last_words,
        )
