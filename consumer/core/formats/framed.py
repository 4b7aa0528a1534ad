"""Decoding framed events: each by the schema it was written with, as the schema that a mapping names sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.core.event import DecodeFailed, Decoder, decode_json
from consumer.core.formats.avro import avro_decoder
from consumer.core.formats.avro_schema import parse_avro
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.proto_file import all_messages, message_at, read_proto, serialized
from consumer.core.formats.protobuf import proto_decoder
from consumer.core.formats.registered import (
    RegisteredSchema,
    RegisteredSchemas,
    SchemaUnknown,
    is_registered,
    message_indexes,
    unframe,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import Descriptor, FileDescriptor

    from consumer.core.formats.event_types import EventType

_MAIN = "registered.proto"


class FramedDecoder:
    """Decodes the events of one topic.

    Args:
        schemas: What has been fetched so far; it grows.
        readers: The schemas that mappings name. An event is read as the one that declares its record or message (by
        full name or alias), else as it was written.
    """

    def __init__(self, schemas: RegisteredSchemas, readers: Iterable[RegisteredSchema]) -> None:
        self._schemas = schemas
        self._decoders: dict[int, Decoder] = {}
        self._avro: dict[str, EventType] = {}
        self._messages: dict[str, Descriptor] = {}
        for reader in readers:
            if reader.language == "AVRO":
                self._avro |= dict.fromkeys(declared_names(reader), avro_type(reader))
            elif reader.language == "PROTOBUF":
                self._messages |= {message.full_name: message for message in all_messages(proto_file(reader))}

    def __call__(self, payload: bytes) -> Any:  # noqa: ANN401 - any value of an event
        """The event in a payload.

        Raises:
            DecodeFailed: it is not framed, or its body is not what its schema says.
            SchemaUnknown: its schema has to be fetched before.
        """
        schema_id, body = unframe(payload)
        decode = self._decoders.get(schema_id)
        if decode is None:
            schema = self._schemas.get(schema_id)
            if schema is None:
                raise SchemaUnknown(schema_id)
            decode = self._decoders[schema_id] = self._decoder(schema)
        try:
            return decode(body)
        except DecodeFailed as fault:
            raise DecodeFailed(f"{fault} (schema {schema_id})" if is_registered(schema_id) else str(fault)) from None

    def _decoder(self, schema: RegisteredSchema) -> Decoder:
        try:
            if schema.language == "AVRO":
                writer = avro_type(schema)
                return avro_decoder(writer, self._avro.get(writer.name))
            if schema.language == "PROTOBUF":
                return _FramedMessages(schema, self._messages)
        except SchemaInvalid as fault:
            return _refusing(f"the schema as the registry has it can't be used: {fault}")
        return decode_json


class _FramedMessages:
    """Decodes bodies that begin with the indexes of their message."""

    def __init__(self, schema: RegisteredSchema, readers: dict[str, Descriptor]) -> None:
        self._file = proto_file(schema)
        self._entries = serialized(schema.text.encode()) is not None
        self._readers = readers
        self._decoders: dict[tuple[int, ...], Decoder] = {}

    def __call__(self, body: bytes) -> Any:  # noqa: ANN401 - any value of an event
        indexes, start = message_indexes(body)
        decode = self._decoders.get(indexes)
        if decode is None:
            message = message_at(self._file, indexes, entries=self._entries)
            decode = self._decoders[indexes] = proto_decoder(self._readers.get(message.full_name, message))
        return decode(body[start:])


def avro_type(schema: RegisteredSchema) -> EventType:
    """The type that a registered Avro schema declares.

    Raises:
        SchemaInvalid: it declares none.
    """
    return parse_avro(schema.text.encode(), tuple(text.encode() for _, text in schema.references))


def proto_file(schema: RegisteredSchema) -> FileDescriptor:
    """The file that a registered Protobuf schema is.

    Raises:
        SchemaInvalid: it is none.
    """
    return read_proto(_MAIN, schema.text.encode(), {name: text.encode() for name, text in schema.references})


def declared_names(schema: RegisteredSchema) -> frozenset[str]:
    """The full names under which events are read as this schema; none for JSON Schema, which only checks."""
    if schema.language == "AVRO":
        declared = avro_type(schema)
        return frozenset({declared.name, *declared.aliases} - {""})
    if schema.language == "PROTOBUF":
        return frozenset(message.full_name for message in all_messages(proto_file(schema)))
    return frozenset()


def _refusing(message: str) -> Decoder:
    def decode(_: bytes) -> Any:  # noqa: ANN401 - never
        raise DecodeFailed(message)

    return decode
