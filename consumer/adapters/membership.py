"""Whether the group has taken us in, also when it has nothing to give us; after a standstill, whether it still has us.

In the classic protocols the library tells the first with an empty assignment. In the protocol `consumer` it does not:
there the group is asked. The second the library finds out with its next heartbeat, and tells it later than a call could
leave: so the group is asked that too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from consumer.adapters import kafka_errors
from consumer.adapters.question import Question

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.adapters.kafka_lookup import Lookup

ASK_EVERY = 1.0
"""Seconds between two questions while we don't know."""


class Membership:
    """Keeps `joined` (it `asks` for it in the protocol `consumer`) and `certain`, which `doubt` puts in question."""

    def __init__(self, lookup: Lookup, group_id: str, *, asks: bool) -> None:
        self._lookup = lookup
        self._group_id = group_id
        self._asks = asks
        self._question: Question[int | None] = Question()
        self._next = 0.0
        self.joined = False
        self.certain = True

    def doubt(self) -> None:
        """The group may have gone on without us; whatever was asked before says nothing of that."""
        self._question, self._next = Question(), 0.0
        self.certain = False

    def turn(self, member_id: Callable[[], str | None], now: float) -> None:
        """Go a step further; `member_id` asks the library by which name the group knows us, which takes a moment."""
        if self.certain and (self.joined or not self._asks):
            return
        if not self._question.open and now >= self._next and (name := member_id()):
            self._next = now + ASK_EVERY
            self._question.ask(self._lookup.given(self._group_id, name))
        try:
            for given in self._question.answers():
                self.certain = self.certain or given is not None
                self.joined = self.joined or (self._asks and given == 0)
        except KafkaException as error:  # the library meets the same failure, and it is told from there
            if kafka_errors.cause(error).code() == KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001  # librdkafka's own
                self.certain = True  # who can't be asked, as the embedded broker, must not hold up everything
