"""The members of a run: processes of the service that are started, stopped, frozen and killed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import httpx

from tests.chaos.ledger import SLOTS
from tests.end_to_end.service import Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.plan import Plan

MAPPING = """\
version: 1
topics: [{topic}]
where: {{event.type: visit}}
identity: {{mbox3rdPartyId: event.customer}}
attributes:
  latest: {{from: event.number}}
  flaw: {{from: event.flaw}}
"""

SETTINGS = {
    "target__client": "demo",
    "target__timeout": "2s",
    "quota__limit": 0,
    "dead_letter__max_consecutive": 100_000,
    "dead_letter__max_ratio": 1,
    "delivery__max_in_flight": 8,
    "delivery__commit_interval": "200ms",
    "delivery__drain_timeout": "4s",
    "delivery__retry_base": "100ms",
    "delivery__retry_max": "1s",
}


def write_mapping(folder: Path, topic: str) -> Path:
    """The folder of the one mapping that all members have."""
    schemas = folder / "schemas"
    schemas.mkdir(exist_ok=True)
    slots = "".join(f"  e{slot}: {{from: event.e{slot}}}\n" for slot in range(SLOTS))
    (schemas / "visit.mapping.yaml").write_text(MAPPING.format(topic=topic) + slots)
    return schemas


def group_settings(plan: Plan, number: int) -> dict[str, Any]:
    """How a member is in its group."""
    properties = {"reconnect.backoff.max.ms": "500"}
    if plan.protocol != "consumer":
        properties |= {"session.timeout.ms": "3000", "heartbeat.interval.ms": "500"}
    if plan.protocol == "eager":
        properties["partition.assignment.strategy"] = "range"
    if plan.static:
        properties["group.instance.id"] = f"member-{number}"
    protocol = "consumer" if plan.protocol == "consumer" else "classic"
    return {"kafka__group_protocol": protocol, "kafka__properties": properties}


class Member(Service):
    """One process of the group."""

    def __init__(self, folder: Path, plan: Plan, plant: str, number: int) -> None:
        super().__init__(folder, **SETTINGS, **group_settings(plan, number))
        self.program = ("-m", "tests.chaos.member", str(plan.metadata_limit), plant)
        self.expected: set[int] = {0}
        self.frozen_since: float | None = None

    def configure(self, settings: dict[str, Any]) -> None:
        """What is known only once the others run."""
        self._settings |= settings

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self.process.send_signal(number)

    def ask_to_stop(self) -> None:
        """SIGTERM. Before it has said that it starts, it can't do more than end."""
        if self.running:
            if len(self.logs("starting")) < self._starts:
                self.expected |= {-signal.SIGTERM}
            self.signal(signal.SIGTERM)

    @property
    def ended_badly(self) -> bool:
        """Whether it ended in a way that nobody asked for."""
        return self._process is not None and not self.running and self.process.returncode not in self.expected

    def told(self) -> str:
        """What its status says of partitions that are not at rest."""
        if not self.running:
            return "not running"
        try:
            status = self.status()
        except (httpx.HTTPError, AssertionError) as error:
            return f"no status: {type(error).__name__}"
        busy = [each for each in status["partitions"] if each["state"] != "idle"]
        shown = [f"{each['partition']}: {each['state']}, pending {each['pending']}, {each['reason']}" for each in busy]
        return f"{status['state']}; " + ("; ".join(shown) or "all of its partitions are idle")
