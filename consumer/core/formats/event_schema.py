"""What a schema says of events, be it JSON Schema, Avro or Protobuf; paths and expressions are checked by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

    from consumer.core.paths import Path, Step

Kind = Literal["object", "array", "string", "number", "integer", "boolean", "null", "bytes"]
"""What a value may be. Where a fraction is possible, both `number` and `integer` are; where none is, only `integer`."""


class SchemaInvalid(ValueError):
    """A schema can't be used; the message says why, `key` which key of the mapping file is to be changed."""

    def __init__(self, message: str, key: Literal["schema", "message", "format"] = "schema") -> None:
        self.key = key
        super().__init__(message)


class PathImpossible(ValueError):
    """The schema leaves no room for a path; `known` are the names that stand where it leaves the schema."""

    def __init__(self, step: Step, known: tuple[str, ...], message: str) -> None:
        self.step = step
        self.known = known
        super().__init__(message)


class Shape(Protocol):
    """What may stand at one place of an event."""

    @property
    def identity(self) -> Hashable:
        """The same for the same place of the schema, so that whoever walks a schema that contains itself can stop."""
        ...

    @property
    def kinds(self) -> frozenset[Kind]:
        """Every kind that a value may have; all of them where the schema says nothing."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the schema lists of an object here, in its order."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether an object here may have fields that are not listed."""
        ...

    def field(self, name: str) -> Shape:
        """What stands in the field `name` of an object here.

        Raises:
            PathImpossible: no object here has it.
        """
        ...

    def item(self, index: int | None = None) -> Shape:
        """What stands at an index of a list here (from the end if negative), or at any of them.

        Raises:
            PathImpossible: no list here is that long.
        """
        ...

    @property
    def constants(self) -> tuple[Any, ...]:
        """The values that the schema lists, where only listed ones can be; for suggestions."""
        ...

    def said(self, keyword: str) -> tuple[Any, ...]:
        """What JSON Schema's `keyword` says here, wherever it stands; for tools, nothing is decided by it."""
        ...

    def allows(self, constant: Any) -> bool:  # noqa: ANN401 - any JSON scalar
        """Whether a value here may be this text, number, boolean or None."""
        ...


class Validator(Protocol):
    """Checks whole events; needed where decoding does not check by itself."""

    def is_valid(self, event: Any, /) -> bool:  # noqa: ANN401 - any value of an event
        """Whether the event is as the schema wants it; this runs for every event."""
        ...

    def fault(self, event: Any, /) -> str:  # noqa: ANN401 - any value of an event
        """Where and why the event is not; holds nothing of the event."""
        ...


def shape_at(shape: Shape, path: Path) -> Shape:
    """What may stand at an event path, `shape` being that of the whole event.

    Raises:
        PathImpossible: no event has the path.
    """
    for step in path.steps:
        container: Kind = "array" if isinstance(step, int) else "object"
        if container not in shape.kinds:
            have = " or ".join(sorted(shape.kinds)) or "nothing"
            raise PathImpossible(step, (), f"the schema has {have} there, not an {container}")
        shape = shape.item(step) if isinstance(step, int) else shape.field(step)
    return shape
