"""Real processes, a real broker and a simulated Target, to which a plan happens."""

from __future__ import annotations

import signal
import time
import uuid
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.simulator.target import Target
from tests.chaos import plants
from tests.chaos.ledger import SLOTS, Disruption, Entry, Fate, Happened, Letter, Observation, Verdict, judge
from tests.chaos.members import Member, write_mapping
from tests.chaos.plan import CUSTOMERS, PARTITIONS, TARGET_FAULTS, UNKNOWN_OUTCOMES
from tests.end_to_end.load import refuse_all
from tests.kafka import KafkaCluster
from tests.stalls import Stalls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.plan import Action, Plan, Step
    from tests.kafka import Kafka

STUCK = 30.0
"""Seconds without any progress, once nothing is wrong any more, after which a run has failed."""

OBSERVE_EVERY = 0.15
ACTIVE = 12
"""Customers that have events at a time: each falls silent after a while, so that an old value is not soon healed."""

FLAW = {"setting": ["flaw"], "status": 400}
SESSION = {"cooperative": 3.0, "eager": 3.0, "consumer": 6.0}
"""Seconds without a heartbeat after which the group goes on without a member."""


class Failed(Exception):
    """A run that found something: in one line, and all that may help to understand it."""

    def __init__(self, what: str, *details: object) -> None:
        self.what = what
        super().__init__("\n".join([what, *map(str, details)]))


class World:
    """One run: `run` carries out the plan, heals everything, waits for the end, and judges."""

    def __init__(self, kafka: Kafka, folder: Path, plan: Plan, plant: str = plants.NONE) -> None:
        self._kafka = kafka
        self._plan = plan
        self._chance = Random(plan.seed + 1)  # noqa: S311  # repeatable chance, no secret
        self._topic = kafka.create_topic(PARTITIONS)
        self._dead = kafka.create_topic(1, message_timestamp_type="LogAppendTime")
        self._group = f"g-{uuid.uuid4().hex[:8]}"
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
        )
        self._entries: list[Entry] = []
        self._numbers = 0
        self._of_customer = [0] * CUSTOMERS
        self._observations: list[Observation] = []
        self._next_observation = 0.0
        self._disruptions: list[Disruption] = []
        self._stalls = Stalls()
        self._flawed = True
        self._paused_at: float | None = None
        self._target = Target({"latency": plan.latency, "faults": [FLAW]})
        self._members = [Member(folder, plan, plant, number) for number in range(3)]
        self._settings = {
            "kafka__bootstrap_servers": kafka.bootstrap,
            "kafka__group_id": self._group,
            "schemas": str(write_mapping(folder, self._topic)),
            "dead_letter__topic": self._dead,
        }

    # -- one run -------------------------------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """Everything; raises `Failed` with all that is wrong."""
        with self._target, self._stalls, ExitStack() as ending:
            for member in self._members:
                member.configure(self._settings | {"target__base_url": self._target.url})
                ending.callback(self._end, member)
            begun = time.monotonic()
            for step in self._plan.steps:
                self._wait_until(begun + step.at)
                self._do(step)
            self._heal()
            self._finish()
            verdict = judge(self._entries, self._happened())
        if verdict.faults:
            raise Failed(verdict.faults[0], f"{len(verdict.faults)} faults:", *verdict.faults[:20], self._plan)
        return verdict

    def _happened(self) -> Happened:
        calls = list(self._target.history)
        unclean = self._plan.unclean or bool(self._stalls.found)
        return Happened(calls, self._letters(), self._observations, self._disrupted(), unclean)

    def _disrupted(self) -> list[Disruption]:
        """By the plan, and by a machine that stood still."""
        longest = SESSION[self._plan.protocol] / 2
        return self._disruptions + [Disruption(*stall, lost=stall.seconds > longest) for stall in self._stalls.found]

    @staticmethod
    def _end(member: Member) -> None:
        member.signal(signal.SIGCONT)
        member.signal(signal.SIGKILL)
        if member._process is not None:
            member.process.wait()

    def _do(self, step: Step) -> None:
        actions: dict[Action, Callable[[], object]] = {
            "produce": lambda: self._produce(step.amount),
            "start": lambda: self._start(self._members[step.who]),
            "stop": self._members[step.who].ask_to_stop,
            "kill": lambda: self._kill(self._members[step.who]),
            "freeze": lambda: self._freeze(self._members[step.who]),
            "thaw": lambda: self._thaw(self._members[step.who]),
            "target": lambda: self._fail(step.name),
            "calm": self._set_faults,
            "cure": self._cure,
            "refuse_letters": lambda: refuse_all(self._kafka, self._dead),
            "take_letters": lambda: refuse_all(self._kafka, self._dead, refused=False),
            "kill_broker": self._kill_broker,
            "pause_broker": self._pause_broker,
            "resume_broker": self._resume_broker,
        }
        actions[step.action]()

    # -- members -------------------------------------------------------------------------------------------------------

    def _start(self, member: Member) -> None:
        if not member.running:
            self._check(member)
            member.expected = {0}
            member.start()

    def _kill(self, member: Member) -> None:
        if member.running:
            self._disrupt()
            member.expected = {0, -signal.SIGKILL}
            member.signal(signal.SIGKILL)
            member.process.wait()

    @staticmethod
    def _freeze(member: Member) -> None:
        if member.running:
            member.frozen_since = time.monotonic()
            member.signal(signal.SIGSTOP)

    # -- what fails ----------------------------------------------------------------------------------------------------

    def _fail(self, name: str) -> None:
        self._set_faults(TARGET_FAULTS[name])
        if name in UNKNOWN_OUTCOMES:
            self._disrupt(TARGET_FAULTS[name]["seconds"] + 2.0)

    def _cure(self) -> None:
        self._flawed = False
        self._set_faults()

    @property
    def _broker(self) -> KafkaCluster:
        assert isinstance(self._kafka, KafkaCluster), "not ours to hurt"
        return self._kafka

    def _kill_broker(self) -> None:
        begun = time.monotonic()
        self._broker.kill()
        self._broker.start()
        self._disruptions.append(Disruption(begun, time.monotonic() + 5.0))

    def _pause_broker(self) -> None:
        self._broker.pause()
        self._paused_at = time.monotonic()

    def _resume_broker(self) -> None:
        if self._paused_at is not None:
            self._broker.resume()
            self._disruptions.append(Disruption(self._paused_at, time.monotonic() + 5.0))
            self._paused_at = None

    def _thaw(self, member: Member) -> None:
        if member.frozen_since is None:
            return
        now = time.monotonic()
        lost = now - member.frozen_since > SESSION[self._plan.protocol] / 2
        self._disruptions.append(Disruption(member.frozen_since, now, lost))
        member.frozen_since = None
        member.signal(signal.SIGCONT)

    def _disrupt(self, seconds: float = 0.0) -> None:
        now = time.monotonic()
        self._disruptions.append(Disruption(now, now + seconds))

    def _set_faults(self, *faults: dict[str, Any]) -> None:
        self._target.control.patch(faults=[*([FLAW] if self._flawed else []), *faults])

    # -- events --------------------------------------------------------------------------------------------------------

    def _produce(self, amount: int) -> None:
        for _ in range(amount):
            number = self._numbers = self._numbers + 1
            customer = (number // 40 + self._chance.randrange(ACTIVE)) % CUSTOMERS
            slot = self._of_customer[customer] = (self._of_customer[customer] + 1) % SLOTS
            event = {"type": "visit", "customer": f"c{customer}", "number": number, f"e{slot}": number}
            fate: Fate = "delivered"
            draw = self._chance.random()
            if draw < self._plan.flaws:
                event["flaw"], fate = "x", "flawed"
            value: bytes | None = orjson.dumps(event)
            if draw > 0.98:
                value, fate = self._chance.choice(
                    ((None, "skipped"), (b'{"type": "other"}', "unmatched"), (b"\xff", "dead"))
                )
            self._put(value, customer, slot, number, fate)

    def _put(self, value: bytes | None, customer: int, slot: int, number: int, fate: Fate) -> None:
        def written(error: object, message: Any) -> None:
            if error is not None:
                raise AssertionError(f"an event could not be produced: {error}")
            self._entries.append(Entry(message.partition(), message.offset(), f"c{customer}", slot, number, fate))

        self._producer.produce(self._topic, value, partition=customer % PARTITIONS, on_delivery=written)

    def _letters(self) -> list[Letter]:
        quick = {"group.id": "look", "enable.partition.eof": True, "fetch.wait.max.ms": 10}
        consumer = Consumer({"bootstrap.servers": self._kafka.bootstrap, **quick})
        consumer.assign([KafkaPartition(self._dead, 0, 0)])
        letters = []
        while (message := consumer.poll(60.0)) is not None and message.error() is None:
            pairs: Any = message.headers()
            facts = dict(pairs)
            place = int(facts["dead-letter.partition"]), int(facts["dead-letter.offset"])
            letters.append(Letter(*place, message.timestamp()[1] / 1000))
        consumer.close()
        return letters

    # -- looking on ----------------------------------------------------------------------------------------------------

    def _wait_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._producer.poll(min(left, 0.02))
            self._observe()

    def _observe(self) -> Observation | None:
        """Look at what is committed, now and then; None when it was not time, or Kafka does not answer."""
        for member in self._members:
            self._check(member)
        now = time.monotonic()
        if now < self._next_observation or self._paused_at is not None:
            return None
        self._next_observation = now + OBSERVE_EVERY
        try:
            commits = self._kafka.committed(self._group, self._topic, PARTITIONS)
        except KafkaException:
            return None
        committed = {number: max(0, offset) for number, (offset, _) in enumerate(commits)}
        seen = Observation(time.time(), len(self._target.history), committed)
        self._observations.append(seen)
        return seen

    def _check(self, member: Member) -> None:
        if self._plan.static and any(each.lost for each in self._disrupted()):
            member.expected.add(4)  # the library may meet its own earlier self, see docs/reliability.md
        if member.ended_badly:
            last = member.log_file.read_text()[-3000:]
            raise Failed(f"a member ended with {member.process.returncode}", last, self._plan)

    # -- the end -------------------------------------------------------------------------------------------------------

    def _heal(self) -> None:
        self._resume_broker()
        for member in self._members:
            self._thaw(member)
        refuse_all(self._kafka, self._dead, refused=False)
        self._set_faults()
        self._produce(30)
        if not any(member.running for member in self._members):
            self._members[0].start()

    def _finish(self) -> None:
        """Wait until all is committed; what stops before is named."""
        assert self._producer.flush(60) == 0
        ends = [sum(entry.partition == number for entry in self._entries) for number in range(PARTITIONS)]
        progress: object = None
        since = time.monotonic()
        committed: dict[int, int] = {}
        while [committed.get(number, 0) for number in range(PARTITIONS)] != ends:
            seen = self._observe()
            if seen is not None:
                committed = dict(seen.committed)
                if (seen.calls, committed) != progress:
                    progress, since = (seen.calls, committed), time.monotonic()
            if not any(member.running for member in self._members):
                self._members[0].start()  # the last one was on its way out
            if time.monotonic() - since > STUCK:
                told = [f"member {number}: {each.told()}" for number, each in enumerate(self._members)]
                raise Failed(f"no progress for {STUCK:g} s: {committed} of {ends} committed", *told, self._plan)
            time.sleep(0.02)
        for member in self._members:
            member.ask_to_stop()
        self._wait_for(lambda: not any(member.running for member in self._members), "a member does not stop")
        for member in self._members:
            self._check(member)

    def _wait_for(self, happened: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + STUCK
        while not happened():
            if time.monotonic() > end:
                raise Failed(f"{what} within {STUCK:g} s", self._plan)
            time.sleep(0.02)
