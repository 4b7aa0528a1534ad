"""Every exception that this program raises on purpose.

ProfileConsumerError
├── Invalid                 something a person wrote is wrong; holds every problem at once
│   ├── SettingsInvalid
│   ├── MappingsInvalid
│   └── LedgerInvalid
├── KafkaFailed             a command needs Kafka and cannot have it
└── Stopped                 the service stops by itself (exit 4); the message is the reason
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Problem(NamedTuple):
    """One fault in a file that a person wrote; `line` and `column` are 1-based, 0 when there is no place."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """`file:line:col: message`, or `file: message` for a fault without a place."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class ProfileConsumerError(Exception):
    """Base of all exceptions that this program raises on purpose."""


class Invalid(ProfileConsumerError):
    """Something a person wrote is wrong; `problems` lists everything that is, sorted by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class SettingsInvalid(Invalid):
    """The settings file or the environment."""


class MappingsInvalid(Invalid):
    """The mapping files, their schemas or their cases."""


class LedgerInvalid(Invalid):
    """The topic of the quota ledger: its settings would let calls be forgotten."""


class KafkaFailed(ProfileConsumerError):
    """A command needs Kafka and cannot have it; the message says which broker, what happened and what to do."""


class Stopped(ProfileConsumerError):
    """The service stops by itself and holds its offsets; the message is the reason (exit code 4)."""
