"""What became of the events: pure functions over a history of calls and the events that were produced.

To be judged exactly, every event sets some attribute to a value of its own (a counter will do). Where values repeat,
the judge gives the benefit of the doubt. Leave out events that ended as dead letters: they are not meant to arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.simulator.update import visitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumer.simulator.history import Call


class Event(NamedTuple):
    """One produced event: the `kind=id` it is about and the attributes that its mapping makes, without `profile.`."""

    identity: str
    attributes: Mapping[str, str]


class Finding(NamedTuple):
    """What is wrong with one attribute of one visitor.

    `produced` is the newest value produced (of a reordered one: the newest accepted before it), None if there was
    none; `accepted` is the value accepted last (of a reordered or invented one: that value), None if there was none.
    """

    visitor: str
    attribute: str
    produced: str | None
    accepted: str | None


class Window(NamedTuple):
    """The fullest rolling window: how many calls it holds and when its last one was received, in monotonic seconds."""

    calls: int
    end: float


class Verdict(NamedTuple):
    """What the history says about the events.

    `lost`: the newest value of an attribute was never accepted. `stale`: it was, but an older one after it stayed.
    `reordered`: an older value was accepted after a newer one, whether it stayed or not. `invented`: a value that
    no event has. `repeated` counts accepted calls that brought nothing newer; `overlapped` calls that arrived while
    another one for the same visitor was not answered (a client that gave up on a call makes one, too).
    """

    calls: int
    accepted: int
    repeated: int
    overlapped: int
    lost: list[Finding]
    stale: list[Finding]
    reordered: list[Finding]
    invented: list[Finding]
    worst_window: Window

    @property
    def sound(self) -> bool:
        """Whether every profile ends with the newest values and holds no others."""
        return not (self.lost or self.stale or self.invented)


def judge(calls: Iterable[Call], events: Iterable[Event], window: float) -> Verdict:
    """Follow every attribute of every visitor through the calls, in the order in which Target accepted them.

    `events` are in the order produced; only the order among events of one visitor matters. `window` is in seconds.
    """
    tracks = _tracks(events)
    reordered: list[Finding] = []
    invented: list[Finding] = []
    times: list[float] = []
    accepted = repeated = overlapped = 0
    for call in calls:
        times.append(call.received)
        overlapped += call.overlapped
        if not call.accepted:
            continue
        accepted += 1
        news = False
        for name, value in call.attributes.items():
            if not value:
                continue  # ignored by Target
            track = tracks.get((call.visitor, name))
            if track is None or value not in track.last:
                invented.append(Finding(call.visitor, name, None, value))
                continue
            step = track.accept(value)
            news |= step > 0
            if step < 0:
                reordered.append(Finding(call.visitor, name, track.values[track.newest], value))
        repeated += not news
    wrong = [(Finding(*key, track.values[-1], track.now), track) for key, track in tracks.items() if not track.is_right]
    return Verdict(
        calls=len(times),
        accepted=accepted,
        repeated=repeated,
        overlapped=overlapped,
        lost=[finding for finding, track in wrong if not track.is_complete],
        stale=[finding for finding, track in wrong if track.is_complete],
        reordered=reordered,
        invented=invented,
        worst_window=worst_window(times, window),
    )


def worst_window(times: Iterable[float], seconds: float) -> Window:
    """The fullest window (end - seconds, end] over times in any order; `Window(0, 0.0)` without any."""
    worst = Window(0, 0.0)
    ordered = sorted(times)
    start = 0
    for index, time in enumerate(ordered):
        while ordered[start] <= time - seconds:
            start += 1
        if index - start + 1 > worst.calls:
            worst = Window(index - start + 1, time)
    return worst


class _Track:
    """The values that one attribute of one visitor should take, and how far it has come."""

    __slots__ = ("last", "newest", "now", "values")

    def __init__(self) -> None:
        self.values: list[str] = []
        self.last: dict[str, int] = {}
        self.newest = -1
        self.now: str | None = None

    def produce(self, value: str) -> None:
        self.last[value] = len(self.values)
        self.values.append(value)

    def accept(self, value: str) -> int:
        """1 when the value is newer than all accepted before, 0 when it is the newest again, -1 when it is older."""
        self.now = value
        at_least = max(self.newest, 0)
        if self.last[value] < at_least:
            return -1
        before, self.newest = self.newest, self.values.index(value, at_least)
        return int(self.newest > before)

    @property
    def is_complete(self) -> bool:
        return self.newest == len(self.values) - 1

    @property
    def is_right(self) -> bool:
        return self.now == self.values[-1]


def _tracks(events: Iterable[Event]) -> dict[tuple[str, str], _Track]:
    tracks: dict[tuple[str, str], _Track] = {}
    for event in events:
        who = visitor(event.identity)
        for name, value in event.attributes.items():
            tracks.setdefault((who, name), _Track()).produce(value)
    return tracks
