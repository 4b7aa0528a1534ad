"""The formats of events: what reads their bytes, what is known of them beforehand, what checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from consumer.core.event import Decoder, decode_json
from consumer.core.event_schema import SchemaInvalid
from consumer.core.json_schema import JsonSchema

if TYPE_CHECKING:
    from collections.abc import Mapping as Files

    from consumer.core.event_schema import Shape, Validator

FormatName = Literal["json", "avro", "protobuf", "registry"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)


class Declared(NamedTuple):
    """What a mapping file says of its events: the format, the schema's file name, the Protobuf message."""

    format: FormatName = "json"
    schema: str | None = None
    message: str | None = None

    @property
    def reading(self) -> tuple[str | None, ...]:
        """What decides how bytes are read; the same for all mappings of a topic. A JSON schema only checks."""
        return self if self.format in ("avro", "protobuf") else (self.format,)


class EventFormat(NamedTuple):
    """A format at work; `shape` is None when nothing is known beforehand, `validator` when nothing is to be checked."""

    decode: Decoder
    shape: Shape | None = None
    validator: Validator | None = None


def read_format(declared: Declared, files: Files[str, bytes]) -> EventFormat:
    """The format that a mapping declares; its schema is among `files`.

    Raises:
        SchemaInvalid: the schema is missing or can't be used, or the message is not in it.
    """
    if declared.format != "json":
        raise SchemaInvalid(f"format {declared.format} is not supported in this version", "format")
    if declared.message is not None:
        raise SchemaInvalid("message: only Protobuf has messages; remove it, or write format: protobuf", "message")
    if declared.schema is None:
        return EventFormat(decode_json)
    try:
        schema = JsonSchema(files[declared.schema])
    except SchemaInvalid as fault:
        raise SchemaInvalid(f"{declared.schema}: {fault}") from None
    return EventFormat(decode_json, schema.shape, schema)
