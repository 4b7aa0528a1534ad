"""The ledger: every event with the fate that it must have; and the judge, who compares it with what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumer.simulator.history import Call

Fate = Literal["delivered", "skipped", "unmatched", "dead", "flawed"]
"""`dead` can't be decoded. `flawed` is refused by Target, for ever or until it is cured: dead or delivered."""

SLOTS = 32
"""Attributes that the events of one customer set in turn, besides `latest`; so that few events hide each other."""


class Entry(NamedTuple):
    """One event; later events of a customer have greater numbers and offsets."""

    partition: int
    offset: int
    customer: str
    slot: int
    number: int
    fate: Fate

    @property
    def names(self) -> tuple[str, str]:
        """The attributes that it sets to its number."""
        return "latest", f"e{self.slot}"


class Letter(NamedTuple):
    """One dead letter: of which event, and when the broker took it (seconds since 1970)."""

    partition: int
    offset: int
    taken: float


class Observation(NamedTuple):
    """What was committed at some moment (seconds since 1970); `calls` had been accepted or refused by then."""

    at: float
    calls: int
    committed: Mapping[int, int]


class Disruption(NamedTuple):
    """From when to when (monotonic seconds) something was wrong after which calls may be repeated.

    `lost`: a member was frozen so long that others took over; one call of its may come after theirs: the one that it
    was just writing to its connection.
    """

    begin: float
    end: float
    lost: bool = False


class Happened(NamedTuple):
    """Everything that can be known at the end."""

    calls: Sequence[Call]
    letters: Sequence[Letter]
    observations: Sequence[Observation]
    disruptions: Sequence[Disruption]
    unclean: bool


class Verdict(NamedTuple):
    """What is wrong, and the figures of the run."""

    faults: list[str]
    delivered: int
    dead: int
    repeated: int
    allowed: int
    excused: int


BEFORE, AFTER = 2.0, 3.0
"""Seconds around a disruption: what was accepted then may be repeated."""


def judge(entries: Sequence[Entry], happened: Happened) -> Verdict:
    """Compare: nothing lost, nothing invented, newest values last, commits honest, duplicates bounded."""
    values = _Values(entries)
    values.follow(happened)
    dead = {(letter.partition, letter.offset) for letter in happened.letters}
    faults = [*values.faults, *_fates(entries, values, dead), *_stale(entries, values, dead)]
    faults += _dishonest(entries, values, happened)
    allowed = sum(values.accepted_between(each.begin - BEFORE, each.end + AFTER) for each in happened.disruptions)
    if values.repeated > allowed:
        faults.append(f"{values.repeated} calls brought nothing newer, {allowed} may")
    lost = sum(each.lost for each in happened.disruptions)
    if values.excused > lost:
        faults.append(f"{values.excused} late calls of lost members, {lost} may be")
    twice = len(happened.letters) - len(dead)
    if twice and not happened.unclean:
        faults.append(f"{twice} dead letters were written twice")
    delivered = sum(values.reached(entry) is not None for entry in entries)
    return Verdict(faults, delivered, len(dead), values.repeated, allowed, values.excused)


class _Values:
    """How far each attribute of each customer had come after each call."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.faults: list[str] = []
        self.repeated = self.excused = 0
        self.last: dict[tuple[str, str], int] = {}
        self._known = {(each.customer, name, each.number) for each in entries for name in each.names if _sends(each)}
        self._steps: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._times: list[float] = []

    def follow(self, happened: Happened) -> None:
        for index, call in enumerate(happened.calls):
            if call.overlapped and not happened.unclean:
                self.faults.append(f"call {index} for {call.visitor} began while another was not answered")
            if call.accepted:
                self._times.append(call.received)
                self._accept(index, call, happened)

    def _accept(self, index: int, call: Call, happened: Happened) -> None:
        customer = call.visitor.partition("=")[2]
        news = late = False
        for name, text in call.attributes.items():
            if name == "flaw":
                continue
            number = int(text)
            if (customer, name, number) not in self._known:
                self.faults.append(f"{customer}.{name} was set to {number}, which no event says")
                continue
            steps = self._steps.setdefault((customer, name), [])
            newest = steps[-1][1] if steps else -1
            if number > newest:
                steps.append((index, number))
                news = True
            elif number < newest:
                if not happened.unclean:
                    self.faults.append(f"{customer}.{name} went back from {newest} to {number}")
                elif _late(call.received, happened.disruptions):
                    late = True
                    continue
            self.last[customer, name] = number
        self.repeated += not news
        self.excused += late

    def reached(self, entry: Entry) -> int | None:
        """The index of the call that brought this event's value, or a newer one of the same attribute."""
        steps = self._steps.get((entry.customer, f"e{entry.slot}"), ())
        return next((index for index, number in steps if number >= entry.number), None)

    def accepted_between(self, begin: float, end: float) -> int:
        return sum(begin <= time <= end for time in self._times)


def _sends(entry: Entry) -> bool:
    return entry.fate in ("delivered", "flawed")


def _late(received: float, disruptions: Iterable[Disruption]) -> bool:
    """Whether a call came from a member that was frozen while others took over: the stated exception."""
    return any(each.lost and each.end <= received <= each.end + AFTER for each in disruptions)


def _fates(entries: Iterable[Entry], values: _Values, dead: set[tuple[int, int]]) -> Iterable[str]:
    for entry in entries:
        place, died = f"{entry.partition}@{entry.offset}", (entry.partition, entry.offset) in dead
        if died and entry.fate not in ("dead", "flawed"):
            yield f"{place} ({entry.fate}) is a dead letter"
        if entry.fate == "dead" and not died:
            yield f"{place} is lost: it can't be decoded, and is no dead letter"
        if _sends(entry) and not died and values.reached(entry) is None:
            yield f"{place} is lost: {entry.customer}.e{entry.slot} never came to {entry.number}"


def _stale(entries: Iterable[Entry], values: _Values, dead: set[tuple[int, int]]) -> Iterable[str]:
    """Attributes that do not end with the newest value that was to be delivered, or with a newer one."""
    newest: dict[tuple[str, str], int] = {}
    for entry in entries:
        if _sends(entry) and (entry.partition, entry.offset) not in dead:
            newest.update(dict.fromkeys(((entry.customer, name) for name in entry.names), entry.number))
    for (customer, name), number in newest.items():
        last = values.last.get((customer, name), -1)
        if last < number:
            yield f"{customer}.{name} ends with {last}, not with {number}"


def _dishonest(entries: Iterable[Entry], values: _Values, happened: Happened) -> Iterable[str]:
    """Commits that went back, or that were made before everything below them was resolved."""
    taken: dict[tuple[int, int], float] = {}
    for letter in happened.letters:
        place = letter.partition, letter.offset
        taken[place] = min(letter.taken, taken.get(place, letter.taken))
    by_partition: dict[int, list[Entry]] = {}
    for entry in sorted(entries):
        by_partition.setdefault(entry.partition, []).append(entry)
    before: dict[int, int] = {}
    for seen in happened.observations:
        for partition, committed in seen.committed.items():
            last = before.get(partition, 0)
            if committed < last:
                yield f"the commit of partition {partition} went back from {last} to {committed}"
            for entry in by_partition.get(partition, [])[last:committed]:
                if not _resolved(entry, values, taken, seen):
                    yield f"{partition}@{entry.offset} ({entry.fate}) was committed before it was resolved"
            before[partition] = max(committed, last)


def _resolved(entry: Entry, values: _Values, taken: Mapping[tuple[int, int], float], seen: Observation) -> bool:
    died = taken.get((entry.partition, entry.offset))
    if died is not None and died <= seen.at:
        return True
    reached = values.reached(entry)
    return entry.fate in ("skipped", "unmatched") or (reached is not None and reached < seen.calls)
