"""The formats of events: what reads their bytes, what is known of them beforehand, what checks them.

What reads a format is imported for the first mapping that has it: the libraries take megabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import orjson

from consumer.core.event import DecodeFailed, Decoder, NotEncodable, decode_json
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.registered import (
    Language,
    RegisteredSchema,
    RegisteredSchemas,
    frame,
    own_id,
    unframe,
    write_indexes,
)
from consumer.core.formats.type_shape import TypeShape

if TYPE_CHECKING:
    from collections.abc import Mapping as Files

    from consumer.core.formats.event_schema import Shape, Validator

FormatName = Literal["json", "avro", "protobuf", "registry"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)

Encode = Callable[[Any], bytes]


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
    """A format at work; `shape` is None when nothing is known beforehand, `validator` when nothing is to be checked.

    `encode` makes the bytes of an event that is written as JSON, and raises `NotEncodable`; None where that is it.
    `registered` is there with `registry`: the schema that the mapping names, as a registry would have it; `encode`
    frames with its `own_id`, and `names` are the records or messages that framed events are read as.
    """

    decode: Decoder
    shape: Shape | None = None
    validator: Validator | None = None
    encode: Encode | None = None
    registered: RegisteredSchema | None = None
    names: frozenset[str] = frozenset()

    def written(self, content: bytes) -> bytes:
        """The bytes of an event that is written as JSON.

        Raises:
            NotEncodable: the schema has no place for it, or it is not JSON.
        """
        if self.encode is None:
            return content
        try:
            return self.encode(decode_json(content))
        except DecodeFailed as failure:
            raise NotEncodable(f"event: {failure}") from None

    def payload(self, content: bytes) -> bytes:
        """The bytes of an event in a file: as they are, or written as JSON, which then is an object.

        A framed one is read as the schema that the mapping names, whatever id it has.

        Raises:
            NotEncodable: as `written`.
        """
        if content.lstrip()[:1] == b"{":
            return self.written(content)
        if self.registered is None:
            return content
        try:
            return frame(own_id(self.registered), unframe(content)[1])
        except DecodeFailed:
            return content


_LANGUAGES: dict[str, FormatName] = {".json": "json", ".avsc": "avro", ".proto": "protobuf"}


def read_format(declared: Declared, files: Files[str, bytes]) -> EventFormat:
    """The format that a mapping declares; its schema is among `files`.

    Raises:
        SchemaInvalid: the schema is missing or can't be used, or the message is not in it.
    """
    language = _language(declared)
    if declared.message is not None and language != "protobuf":
        raise SchemaInvalid("message: only Protobuf has messages; remove it, or write format: protobuf", "message")
    if declared.schema is None:
        found = EventFormat(decode_json)
    else:
        try:
            found = _READERS[language](declared, files)
        except SchemaInvalid as fault:
            raise SchemaInvalid(f"{declared.schema}: {fault}", fault.key) from None
    return _framed(found, declared, files) if declared.format == "registry" else found


def _language(declared: Declared) -> FormatName:
    """The format of the body."""
    if declared.format != "registry":
        if declared.schema is None and declared.format != "json":
            raise SchemaInvalid(f"format: {declared.format} needs a schema; name its file under `schema:`", "format")
        return declared.format
    if declared.schema is None:
        return "json"
    suffix = f".{declared.schema.rpartition('.')[2]}"
    if suffix not in _LANGUAGES:
        raise SchemaInvalid(f"schema: with format: registry its name ends in {', '.join(_LANGUAGES)}")
    return _LANGUAGES[suffix]


def _framed(body: EventFormat, declared: Declared, files: Files[str, bytes]) -> EventFormat:
    """What is known of framed events, by what is known of their bodies."""
    from consumer.core.formats.framed import FramedDecoder, declared_names, proto_file  # noqa: PLC0415

    language: Language = _REGISTRY_WORDS[_language(declared)]
    text = files[declared.schema].decode() if declared.schema else "{}"
    others = [(name, content) for name, content in files.items() if name.endswith(".proto") and name != declared.schema]
    references = tuple((name, content.decode(errors="replace")) for name, content in others)
    registered = RegisteredSchema(language, text, references if language == "PROTOBUF" else ())
    number, encode = own_id(registered), body.encode or orjson.dumps
    indexes = b""
    if language == "PROTOBUF":
        from consumer.core.formats.proto_file import indexes_of, message_named  # noqa: PLC0415

        indexes = write_indexes(indexes_of(message_named(proto_file(registered), declared.message)))
    return body._replace(
        decode=FramedDecoder(RegisteredSchemas({number: registered}), [registered]),
        encode=lambda event: frame(number, indexes + encode(event)),
        registered=registered,
        names=declared_names(registered),
    )


def _json(declared: Declared, files: Files[str, bytes]) -> EventFormat:
    from consumer.core.formats.json_schema import JsonSchema  # noqa: PLC0415

    schema = JsonSchema(files[str(declared.schema)])
    return EventFormat(decode_json, schema.shape, schema)


def _avro(declared: Declared, files: Files[str, bytes]) -> EventFormat:
    from consumer.core.formats.avro import avro_decoder  # noqa: PLC0415
    from consumer.core.formats.avro_encode import encode_avro  # noqa: PLC0415
    from consumer.core.formats.avro_schema import parse_avro  # noqa: PLC0415

    declared_type = parse_avro(files[str(declared.schema)])
    return EventFormat(
        avro_decoder(declared_type), TypeShape([declared_type]), encode=partial(encode_avro, declared_type)
    )


def _protobuf(declared: Declared, files: Files[str, bytes]) -> EventFormat:
    from consumer.core.formats.proto_file import message_named, read_proto  # noqa: PLC0415
    from consumer.core.formats.proto_types import message_type  # noqa: PLC0415
    from consumer.core.formats.protobuf import encode_proto, proto_decoder  # noqa: PLC0415

    name = str(declared.schema)
    message = message_named(read_proto(name, files[name], files), declared.message)
    return EventFormat(
        proto_decoder(message), TypeShape([message_type(message)]), encode=partial(encode_proto, message)
    )


_REGISTRY_WORDS: dict[FormatName, Language] = {"json": "JSON", "avro": "AVRO", "protobuf": "PROTOBUF"}
_READERS: dict[FormatName, Callable[[Declared, Files[str, bytes]], EventFormat]] = {
    "json": _json,
    "avro": _avro,
    "protobuf": _protobuf,
}
