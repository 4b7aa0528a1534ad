"""What the engine asks the outside world to do; the runner carries these out in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consumer.core.gate import Permit
    from consumer.core.profile import Rejection
    from consumer.core.record import Record, TopicPartition


class Send(NamedTuple):
    """Make one call of the Single Profile Update API.

    `permit` proves that the gate let it through and the quota counted it. `identity` is the encoded identity parameter
    (`mbox3rdPartyId=c-1`), `attributes` the encoded `profile.name=value` pairs joined by `&`; both ASCII. `number`
    comes back with the outcome.
    """

    number: int
    permit: Permit
    identity: bytes
    attributes: bytes


class DeadLetter(NamedTuple):
    """Write one record to the dead-letter topic; it is resolved by the broker's delivery report only.

    `record` has no value, key and headers worth keeping when `body_lost` (it has left its topic). `attempts` counts
    the calls made with this record, `status` is the last answer's HTTP status. `generation` is that of the
    partition's assignment and comes back with the report.
    """

    record: Record
    rejection: Rejection
    attempts: int = 0
    status: int | None = None
    body_lost: bool = False
    generation: int = 0


class ReadAgain(NamedTuple):
    """Read these offsets of a partition once more, with a consumer that is not in the group."""

    partition: TopicPartition
    offsets: tuple[int, ...]
    generation: int


class FetchSchema(NamedTuple):
    """Ask the schema registry for a schema; the answer is a `SchemaAnswer`, whatever happens."""

    id: int


class Pause(NamedTuple):
    """Stop fetching a partition."""

    partition: TopicPartition


class Resume(NamedTuple):
    """Fetch a paused partition again."""

    partition: TopicPartition


Command = Send | DeadLetter | ReadAgain | FetchSchema | Pause | Resume
