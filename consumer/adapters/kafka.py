"""The group's consumer: the only place that talks to it, used by one thread, and nothing in it waits for Kafka.

The library calls back from inside `poll`. Partitions given to us are not read until their start is known
(`start_position`), which is asked on another connection while the loop turns. Partitions taken from us are drained by
the listener inside the callback: as long as it has not returned, the group does not go on, so nobody else reads them
while a call of ours is on the wire. The commits that it returns go to the library before the callback returns, and are
sent before the member rejoins: their results count as unknown. A *lost* partition belongs to somebody else already:
nothing is drained, nothing committed, since a commit could undo the other's.

A batch may hold records of a partition that is revoked while it is collected. They are dropped here: the listener has
never seen them, so its commits don't cover them. Positions come from commits or from `start_position`, never from the
library: `auto.offset.reset` is `error`.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from consumer.adapters import kafka_errors
from consumer.adapters.end_offsets import EndOffsets, Reading
from consumer.adapters.kafka_commits import Commits
from consumer.adapters.kafka_errors import Place
from consumer.adapters.kafka_faults import Faults
from consumer.adapters.kafka_health import KafkaHealth, Trouble
from consumer.adapters.kafka_lookup import Lookup
from consumer.adapters.kafka_message import to_record
from consumer.adapters.membership import Membership
from consumer.adapters.out_of_range import OutOfRange
from consumer.adapters.start_position import StartPositions
from consumer.adapters.subscription import Listener, Subscription, group_config
from consumer.core.partition import Assignment
from consumer.core.record import TopicPartition
from consumer.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from confluent_kafka import KafkaError

    from consumer.adapters.kafka_config import Connection
    from consumer.adapters.out_of_range import Move
    from consumer.adapters.start_position import Located
    from consumer.core.acknowledgement import CommitResult
    from consumer.core.partition import Commit
    from consumer.core.record import Record

__all__ = ["KafkaSource", "Listener", "Subscription", "Trouble"]


ASKING = 0.01
"""Seconds that a turn waits at most while Kafka is asked for the start of partitions, or whether they are ours."""


class KafkaSource:
    """Reads the topics as a member of the group, from its construction on.

    `may_begin`: whether a topic's start may be committed, which makes the group one that has worked.

    Raises:
        SettingsInvalid: `kafka.properties` are not accepted.
    """

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        listener: Listener,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> None:
        self._listener = listener
        self._lookup = Lookup(connection)
        self._positions = StartPositions(
            self._lookup, subscription.group_id, subscription.start_from, self._commit_starts, may_begin
        )
        place = Place(connection.bootstrap_servers, subscription.group_id)
        self._health = KafkaHealth(self._lookup, place, subscription.topics, time.monotonic())
        self._out_of_range = OutOfRange(self._lookup, subscription.on_out_of_range)
        self._ends = EndOffsets(self._lookup)
        self._faults = Faults(
            self._health, self._out_of_range, lambda key, offset: self._ends.finished(key, offset, self._reading)
        )
        self._commits = Commits()
        self._reading: dict[TopicPartition, Reading] = {}
        self._ready: list[Located] = []
        self._paused: set[TopicPartition] = set()
        self._gone: set[TopicPartition] = set()
        self._generation = 0
        self._closing = False
        self._membership = Membership(
            self._lookup, subscription.group_id, asks=subscription.group_protocol == "consumer"
        )
        config = group_config(connection, subscription)
        self._eager = "cooperative" not in str(config.get("partition.assignment.strategy", "cooperative"))
        callbacks = {
            "error_cb": lambda error: self._faults.reported(error, time.monotonic()),
            "on_commit": self._on_commit,
        }
        try:
            self._consumer = Consumer({**config, **callbacks}, logger=logging.getLogger("confluent_kafka"))
        except KafkaException as error:
            raise kafka_errors.properties_refused(error) from None
        self._consumer.subscribe(
            list(subscription.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    # -- what the loop does --------------------------------------------------------------------------------------------

    def poll(self, timeout: float, max_records: int) -> list[Record]:
        """Records, those of a partition in the order of its offsets; waits at most `timeout` seconds for the first.

        Raises:
            Stopped: It can't go on (once; from then on there are no more records).
        """
        self._turn()
        self._gone.clear()
        asking = self._positions.asking or not self.certain
        first = self._consumer.poll(min(timeout, ASKING) if asking else timeout)
        messages = [] if first is None else [first, *self._consumer.consume(max_records - 1, 0.0)]
        now = time.monotonic()
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(to_record(message))
            else:
                self._faults.message(error, message, now)
        self._out_of_range.drop(self._gone)
        self._faults.raise_if_stopped()
        return [record for record in records if record[:2] not in self._gone] if self._gone else records

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch no more of these; those that are not ours are let go."""
        ours = [key for key in partitions if key in self._reading]
        self._paused.update(ours)
        self._consumer.pause([KafkaPartition(*key) for key in ours])

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch these again; those that are not ours are let go."""
        ours = [key for key in partitions if key in self._reading]
        self._paused.difference_update(ours)
        self._consumer.resume([KafkaPartition(*key) for key in ours])

    def commit(self, commits: Iterable[Commit]) -> None:
        """Commit, without waiting; the results come from `committed`."""
        self._add(commits)
        self._commits.send(self._consumer)

    def committed(self) -> list[CommitResult]:
        """Results that came in, during `poll`, since the last call. A commit that a newer one replaced has none."""
        return self._commits.results()

    def end_offsets(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """The newest known end of each partition that is read; of one not fetched yet there is none.

        `positions`: the offset after the last record of each that was read. See `EndOffsets.of`.
        """
        return self._ends.of(self._consumer, self._reading, positions)

    @property
    def joined(self) -> bool:
        """Whether the group gave us partitions, or said that there are none to give."""
        return self._membership.joined

    def confirm(self) -> None:
        """Ask the group whether it still has us; `certain` says so from then on."""
        self._membership.doubt()

    @property
    def certain(self) -> bool:
        """Whether the group has us, as far as it was asked."""
        return self._membership.certain

    @property
    def trouble(self) -> Trouble | None:
        """Why Kafka does not serve us."""
        return self._health.trouble

    def close(self, seconds: float) -> bool:
        """Leave the group; False when Kafka did not let go within `seconds`, the rest then ends with the process.

        The library waits without limit for a coordinator that does not answer.
        """
        self._closing = True
        leaving = Thread(target=self._consumer.close, daemon=True, name="kafka-close")
        leaving.start()
        leaving.join(seconds)
        return not leaving.is_alive()

    # -- every turn ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        now = time.monotonic()
        self._lookup.serve()
        self._commits.send(self._consumer)
        try:
            self._begin(self._positions.turn(now))
            for move in self._out_of_range.turn(now):
                self._move(move)
        except KafkaException as error:
            self._faults.failed(kafka_errors.cause(error), now)
        except Stopped as stopped:
            self._faults.stop(str(stopped))
        self._membership.turn(self._consumer.memberid, now)
        self._ends.turn(self._paused, now)
        self._health.turn(now)
        self._faults.raise_if_stopped()

    def _begin(self, located: list[Located]) -> None:
        """Read partitions from where they start; an eager group gives all or none."""
        self._ready += located
        if not self._ready or (self._eager and self._positions.locating):
            return
        ready, self._ready = self._ready, []
        parts = [KafkaPartition(*item.assignment.partition, item.start) for item in ready]
        (self._consumer.assign if self._eager else self._consumer.incremental_assign)(parts)
        self._consumer.resume(parts)
        for assignment, start in ready:
            self._reading[assignment.partition] = Reading(assignment.generation, start)
        self._listener.assigned([item.assignment for item in ready])

    def _move(self, move: Move) -> None:
        """Read on elsewhere; what was read behind that place is drained and forgotten, since its offsets come again."""
        key, start, backward = move
        generation = self._reading[key].generation
        if backward:
            self._listener.revoking([key])
            self._paused.discard(key)
            generation = self._next_generation()
        self._reading[key] = Reading(generation, start)
        part = KafkaPartition(*key, start)
        if self._eager:
            self._consumer.assign([part, *self._positions_of(self._reading.keys() - {key})])
        else:
            self._consumer.incremental_unassign([part])
            self._consumer.incremental_assign([part])
        self._consumer.resume([part])
        self._consumer.pause([KafkaPartition(*paused) for paused in self._paused])
        if backward:
            self._listener.assigned([Assignment(key, generation, None)])

    def _positions_of(self, partitions: Iterable[TopicPartition]) -> list[KafkaPartition]:
        parts = self._consumer.position([KafkaPartition(*key) for key in partitions])
        for part in parts:
            if part.offset < 0:
                part.offset = self._reading[TopicPartition(part.topic, part.partition)].start
        return parts

    # -- commits -------------------------------------------------------------------------------------------------------

    def _add(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            reading = self._reading.get(commit.partition)
            if reading is None or reading.generation != commit.generation:
                self._commits.refused(commit)
            else:
                self._commits.add([commit])

    def _commit_starts(self, starts: dict[TopicPartition, int]) -> Future[KafkaError | None]:
        answer: Future[KafkaError | None] = Future()
        self._commits.request(
            self._consumer,
            [KafkaPartition(*key, start) for key, start in starts.items()],
            lambda errors: answer.set_result(next(filter(None, errors.values()), None)),
        )
        return answer

    def _on_commit(self, error: KafkaError | None, offsets: list[KafkaPartition]) -> None:
        self._commits.answered(error, offsets)
        if error is not None and error.code() in kafka_errors.REFUSED:
            self._faults.failed(error, time.monotonic(), offsets[0].topic)

    # -- partitions come and go (called by the library from inside `poll` and `close`) ---------------------------------

    def _next_generation(self) -> int:
        self._generation += 1
        return self._generation

    def _on_assign(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        self._membership.joined = True
        (consumer.assign if self._eager else consumer.incremental_assign)([])
        self._positions.add(_keys(partitions), self._next_generation())

    def _on_revoke(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        reading = [key for key in _keys(partitions) if key in self._reading]
        if reading and not self._closing:
            self._add(self._listener.revoking(reading))
            self._commits.send(consumer, at_once=True)
        self._release(consumer, _keys(partitions))

    def _on_lost(self, consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        reading = [key for key in _keys(partitions) if key in self._reading]
        if reading and not self._closing:
            self._listener.lost(reading)
        self._release(consumer, _keys(partitions))

    def _release(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._positions.drop(partitions)
        self._out_of_range.drop(partitions)
        self._ready = [item for item in self._ready if item.assignment.partition not in partitions]
        self._gone.update(partitions)
        self._paused.difference_update(partitions)
        reading = [KafkaPartition(*key) for key in partitions if self._reading.pop(key, None)]
        if self._eager:
            consumer.unassign()
        else:
            consumer.incremental_unassign(reading)


def _keys(partitions: Iterable[KafkaPartition]) -> list[TopicPartition]:
    return [TopicPartition(part.topic, part.partition) for part in partitions]
