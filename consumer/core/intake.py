"""What becomes of a record that was read: something that waits to be sent, a dead letter, or nothing more to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.delivery import ROOM
from consumer.core.offsets import DONE
from consumer.core.pairs import size
from consumer.core.profile import ProfileUpdate, Rejection, SchemaWanted, Skipped, encode_attributes, encode_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.core.clock import Clocks
    from consumer.core.dead_letters import DeadLetters
    from consumer.core.partition import Partition
    from consumer.core.profile import Result
    from consumer.core.record import Record
    from consumer.core.schemas_wanted import SchemasWanted
    from consumer.core.waiting import Pending, Waiting
    from consumer.core.work import Work


LONGEST_PAIR = ROOM - size(b"")
"""Encoded bytes of one attribute that fit into a call of its own."""


def too_large(update: ProfileUpdate, pairs: bytes) -> Rejection | None:
    """Why an update, whose attributes are these encoded pairs, can't be sent however it is split; None when it can."""
    if any(len(pair) > LONGEST_PAIR for pair in pairs.split(b"&")):
        detail = f"one attribute alone takes more than the {ROOM} bytes that fit into a call"
        return Rejection("send", "too_large", detail, update.mapping)
    return None


class Intake:
    """Takes records in, one by one, in the order of each partition's offsets."""

    def __init__(
        self,
        work: Work,
        waiting: Waiting,
        dead_letters: DeadLetters,
        schemas: SchemasWanted,
        map_record: Callable[[Record], Result | SchemaWanted],
    ) -> None:
        self._work = work
        self._waiting = waiting
        self._dead_letters = dead_letters
        self._schemas = schemas
        self._map = map_record

    def take(self, partition: Partition, record: Record, now: Clocks) -> None:
        """Track first, before anything can fail; then map, and merge or reject. A record seen before is let go."""
        if not partition.tracker.track(record.offset):
            return
        self._dead_letters.share.records += 1
        self.decide(partition, record, now)

    def decide(self, partition: Partition, record: Record, now: Clocks) -> None:
        """Map the record that was tracked last, and merge or reject it; or hold it until its schema is known."""
        result = self._map(record)
        if isinstance(result, ProfileUpdate):
            self._update(partition, record, result, now)
        elif isinstance(result, Rejection):
            self._reject(partition, record, result)
        elif isinstance(result, SchemaWanted):
            self._schemas.hold(partition.key, record, result.id)
        else:
            partition.tracker.give(DONE)
            outcome = "skipped" if isinstance(result, Skipped) else "unmatched"
            self._work.tally.record(record.topic, outcome, result.mapping if isinstance(result, Skipped) else None)

    def _update(self, partition: Partition, record: Record, update: ProfileUpdate, now: Clocks) -> None:
        pairs = encode_attributes(update.attributes)
        if len(pairs) > LONGEST_PAIR and (rejection := too_large(update, pairs)):
            self._reject(partition, record, rejection)
            return
        key = update.identity.key()
        if partition.recovering and partition.delivered_before(record.offset, key):
            partition.tracker.give(DONE)
            return
        suffix = encode_identity(update.identity)[len(key) :] if update.identity.kind == "mboxPC" else b""
        newest = self._waiting.newest(update, suffix, pairs)
        number = self._waiting.replace(partition.key, key, newest)
        if number is None:
            # A timestamp of the future would hold the identity back until then.
            oldest = min(record.timestamp, int(now.wall * 1000))
            number = self._merge(partition, key, newest, update.mapping, oldest)
        partition.tracker.give(number)

    def _merge(self, partition: Partition, key: bytes, newest: bytes, mapping: int, oldest: int) -> int:
        """Lay the newest event's values over what waits, if anything does; the number of the update it belongs to."""
        pending = self._waiting.get(partition.key, key)
        if pending is None:
            number = partition.tracker.open(mapping)
            self._waiting.add(partition.key, key, (number, oldest), newest)
        else:
            number = self._number(partition, pending, mapping)
            self._waiting.lay(partition.key, key, newest, number)
        return number

    @staticmethod
    def _number(partition: Partition, pending: Pending, mapping: int) -> int:
        """The update that the next event of a pending one belongs to: one for each mapping, so that each is counted."""
        for number in (pending.number, *pending.also):
            if partition.tracker.label(number) == mapping:
                return number
        return partition.tracker.open(mapping)

    def _reject(self, partition: Partition, record: Record, rejection: Rejection) -> None:
        tracker = partition.tracker
        number = tracker.open(rejection.mapping or 0)
        tracker.give(number)
        if partition.completed_before(record.offset):
            tracker.dying(number)  # it counts in a run of dead letters, as it did before the restart
            tracker.resolve(number)
            return
        command = self._dead_letters.bury(partition, number, record, rejection)
        if command is not None:
            self._work.commands.append(command)
