"""Whether the group has taken us in, also when it has nothing to give us.

In the classic protocols the library tells that with an empty assignment. In the protocol `consumer` it does not: there
the group is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from consumer.adapters.kafka_lookup import Lookup

ASK_EVERY = 1.0
"""Seconds between two questions while we don't know."""


class Membership:
    """Keeps `joined`; `asks` in the protocol `consumer`."""

    def __init__(self, lookup: Lookup, group_id: str, *, asks: bool) -> None:
        self._lookup = lookup
        self._group_id = group_id
        self._asks = asks
        self._steps: Generator[None, None, bool] | None = None
        self._next = 0.0
        self.joined = False

    def turn(self, member_id: Callable[[], str | None], now: float) -> None:
        """Go a step further; `member_id` asks the library by which name the group knows us, which takes a moment."""
        if self.joined or not self._asks:
            return
        if self._steps is None and now >= self._next and (name := member_id()):
            self._next = now + ASK_EVERY
            self._steps = self._lookup.has_nothing(self._group_id, name)
        if self._steps is not None:
            steps, self._steps = self._steps, None
            try:
                next(steps)
                self._steps = steps
            except StopIteration as done:
                self.joined = done.value
            except KafkaException:
                pass  # the library meets the same failure, and it is told from there
