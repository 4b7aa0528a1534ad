"""Whether the group has taken us in, also when it has nothing to give us.

In the classic protocols the library tells that with an empty assignment. In the protocol `consumer` it does not: there
the group is asked.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from consumer.adapters.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.adapters.kafka_lookup import Lookup

ASK_EVERY = 1.0
"""Seconds between two questions while we don't know."""


class Membership:
    """Keeps `joined`; `asks` in the protocol `consumer`."""

    def __init__(self, lookup: Lookup, group_id: str, *, asks: bool) -> None:
        self._lookup = lookup
        self._group_id = group_id
        self._asks = asks
        self._question: Question[bool] = Question()
        self._next = 0.0
        self.joined = False

    def turn(self, member_id: Callable[[], str | None], now: float) -> None:
        """Go a step further; `member_id` asks the library by which name the group knows us, which takes a moment."""
        if self.joined or not self._asks:
            return
        if not self._question.open and now >= self._next and (name := member_id()):
            self._next = now + ASK_EVERY
            self._question.ask(self._lookup.has_nothing(self._group_id, name))
        with suppress(KafkaException):  # the library meets the same failure, and it is told from there
            for answer in self._question.answers():
                self.joined = answer
