# mypy: disable-error-code="arg-type"
# ruff: noqa: S311  # chance from a seed, not a secret
"""A small world with a ledger, brokers, pods and Target, in which everything may go wrong; it drives the real core.

One step is half a unit of time. Everyone spends and Target counts at the last moment for a while, then at the first:
a call that is counted too briefly shows then. `World.worst()` is what Target counted in the fullest rolling
window. Names of the adversities are in `ADVERSITIES`; a run is repeated exactly by its seed.
"""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.clock import Clocks
from consumer.core.lease import Terms
from consumer.core.ledger import Close, Entry, Ledger, Take
from consumer.core.shared_quota import SharedQuota, certain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from consumer.core.lease import Call

ADVERSITIES = {
    "crash": "a pod is killed between any two of its steps, also after a part of what it wanted to append",
    "freeze": "a pod stands still between any two of its steps",
    "hold": "a pod stands still between looking at the clock and sending",
    "lost": "a record is never appended",
    "late": "a record is appended much later, and after those behind it",
    "repeat": "a record is appended twice",
    "leader": "the partition's leader has a wrong clock; leaders change",
    "pods": "pods have wrong clocks, which are set anew at any time",
    "suspend": "a machine is paused, and its boot clock with it",
    "mixed": "a rolling deploy: pods with a longer lease and timeout beside the others",
    "job": "someone takes calls for a job outside",
    "scale": "pods are added and taken away",
    "slow": "a pod reads the ledger in pieces",
}

EPOCH = 1_000_000.0
STEP = 0.5


class Coarse(Terms):
    """Leases of a tenth of the limit: the limit is met soon, and missed by much."""

    @property
    def largest(self) -> int:
        return self.limit // 10


TERMS = Coarse(limit=40, window=24.0, lease=3.0, timeout=2.0, longest=30.0)
LONGER = TERMS._replace(lease=9.0, timeout=6.0)
RETENTION = TERMS.window + 2 * TERMS.longest
WRONG = (-10.0, -4.0, 4.0, 10.0)
HELD_AT_MOST = 6


class Product(NamedTuple):
    """What is driven: the product's own classes, or one with a planted fault."""

    ledger: type[Ledger] = Ledger
    quota: type[SharedQuota] = SharedQuota


class Appended(NamedTuple):
    """A record in the log."""

    entry: Entry
    broker_time: float


class Flight(NamedTuple):
    """A call on its way: when Target counts it, and when its end is known; `late`: it left after its lease was over."""

    call: Call
    counted: float
    ends: float
    late: bool


class World:
    """Brokers, Target and a number of pods. Calls that Target counted are in `calls`, by time."""

    def __init__(
        self,
        seed: int,
        adversities: Collection[str] = (),
        product: Product = Product(),  # noqa: B008 - constants only
        *,
        pods: int = 3,
        freeze: int = 20,
    ) -> None:
        self.chance = random.Random(seed)
        self.bad = frozenset(adversities)
        self.product = product
        self.freeze = freeze
        self.time = 0.0
        self.skew = 0.0
        self.late = False
        self.log: list[Appended] = []
        self.trimmed = 0
        self.calls: list[float] = []
        self._wire: list[tuple[float, int, Entry]] = []
        self._sent = count()
        self._names = count()
        self._quiet_until = 0.0
        self._wrong_pods = False
        self.pods = [Pod(self, next(self._names)) for _ in range(pods)]

    def happens(self, adversity: str, probability: float) -> bool:
        """Whether this one strikes now."""
        return adversity in self.bad and self.chance.random() < probability

    def run(self, steps: int) -> World:
        """Let time pass."""
        for _ in range(steps):
            self.step()
        return self

    def step(self) -> None:
        """Everyone moves once, in any order; records arrive in between."""
        self._set_clocks()
        if self.chance.random() < 0.03:
            self.late = not self.late
        if self.happens("scale", 0.02):
            self._scale()
        if self.happens("job", 0.05):
            self.pods.append(Job(self, next(self._names)))
        self.deliver()
        for pod in self.chance.sample(self.pods, len(self.pods)):
            if pod.frozen_until <= self.time:
                pod.move()
                self.deliver()
        self.pods = [pod for pod in self.pods if not pod.gone]
        self.time += STEP

    def _set_clocks(self) -> None:
        # Of two clocks one is right at any moment, and for longer than a lease in between: that is the assumption.
        wrong = self.skew or self._wrong_pods
        if self.time < self._quiet_until or self.chance.random() > (0.05 if wrong else 0.5):
            return
        if wrong:
            self.skew, self._wrong_pods = 0.0, False
            self._quiet_until = self.time + LONGER.life
        elif self.happens("leader", 0.5):
            self.skew = self.chance.choice(WRONG)
        else:
            self._wrong_pods = "pods" in self.bad
        few = self.chance.choice((0.2, 0.8))
        for pod in self.pods:
            pod.set_clock(self.chance.choice(WRONG) if self._wrong_pods and self.chance.random() < few else 0.0)

    def _scale(self) -> None:
        pods = [pod for pod in self.pods if not isinstance(pod, Job)]
        if len(pods) > 1 and self.chance.random() < 0.5:
            self.chance.choice(pods).stop()
        elif len(pods) < 10:
            self.pods.append(Pod(self, next(self._names)))

    @property
    def broker_time(self) -> float:
        """What the leader's clock shows, in whole milliseconds."""
        return (EPOCH + self.time + self.skew) // 0.001 * 0.001

    def append(self, entries: Iterable[Entry], *, surely: Entry | None = None) -> None:
        """Send records to the broker."""
        for entry in entries:
            if entry is not surely and self.happens("lost", 0.1):
                continue
            delay = self.chance.choice((0.0, 0.0, STEP))
            if entry is not surely and self.happens("late", 0.1):
                delay = self.chance.uniform(2, 30)
            self._wire.append((self.time + delay, next(self._sent), entry))
            if self.happens("repeat", 0.2):
                self._wire.append((self.time + delay + self.chance.choice((0, 1, 3, 30)), next(self._sent), entry))

    def deliver(self) -> None:
        """Append what has arrived."""
        due = sorted(item for item in self._wire if item[0] <= self.time)
        self._wire = [item for item in self._wire if item[0] > self.time]
        self.log += [Appended(entry, self.broker_time) for _, _, entry in due]
        while self.trimmed < len(self.log) and self.log[self.trimmed].broker_time < self.broker_time - RETENTION:
            self.trimmed += 1

    def offset_for(self, broker_time: float) -> int:
        """The first record that is not older, as Kafka's `offsets_for_times`."""
        at = range(self.trimmed, len(self.log))
        return next((offset for offset in at if self.log[offset].broker_time >= broker_time), len(self.log))

    def worst(self) -> int:
        """The most calls that Target counted in any window."""
        return fullest(self.calls, TERMS.window)


def fullest(calls: Iterable[float], window: float) -> int:
    """The most of these times that lie in any rolling window."""
    times = sorted(calls)
    first = most = 0
    for last, time in enumerate(times):
        while times[first] <= time - window:
            first += 1
        most = max(most, last - first + 1)
    return most


class Pod:
    """One instance: the runner's part, over the real core."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.frozen_until = 0.0
        self.gone = False
        self.wall_wrong = 0.0
        self.boot_behind = 0.0
        self.created = 0
        self.start()

    def start(self) -> None:
        """A new process: nothing is left of the one before but what it sent."""
        world = self.world
        self.terms = LONGER if "mixed" in world.bad and world.chance.random() < 0.4 else TERMS
        self.quota = world.product.quota(self.terms, f"{self.number}.{next(world._names)}", world.chance.random)
        self.position = -1
        self.flights: list[Flight] = []
        self.held: list[Call] = []
        self.probe = self.quota.probe(self.now)
        self.greed = world.chance.choice((3, 8, 30))
        self.told, self.flood = world.chance.choice(((0, 0), (0, 0), (self.greed, 0), (self.greed, 50)))
        world.append([self.probe])

    @property
    def now(self) -> Clocks:
        """Both clocks, as this pod reads them."""
        return Clocks(self.world.time - self.boot_behind, EPOCH + self.world.time + self.wall_wrong)

    def set_clock(self, wrong: float) -> None:
        """Set the wall clock so that it is `wrong` by this."""
        self.wall_wrong = wrong

    def stop(self) -> None:
        """A clean stop: it waits for the calls on their way, at least for those that are to be booked again."""
        if self._owes():
            return
        self.quota.release()
        self.world.append(self.quota.turn(self.now))
        self.gone = True

    def move(self) -> None:
        """One turn of the loop, in which anything may happen between two steps."""
        self._leave_late()
        if self.position < 0 and not self._open():
            return
        steps = [self._read, self._finish, self._call, self._append]
        self.world.chance.shuffle(steps)
        for step in steps:
            if self.world.happens("crash", 0.005):
                self._crash()
                return
            if self._stands_still():
                return
            step()
            if self.frozen_until > self.world.time:
                return

    def _owes(self) -> bool:
        return any(flight.late for flight in self.flights)

    def _stands_still(self) -> bool:
        world = self.world
        if self._owes():  # the stated exception: frozen, in pieces, for longer than the window
            return False
        if world.happens("freeze", 0.004):
            self.frozen_until = world.time + world.chance.uniform(1, 40)
        elif world.happens("suspend", 0.004):
            pause = world.chance.uniform(1, 40)
            self.frozen_until = world.time + pause
            self.boot_behind += pause
        return self.frozen_until > world.time

    def _crash(self) -> None:
        world = self.world
        world.append(self.quota.turn(self.now)[: world.chance.randrange(3)])
        late = [
            flight.counted
            for flight in self.flights
            if flight.counted > flight.call.lease.taken.boot + self.boot_behind + self.terms.life
        ]
        for counted in late:  # the stated exception: frozen, woken, and killed before what left then has ended
            world.calls.remove(counted)
        self.start()

    def _open(self) -> bool:
        world = self.world
        found = [offset for offset in range(world.trimmed, len(world.log)) if world.log[offset].entry == self.probe]
        if not found:
            if world.chance.random() < 0.2:  # lost, perhaps
                self.probe = self.quota.probe(self.now)
                world.append([self.probe])
            return False
        probe = found[0]
        ledger = world.product.ledger(self.terms.window)
        broker_time = world.log[probe].broker_time
        for entry, time in world.log[world.offset_for(self.quota.start_time(broker_time, self.now)) : probe + 1]:
            ledger.read(entry, time)
        self.quota.opened(ledger, broker_time, self.now)
        self.position = probe + 1
        return True

    def _read(self) -> None:
        world = self.world
        end = len(world.log)
        if world.happens("slow", 0.5):
            end = min(end, self.position + world.chance.randrange(4))
        for entry, broker_time in world.log[self.position : end]:
            self.quota.read(entry, broker_time, self.now)
        self.position = end

    def _finish(self) -> None:
        for flight in [flight for flight in self.flights if flight.ends <= self.world.time]:
            self.flights.remove(flight)
            self.quota.finished(flight.call, self.now)

    def _call(self) -> None:
        world = self.world
        self.created += self.flood
        self.quota.backlog(waiting=self.told, created=self.created)  # told of more, it is paced
        now = self.now
        held = HELD_AT_MOST if world.happens("hold", 0.03) else 0
        for _ in range(world.chance.randint(1, self.greed) if self._spends() else 0):
            call = self.quota.access(now)
            if not hasattr(call, "lease"):
                break
            if len(self.held) < held:
                self.held.append(call)
            else:
                self._leave(call)
        if self.held:
            self.frozen_until = world.time + world.chance.uniform(1, world.freeze)

    def _spends(self) -> bool:
        """Whether now is the moment: the earliest, or (while everyone is late) the last."""
        if not self.world.late:
            return True
        boot, wall = self.now
        soon = Clocks(boot + STEP, wall + STEP)
        leases = self.quota._leases
        return not leases or leases[0].over(soon)

    def _leave_late(self) -> None:
        for call in self.held:
            self._leave(call)
        self.held = []

    def _leave(self, call: Call) -> None:
        world = self.world
        counted = world.time + (self.terms.timeout if world.late else 0.0)
        world.calls.append(counted)
        ends = world.chance.uniform(counted, world.time + self.terms.timeout)
        self.flights.append(Flight(call, counted, ends, call.lease.over(self.now)))

    def _append(self) -> None:
        entries = self.quota.turn(self.now)
        asked = self.quota._asked
        for entry in entries:
            booked_again = isinstance(entry, Take) and entry.take and (asked is None or asked.name != entry.lease)
            self.world.append([entry], surely=entry if booked_again else None)


class Job(Pod):
    """Someone who takes calls for a job outside, and makes them until its time is over."""

    def start(self) -> None:
        """Append the take."""
        world = self.world
        self.terms = TERMS
        self.held, self.flights = [], []
        self.began = world.time
        self.take = Take(
            f"job.{self.number}",
            "job",
            world.chance.randint(1, 12),
            world.chance.uniform(1, 30),
            self.now.wall,
            note="x",
        )
        world.append([self.take])

    def move(self) -> None:
        """Once it is read back within the limit, all calls are made."""
        world = self.world
        ledger = world.product.ledger(TERMS.window)
        for offset in range(world.offset_for(0.0), len(world.log)):
            entry, broker_time = world.log[offset]
            ledger.read(entry, broker_time)
            if entry == self.take:
                if ledger.used(certain(broker_time, self.now)) <= TERMS.limit:
                    end = self.began + self.take.life
                    world.calls += [
                        world.chance.uniform(world.time, max(end, world.time)) for _ in range(self.take.take)
                    ]
                else:
                    world.append([Close(self.take.lease, 0)])
                self.gone = True
                return
        self.gone = world.time > self.began + self.take.life

    def stop(self) -> None:
        """Jobs are not scaled."""
