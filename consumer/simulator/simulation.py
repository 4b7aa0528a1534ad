"""Decides about every call, without a socket: what is answered, and whether the update takes effect."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.simulator import limits
from consumer.simulator.answers import Answer, faulty, success, unsuccessful
from consumer.simulator.behaviour import Behaviour
from consumer.simulator.faults import Faults
from consumer.simulator.history import Call, History
from consumer.simulator.profiles import Profiles, is_known
from consumer.simulator.update import MAX_URL, NOBODY, Malformed, Update, read_update, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consumer.simulator.behaviour import Concurrency, Latency, Quota, Rate

_FORM: Final = "application/x-www-form-urlencoded"
_UNANSWERED: Final = frozenset({"hang", "cut", "reset"})


class Arrival(NamedTuple):
    """A call as it came in; `body` is None when it is larger than Target takes. Times as in `Call`."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    received: float
    epoch: float


class Ruling(NamedTuple):
    """What becomes of a call: to be recorded at once or, `late`, after the latency; then answered."""

    call: Call
    answer: Answer
    latency: float
    late: bool


class _Verdict(NamedTuple):
    cause: str
    answer: Answer
    accepted: bool = False
    latency: Latency | None = None


_ACCEPTED: Final = _Verdict("accepted", success(), accepted=True)


class Simulation:
    """The state of a simulated Target. Calls are handled by one thread; any thread may switch and read."""

    def __init__(self, client: str, behaviour: Behaviour, now: float) -> None:
        self.client = client
        self.behaviour = behaviour
        self.in_flight = 0
        self._started_as = behaviour
        self._open: Counter[str] = Counter()
        self.reset(now)

    def reset(self, now: float) -> None:
        """Forget all calls and profiles, and behave as at the start; calls in flight stay in flight."""
        self.history = History()
        self.profiles = Profiles(self.history)
        self.most_in_flight = self.in_flight
        self.switch(self._started_as, frozenset(Behaviour.model_fields), now)

    def switch(self, behaviour: Behaviour, keys: frozenset[str], now: float) -> None:
        """Behave so from `now` on; what belongs to `keys` starts afresh (counts, allowances), all else goes on."""
        if "seed" in keys:
            self._chance = Random(behaviour.seed)  # noqa: S311  repeatable chance, no secret
        if "rate" in keys:
            self._rate = limits.rate_limiter(behaviour.rate) if behaviour.rate else None
        if "quota" in keys:
            self._quota = limits.quota_limiter(behaviour.quota)
            self._window = limits.Rolling(behaviour.quota.seconds)
            for time in sorted(self.history.times()):
                self._window.add(time)
        if keys & {"faults", "seed"}:
            self._faults = Faults(behaviour.faults, now, self._chance)
        self.behaviour = behaviour

    def receive(self, arrival: Arrival) -> Ruling:
        """Decide about a call; it is in flight until `finish`."""
        self._window.add(arrival.received)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        read = self._read(arrival)
        if isinstance(read, Update):
            update, verdict = read, self._limited(arrival) or self._faulty(read, arrival) or _ACCEPTED
        else:
            update, verdict = NOBODY, read
        who = visitor(update.identity)
        known = is_known(self.behaviour, who)
        call = Call(
            sequence=0,
            received=arrival.received,
            epoch=arrival.epoch,
            method=arrival.method,
            identity=update.identity,
            encoded=update.encoded,
            status=0 if verdict.answer.delivery in _UNANSWERED else verdict.answer.status,
            accepted=verdict.accepted,
            applied=verdict.accepted and known and _has_value(update.encoded),
            overlapped=bool(who) and self._open[who] > 0,
            cause=verdict.cause if known or verdict.cause != "accepted" else "unknown_profile",
        )
        self._open[who] += 1
        late = verdict.accepted and self.behaviour.accept == "answer"
        return Ruling(call, verdict.answer, self._draw(verdict.latency or self.behaviour.latency), late)

    def record(self, ruling: Ruling) -> None:
        """The call takes its place in the history, and its effect."""
        self.history.append(ruling.call)

    def finish(self, ruling: Ruling) -> None:
        """The call is over: answered, or nobody waits for the answer."""
        self.in_flight -= 1
        who = ruling.call.visitor
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]

    def unauthorized(self, headers: Mapping[str, str]) -> int | None:
        """The status to refuse with when the token is asked for and is not there or wrong; else None."""
        token = self.behaviour.token
        if token is None:
            return None
        scheme, _, given = headers.get(token.header, "").partition(" ")
        return None if scheme == "Bearer" and given in token.accepted else token.status

    def summary(self) -> dict[str, Any]:
        """Counts so far: calls by status and by cause, in flight, and the fullest rolling window of the quota."""
        return {
            "calls": len(self.history),
            "by_status": {str(status): count for status, count in sorted(Counter(self.history.statuses()).items())},
            "by_cause": dict(sorted(Counter(self.history.causes()).items())),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "worst_window": {"calls": self._window.worst, "seconds": self._window.seconds},
        }

    def _read(self, arrival: Arrival) -> Update | _Verdict:
        if len(arrival.url) > MAX_URL:
            return _refused("too_large", 414, "URL too long")
        if arrival.body is None:
            return _refused("too_large", 413, "Body too large")
        status = self.unauthorized(arrival.headers)
        if status is not None:
            return _refused("token", status, "Forbidden")
        update = _parse(arrival, arrival.body)
        if isinstance(update, Malformed):
            return _refused("malformed", self.behaviour.refusal_status, update.message)
        return update

    def _limited(self, arrival: Arrival) -> _Verdict | None:
        behaviour = self.behaviour
        if behaviour.concurrency and self.in_flight > behaviour.concurrency.limit:
            return _too_many("concurrency", behaviour.concurrency, 1.0, arrival)
        for cause, limiter, rule in (("rate", self._rate, behaviour.rate), ("quota", self._quota, behaviour.quota)):
            wait = limiter.admit(arrival.received) if limiter else None
            if wait is not None and rule:
                return _too_many(cause, rule, wait, arrival)
        return None

    def _faulty(self, update: Update, arrival: Arrival) -> _Verdict | None:
        fault = self._faults.pick(update, arrival.received)
        return _Verdict("fault", faulty(fault), fault.effect, fault.latency) if fault else None

    def _draw(self, latency: Latency) -> float:
        return latency.min if latency.min == latency.max else self._chance.uniform(latency.min, latency.max)


def _parse(arrival: Arrival, body: bytes) -> Update | Malformed:
    if body and arrival.headers.get("Content-Type", "").partition(";")[0] != _FORM:
        return Malformed(f"the body is not {_FORM}")
    query = arrival.url.partition("?")[2].encode(errors="surrogateescape")
    return read_update(b"&".join(filter(None, (query, body))))


def _refused(cause: str, status: int, message: str) -> _Verdict:
    return _Verdict(cause, unsuccessful(status, message))


def _too_many(cause: str, rule: Rate | Concurrency | Quota, wait: float, arrival: Arrival) -> _Verdict:
    headers = limits.retry_after(rule.retry_after, wait, arrival.epoch)
    return _Verdict(cause, unsuccessful(rule.status, "Too many calls", headers))


def _has_value(encoded: bytes) -> bool:
    """Whether any value is not empty: an empty one is ignored, as the bulk API does by design."""
    return any(not pair.endswith(b"=") for pair in encoded.split(b"&"))
