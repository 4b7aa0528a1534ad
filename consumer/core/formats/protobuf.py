"""Protobuf messages to values, by functions made of their descriptor once: a dict by the names of the `.proto` file.

A field without presence always has a value, its default if need be; an unset one with presence (`optional`, a message,
in a `oneof`) is missing. Enums are their name, a number that has none is that number as text. Keys of maps are text.
Timestamps are RFC 3339, durations such as `1.500s`, wrappers what they wrap, `Struct` and its kin the JSON they stand
for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from google.protobuf import empty_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, EncodeError
from google.protobuf.message_factory import GetMessageClass

from consumer.core.event import DecodeFailed, NotEncodable
from consumer.core.files.problems import suggestion
from consumer.core.formats.wire_values import duration_text, moment_text, shortest_float
from consumer.core.values import kind_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, EnumDescriptor
    from google.protobuf.message import Message

    from consumer.core.event import Decoder

_NO_FIELD = re.compile(r'Message type "(.*?)" has no field named "(.*?)" at')
Convert = Callable[[Any], Any]

_GIGA = 1_000_000_000
_has_field = empty_pb2.Empty.HasField
"""Of any message, even of one with a field of that name."""


def proto_decoder(message: Descriptor) -> Decoder:
    """Decodes bodies that hold one message of this type."""
    parse = GetMessageClass(message).FromString
    read = _Readers().message(message)
    checks = _has_required(message, set())

    def decode(payload: bytes) -> Any:  # noqa: ANN401 - any value of an event
        try:
            parsed = parse(payload)
        except DecodeError:
            raise DecodeFailed(f"no {message.full_name}: truncated, or of another type") from None
        if checks and not parsed.IsInitialized():
            raise DecodeFailed(f"no {message.full_name}: a required field is missing")
        return read(parsed)

    return decode


def encode_proto(message: Descriptor, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The body of an event that is written as JSON.

    Raises:
        NotEncodable: it is no such message; the message says where.
    """
    if not isinstance(value, dict):
        raise NotEncodable(f"event: {message.full_name} is an object, not {kind_of(value)}")
    try:
        return ParseDict(value, GetMessageClass(message)()).SerializeToString()
    except (ParseError, EncodeError, AttributeError) as error:  # the last one for a field named DESCRIPTOR
        raise NotEncodable(f"event: no {message.full_name}: {_in_words(str(error), message)}") from None


def _in_words(error: str, message: Descriptor) -> str:
    """What the library says, which may have several lines, on one."""
    if unknown := _NO_FIELD.search(error):
        known = message.file.pool.FindMessageTypeByName(unknown[1]).fields_by_name
        return f"the schema has no field {unknown[2]!r}; {suggestion(unknown[2], known)}"
    return " ".join(error.split()).rstrip(".")


class _Readers:
    """Makes the functions that read messages; those of a type that contains itself call each other."""

    def __init__(self) -> None:
        self._messages: dict[str, Convert] = {}

    def message(self, message: Descriptor) -> Convert:
        name = message.full_name
        if name in _SPECIAL:
            return _SPECIAL[name]
        if name in self._messages:
            return partial(self._again, name)
        self._messages[name] = _itself  # until it is made
        self._messages[name] = read = self._fields(message)
        return read

    def _again(self, name: str, value: Any) -> Any:  # noqa: ANN401 - a message in, a dict out
        return self._messages[name](value)

    def _fields(self, message: Descriptor) -> Convert:
        always = [field for field in message.fields if not field.has_presence]
        converted = [(field.name, convert) for field in always if (convert := self._convert(field))]
        plain = [field.name for field in always if field.name not in dict(converted)]
        present = [(field.name, self._convert(field)) for field in message.fields if field.has_presence]
        get = attrgetter(*plain) if plain else None
        single = len(plain) == 1

        def read(value: Message) -> dict[str, Any]:
            event: dict[str, Any] = {}
            if get is not None:
                values = get(value)
                event.update(zip(plain, (values,) if single else values, strict=True))
            for name, convert in converted:
                event[name] = convert(getattr(value, name))
            for name, maybe in present:
                if _has_field(value, name):
                    there = getattr(value, name)
                    event[name] = maybe(there) if maybe else there
            return event

        return read

    def _convert(self, field: FieldDescriptor) -> Convert | None:
        """What makes the value of a field; None when it is that value already."""
        if field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
            return self._map(field.message_type)
        convert = self._single(field)
        if not field.is_repeated:
            return convert
        return (lambda values: [convert(value) for value in values]) if convert else list

    def _single(self, field: FieldDescriptor) -> Convert | None:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        return shortest_float if field.type == FieldDescriptor.TYPE_FLOAT else None

    def _map(self, entry: Descriptor) -> Convert:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        text: Convert = str if key.type != FieldDescriptor.TYPE_BOOL else lambda key: "true" if key else "false"
        convert = self._single(value) or _itself
        return lambda values: {text(key): convert(value) for key, value in values.items()}


def _itself(value: Any) -> Any:  # noqa: ANN401 - any value of an event
    return value


def _enum(enum: EnumDescriptor) -> Convert:
    names = {number: value.name for number, value in enum.values_by_number.items()}
    return lambda number: names.get(number) or str(number)


def _has_required(message: Descriptor, seen: set[str]) -> bool:
    if message.full_name in seen:
        return False
    seen.add(message.full_name)
    return any(
        field.is_required or (field.message_type is not None and _has_required(field.message_type, seen))
        for field in message.fields
    )


# -- the messages that come with Protobuf and stand for something else -------------------------------------------------


def _json(value: Any) -> Any:  # noqa: ANN401 - a google.protobuf.Value in, any JSON value out
    kind = value.WhichOneof("kind")
    if kind in ("struct_value", "list_value"):
        return (_struct if kind == "struct_value" else _list)(getattr(value, kind))
    return None if kind in (None, "null_value") else getattr(value, kind)


def _struct(value: Any) -> Any:  # noqa: ANN401 - a google.protobuf.Struct in, a dict out
    return {name: _json(field) for name, field in value.fields.items()}


def _list(value: Any) -> Any:  # noqa: ANN401 - a google.protobuf.ListValue in, a list out
    return [_json(item) for item in value.values]


_SPECIAL: dict[str, Convert] = {
    "google.protobuf.Timestamp": lambda value: moment_text(value.seconds * _GIGA + value.nanos, _GIGA),
    "google.protobuf.Duration": lambda value: duration_text(value.seconds * _GIGA + value.nanos),
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _json,
    "google.protobuf.FloatValue": lambda value: shortest_float(value.value),
} | dict.fromkeys(
    (
        f"google.protobuf.{kind}Value"
        for kind in ("Double", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
    ),
    attrgetter("value"),
)
