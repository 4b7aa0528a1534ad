"""Every call in the order in which it took effect; about 200 bytes each, so that a load test can keep them all."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from consumer.simulator.update import attributes_of, visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCEPTED: Final = 1
_APPLIED: Final = 2
_OVERLAPPED: Final = 4
_POST: Final = 8


class Call(NamedTuple):
    """One call of the update API.

    `sequence` counts from 1 in the order in which updates were accepted. `received` is monotonic seconds, `epoch`
    seconds since 1970, both of the moment the call had arrived whole. `identity` is the decoded `kind=value`, empty
    when the call could not be read. `status` is that of the answer, 0 when none was given. `accepted`: Target took the
    update; `applied`: and knows the visitor, and some value was not empty. `overlapped`: another call for the visitor
    had arrived and was not answered yet. `cause` says why it was answered so: `accepted`, `unknown_profile`, `fault`,
    `too_large`, `token`, `malformed`, `concurrency`, `rate`, `quota`.
    """

    sequence: int
    received: float
    epoch: float
    method: str
    identity: str
    encoded: bytes
    status: int
    accepted: bool
    applied: bool
    overlapped: bool
    cause: str

    @property
    def attributes(self) -> dict[str, str]:
        """The values sent, decoded, named without `profile.`; empty ones too."""
        return attributes_of(self.encoded)

    @property
    def visitor(self) -> str:
        """The identity without the location hint of an `mboxPC`."""
        return visitor(self.identity)


class History:
    """Columns instead of objects. One thread appends; any thread reads what had been appended when it began."""

    def __init__(self) -> None:
        self._length = 0
        self._received = array("d")
        self._epochs = array("d")
        self._statuses = array("H")
        self._flags = array("B")
        self._identities: list[str] = []
        self._encoded: list[bytes] = []
        self._causes: list[str] = []
        self._same: dict[str, str] = {}

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Call]:
        return self.since(0)

    def append(self, call: Call) -> None:
        """Add a call; its `sequence` is given here."""
        self._received.append(call.received)
        self._epochs.append(call.epoch)
        self._statuses.append(call.status)
        self._flags.append(
            _ACCEPTED * call.accepted
            | _APPLIED * call.applied
            | _OVERLAPPED * call.overlapped
            | _POST * (call.method == "POST")
        )
        self._identities.append(self._same.setdefault(call.identity, call.identity))
        self._encoded.append(call.encoded)
        self._causes.append(call.cause)
        self._length += 1  # last: a reader in another thread never sees half a call

    def since(self, sequence: int, limit: int | None = None) -> Iterator[Call]:
        """The calls after that sequence number, at most `limit`."""
        end = self._length if limit is None else min(self._length, sequence + limit)
        return map(self._call, range(sequence, end))

    def times(self) -> array[float]:
        """When each call was received, in monotonic seconds; in the order of the history."""
        return self._received[: self._length]

    def statuses(self) -> array[int]:
        """The status of each call."""
        return self._statuses[: self._length]

    def causes(self) -> list[str]:
        """The cause of each call."""
        return self._causes[: self._length]

    def _call(self, index: int) -> Call:
        flags = self._flags[index]
        return Call(
            sequence=index + 1,
            received=self._received[index],
            epoch=self._epochs[index],
            method="POST" if flags & _POST else "GET",
            identity=self._identities[index],
            encoded=self._encoded[index],
            status=self._statuses[index],
            accepted=bool(flags & _ACCEPTED),
            applied=bool(flags & _APPLIED),
            overlapped=bool(flags & _OVERLAPPED),
            cause=self._causes[index],
        )
