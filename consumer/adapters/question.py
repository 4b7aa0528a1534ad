"""A question to Kafka that nobody waits for: whoever asks takes it a step further each time it turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


class Question(Generic[T]):
    """At most one question of `kafka_lookup` at a time, which yields until its answer is there."""

    def __init__(self, steps: Generator[None, None, T] | None = None) -> None:
        self._steps = steps

    @property
    def open(self) -> bool:
        """Whether an answer is awaited."""
        return self._steps is not None

    def ask(self, steps: Generator[None, None, T]) -> None:
        """Ask; a question that was open is forgotten."""
        self._steps = steps

    def answers(self) -> list[T]:
        """Go a step further: the answer once it is there, till then nothing. What it raises ends it."""
        if self._steps is None:
            return []
        steps, self._steps = self._steps, None
        try:
            next(steps)
        except StopIteration as done:
            return [done.value]
        self._steps = steps
        return []
