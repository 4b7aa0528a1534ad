"""A world around the real engine: partitions, a Target that remembers, a broker, and whatever may go wrong at any step.

A world is driven by one random generator. After each step it is checked that

- at most one call of an identity is in flight,
- what is committed, or named as completed in a commit's metadata, is resolved indeed,
- metadata leaves out nothing but from the highest offset down,
- an event is not sent again without a reason (see `World._reasons`);

and at the end, when everything has come to rest, that all is committed and that no profile holds an older value than
the newest which Target accepted and which did not become a dead letter later.

Each event sets attributes that others set too, with its offset as the value, and one of its own, by which its calls
are known.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.acknowledgement import CommitResult, DeadLetterReport
from consumer.core.breaker import Breaker
from consumer.core.clock import Clocks
from consumer.core.command import DeadLetter, ReadAgain, Send
from consumer.core.commit_metadata import read
from consumer.core.engine import Engine
from consumer.core.gate import Gate
from consumer.core.outcome import Completed, Delivered, Refused, Throttled, Transient
from consumer.core.partition import Assignment, Commit
from consumer.core.profile import Identity, ProfileUpdate, Rejection, Result, Skipped
from consumer.core.quota import Unlimited
from consumer.core.record import Record, TopicPartition
from consumer.core.throttle import Throttle
from tests.core.builders import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.outcome import Outcome

OK, REFUSED, FAILED, LIMITED = Delivered(200), Refused(400, "status"), Transient(500, "status"), Throttled(429, 1.0)
TIMEOUT = Transient(None, "timeout")

Place = tuple[TopicPartition, int]


class Wrong(AssertionError):
    """The engine broke a guarantee."""


class Event(NamedTuple):
    """`kind`: `flaky` may be refused by Target, `mended` is rejected by the first mappings and fine with the second."""

    identity: str
    kind: str
    names: tuple[str, ...]


class OnTheWire(NamedTuple):
    """A call, the events in it, and the generations of their partitions when it left."""

    send: Send
    events: frozenset[Place]
    generations: dict[TopicPartition, int]


class World:
    """One member after the other, all with the same topic, Target, dead letters and commits."""

    def __init__(self, seed: int, *, partitions: int = 1, crashes: int = 3) -> None:
        self.chance = random.Random(seed)  # noqa: S311  # a test
        self.boot = 100.0
        self.keys = [TopicPartition("t", number) for number in range(partitions)]
        identities, flaky = self.chance.choice(("A", "AB", "ABC")), self.chance.choice((2, 12))
        self.topic = {key: self._events(identities, flaky) for key in self.keys}
        self.left = crashes * partitions
        self.accepted: dict[tuple[str, str], list[int]] = {}  # of an identity's attribute: offsets, in order
        self.delivered: set[Place] = set()
        self.dead: set[Place] = set()
        self.stored: dict[TopicPartition, tuple[int, str]] = {}
        self.room = self.chance.choice((0, 3, 4, 5, 4096))
        self.version = 1
        self.generation = 0
        self._start()

    def _events(self, identities: str, flaky: int) -> dict[int, Event]:
        """Offsets with gaps; identities are shared by the partitions, attributes are not."""
        offset, events = self.chance.choice((0, 5)), {}
        own = self.chance.random() < 0.5  # every event sets the same attributes, so that they are replaced whole
        for _ in range(self.chance.randint(2, 9)):
            names = ("v",) if own else tuple(self.chance.sample("vw", self.chance.randint(1, 2)))
            kind = self.chance.choices(("ok", "flaky", "mended", "skipped"), (6, flaky, 1, 1))[0]
            events[offset] = Event(self.chance.choice(identities), kind, names)
            offset += self.chance.choice((1, 1, 1, 3))
        return events

    # -- a member ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.wire: dict[int, OnTheWire] = {}
        self.letters: list[DeadLetter] = []
        self.readings: list[ReadAgain] = []
        self.commits: list[Commit] = []
        self.position: dict[TopicPartition, int] = {}
        self.settled: set[Place] = set()  # by this member, as far as it could know
        self.known: dict[TopicPartition, set[int]] = {}  # what the commit that it began with names
        self.generations: dict[TopicPartition, int] = {}
        gate = Gate(self.chance.choice((1, 3)), Unlimited(), Throttle(300), Breaker())
        self.engine = Engine(self._map, f"m{self.version}", LIMITS, gate, self.chance.random)
        for key in self.keys:
            self._assign(key)

    def _assign(self, key: TopicPartition) -> None:
        self.generation += 1
        offset, metadata = self.stored.get(key, (None, ""))
        self.engine.assigned([Assignment(key, self.generation, offset, metadata)])
        self.engine.partitions[key].metadata_limit = len(f"pc1 99 m{self.version} ") + self.room
        self.generations[key] = self.generation
        self.position[key] = offset or 0
        self.known[key] = self._named(key, offset or 0, metadata)
        self.settled = {place for place in self.settled if place[0] != key}

    def _map(self, record: Record) -> Result:
        key = TopicPartition(record.topic, record.partition)
        identity, kind, names = self.topic[key][record.offset]
        if kind == "skipped":
            return Skipped(0)
        if kind == "mended" and self.version == 1:
            return Rejection("map", "identity_missing", "nothing", 0)
        attributes = {f"{name}{record.partition}": str(record.offset) for name in names}
        if len(names) == 2 or record.offset % 2:
            attributes[f"e{record.partition}x{record.offset}"] = "1"
        return ProfileUpdate(Identity("mbox3rdPartyId", identity), attributes, record.timestamp, 0)

    def _named(self, key: TopicPartition, offset: int, metadata: str) -> set[int]:
        committed = read(offset, metadata)
        return {at for at in self.topic[key] if at < offset or at in committed}

    @property
    def now(self) -> Clocks:
        return Clocks(self.boot, 1e6 + self.boot)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One thing happens, and then what the engine wants."""
        steps: list[Callable[[], None]] = [self._receive] * 3 + [self._commit, self._wait]
        steps += [self._complete] * (3 * bool(self.wire)) + [self._report] * (2 * bool(self.letters))
        steps += [self._read] * (2 * bool(self.readings)) + [self._answer_commit] * (2 * bool(self.commits))
        steps += [self._crash, self._hand_over, self._lose] * (self.left > 0 and self.chance.random() < 0.3)
        self.chance.choice(steps)()
        self._obey()

    def _receive(self) -> None:
        key = self.chance.choice(self.keys)
        waiting = [offset for offset in sorted(self.topic[key]) if offset >= self.position[key]]
        records = [self._record(key, offset) for offset in waiting[: self.chance.randint(1, 3)]]
        if records and not self.engine.partitions[key].paused:
            self.position[key] = records[-1].offset + 1
            self.engine.received(records, self.now)

    def _record(self, key: TopicPartition, offset: int) -> Record:
        return Record(*key, offset, 1000 + offset, b"k", b"v")

    def _obey(self) -> None:
        for command in self.engine.commands(self.now):
            if isinstance(command, Send):
                self._leave(command)
            elif isinstance(command, DeadLetter):
                self.letters.append(command)
            elif isinstance(command, ReadAgain):
                self.readings.append(command)

    def _leave(self, send: Send) -> None:
        identity = send.identity
        if any(other.send.identity == identity for other in self.wire.values()):
            raise Wrong(f"two calls of {identity!r} at once")
        events = frozenset(self._carried(send))
        for place in events:
            self._reasons(place)
        self.wire[send.number] = OnTheWire(send, events, {key: self.generations[key] for key, _ in events})

    def _carried(self, send: Send) -> set[Place]:
        """The events that a call tells of, by the values in it."""
        pairs = [pair.removeprefix("profile.").split("=") for pair in send.attributes.decode().split("&")]
        if [""] in pairs:
            raise Wrong("a call with nothing in it")
        places = [map(int, name[1:].split("x")) for name, _ in pairs if name[0] == "e"]
        own = {(self.keys[partition], offset) for partition, offset in places}
        return own | {(self.keys[int(name[1:])], int(value)) for name, value in pairs if name[0] != "e"}

    def _reasons(self, place: Place) -> None:
        """An event is sent again only if nobody has settled it.

        What an earlier member settled is told by the commit; it is sent again after an event of its identity that the
        commit does not tell of.
        """
        key, offset = place
        if place in self.settled:
            raise Wrong(f"{place} is sent again by the member that had settled it")
        event, begun = self.topic[key][offset], self.stored.get(key, (0, ""))[0]
        earlier = [at for at, other in self.topic[key].items() if at < offset and other.identity == event.identity]
        if offset in self.known[key] and all(at in self.known[key] for at in earlier):
            raise Wrong(f"{place} is sent again, although the commit at {begun} names it")

    def _complete(self, *, calm: bool = False) -> None:
        number = self.chance.choice(list(self.wire))
        call = self.wire[number]
        flaky = any(self.topic[key][offset].kind == "flaky" for key, offset in call.events)
        outcomes: list[Outcome] = [OK, REFUSED, FAILED, TIMEOUT, LIMITED]
        weights = (5, 4 * flaky, 0, 0, 0) if calm else (5, 4 * flaky, 1, 1, 0.2)
        self._end(number, self.chance.choices(outcomes, weights)[0])

    def _end(self, number: int, outcome: Outcome) -> None:
        send, events, generations = self.wire.pop(number)
        if outcome is OK or (outcome is TIMEOUT and self.chance.random() < 0.5):
            self._accept(send, events)
        if outcome is OK and all(self.generations[key] == generation for key, generation in generations.items()):
            self.settled |= events
        self.engine.completed(Completed(number, outcome, 0.1), self.now)

    def _accept(self, send: Send, events: frozenset[Place]) -> None:
        identity = send.identity.decode().partition("=")[2]
        for pair in send.attributes.decode().split("&"):
            name, _, value = pair.removeprefix("profile.").partition("=")
            if name[0] != "e":
                self.accepted.setdefault((identity, name), []).append(int(value))
        self.delivered |= events

    def _report(self, *, calm: bool = False) -> None:
        letter = self.letters.pop(self.chance.randrange(len(self.letters)))
        key, offset = TopicPartition(letter.record.topic, letter.record.partition), letter.record.offset
        failed = not calm and self.chance.random() < 0.3
        if not failed:
            self.dead.add((key, offset))
        error = "failed" if failed else None
        self.engine.dead_lettered(DeadLetterReport(key, offset, letter.generation, error), self.now)

    def _read(self) -> None:
        wanted = self.readings.pop(self.chance.randrange(len(self.readings)))
        for offset in wanted.offsets:
            self.engine.read_again(wanted.partition, offset, self._record(wanted.partition, offset))

    def _wait(self) -> None:
        self.boot += self.chance.choice((0.1, 1.0, 30.0))

    # -- commits -------------------------------------------------------------------------------------------------------

    def _commit(self, *, final: bool = False) -> None:
        commits = self.engine.commits(self.keys if final else None)
        for commit in commits:
            named = read(commit.offset, commit.metadata)
            tracker = self.engine.partitions[commit.partition].tracker
            runs = [(first, flags) for first, flags in tracker.completed() if commit.metadata]
            completed = {first + at for first, flags in runs for at, flag in enumerate(flags) if flag}
            if any(offset not in named for offset in completed if offset < named.end):
                raise Wrong(f"{commit} leaves out some of {completed} below others")
        self.commits += commits

    def _answer_commit(self) -> None:
        commit = self.commits.pop(0)
        if self.generations[commit.partition] != commit.generation:
            self.engine.committed(CommitResult(commit, "unknown", fenced=True))
            return
        error = self.chance.choices((None, "failed", "large"), (8, 1, 0.3 if commit.metadata else 0))[0]
        if error is None:
            self._store(commit)
        large = error == "large"
        failed = error == "failed"
        self.engine.committed(CommitResult(commit, error, retriable=failed, metadata_too_large=large))

    def _store(self, commit: Commit) -> None:
        key = commit.partition
        named = self._named(key, commit.offset, commit.metadata)
        resolved = {offset for offset in self.topic[key] if self._resolved(key, offset)}
        if not named <= resolved:
            raise Wrong(f"{commit} names {sorted(named - resolved)}, which nothing has resolved")
        self.stored[key] = commit.offset, commit.metadata

    def _resolved(self, key: TopicPartition, offset: int) -> bool:
        """Delivered, or overlaid by newer values that were; skipped, or a dead letter that the broker has."""
        event = self.topic[key][offset]
        if event.kind == "skipped" or {(key, offset)} & (self.delivered | self.dead):
            return True
        values = [self.accepted.get((event.identity, f"{name}{key.partition}"), ()) for name in event.names]
        return offset % 2 == 0 and len(event.names) == 1 and any(value >= offset for value in values[0])

    # -- members come and go -------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        """The process dies at this step; calls on the wire were accepted or not, commits arrived or not."""
        self.left -= 1
        for call in self.wire.values():
            if self.chance.random() < 0.5:
                self._accept(call.send, call.events)
        for commit in self.commits[: self.chance.randint(0, len(self.commits))]:
            if self.generations[commit.partition] == commit.generation:
                self._store(commit)
        self._restart()

    def _hand_over(self) -> None:
        """A clean end: drained, dead letters written, committed."""
        self.left -= 1
        self.engine.revoking(self.keys)
        self._drain()
        self._commit(final=True)
        for commit in self.commits:
            if self.generations[commit.partition] == commit.generation:
                self._store(commit)
        for key in self.keys:
            self._spares(key)
        self.engine.forget(self.keys)
        self._restart()

    def _drain(self) -> None:
        for _ in range(1000):
            if self.engine.drained(self.keys):
                return
            if self.wire and (not self.letters or self.chance.random() < 0.5):
                self._complete()
            elif self.letters:
                self._report()
            self.boot += 1.0
            sent = len(self.wire)
            self._obey()
            if len(self.wire) > sent:
                raise Wrong("a call leaves during a drain")
        raise Wrong("a drain does not end")

    def _spares(self, key: TopicPartition) -> None:
        """Nothing that was answered is repeated, when the commit has room for it and nothing older had to be spared."""
        named = self._named(key, *self.stored.get(key, (0, "")))
        missing = {offset for at, offset in self.settled if at == key} - named
        roomy = self.engine.partitions[key].metadata_limit > 4096
        if missing and roomy and self.position[key] > max(self.known[key], default=-1):
            raise Wrong(f"{sorted(missing)} of {key} will be repeated after a clean hand-over")

    def _restart(self) -> None:
        if self.chance.random() < 0.3:
            self.version = 2
        self._start()

    def _lose(self) -> None:
        """One partition goes to another member, without a word, and comes back."""
        self.left -= 1
        key = self.chance.choice(self.keys)
        self.engine.forget([key])
        self._obey()
        self.letters = [letter for letter in self.letters if letter.record.partition != key.partition]
        self._assign(key)

    # -- the end -------------------------------------------------------------------------------------------------------

    def run(self, steps: int = 60) -> None:
        """Adversity for so many steps, then peace, then the judgement."""
        for _ in range(steps):
            self.step()
        self.left = 0
        for _ in range(300):
            self._receive()
            self._obey()
            for happens, pending in ((self._complete, self.wire), (self._report, self.letters)):
                if pending:
                    happens(calm=True)
            if self.readings:
                self._read()
            self._commit()
            while self.commits:
                self._answer_commit()
            self.boot += 5.0
        self._judge()

    def _judge(self) -> None:
        for key, events in self.topic.items():
            if self.stored.get(key, (0, ""))[0] != max(events) + 1:
                raise Wrong(f"{key} comes to rest at {self.stored.get(key)}, not at {max(events) + 1}")
            for offset in events:
                if not self._resolved(key, offset):
                    raise Wrong(f"{key} {offset} is lost")
        for place, offsets in self.accepted.items():
            key = self.keys[int(place[1][1:])]
            # One that Target accepted unheard and refused later is not the newest value: it is a dead letter.
            if offsets[-1] < max(
                offset for offset in offsets if offset == offsets[-1] or (key, offset) not in self.dead
            ):
                raise Wrong(f"{place} is stale: {offsets}")
