"""What a Protobuf message is in an event, as a type: a record of its fields, and what special messages stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor

from consumer.core.formats.event_types import EventField, EventType

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: "int",
    FieldDescriptor.CPPTYPE_UINT32: "long",
    FieldDescriptor.CPPTYPE_INT64: "long",
    FieldDescriptor.CPPTYPE_UINT64: "long",
    FieldDescriptor.CPPTYPE_DOUBLE: "double",
    FieldDescriptor.CPPTYPE_FLOAT: "float",
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
}


def message_type(message: Descriptor) -> EventType:
    """The type of a message as `proto_decoder` gives it."""
    return _message(message, {})


def _message(message: Descriptor, known: dict[str, EventType]) -> EventType:
    name = message.full_name
    if name in known:
        return known[name]
    if special := _special(message):
        return special
    known[name] = record = EventType("record", name)
    record.fields = [EventField(field.name, _field(field, known)) for field in message.fields]
    return record


def _field(field: FieldDescriptor, known: dict[str, EventType]) -> EventType:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return EventType("map", inner=[_single(entry.fields_by_name["value"], known)])
    single = _single(field, known)
    return EventType("array", inner=[single]) if field.is_repeated else single


def _single(field: FieldDescriptor, known: dict[str, EventType]) -> EventType:
    if field.message_type is not None:
        return _message(field.message_type, known)
    if field.enum_type is not None:
        # An open enum may hold a number without a name, but nobody means it in a mapping.
        return EventType("enum", field.enum_type.full_name, symbols=tuple(field.enum_type.values_by_name))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return EventType("bytes" if field.type == FieldDescriptor.TYPE_BYTES else "string")
    return EventType(_KINDS[field.cpp_type])


def _special(message: Descriptor) -> EventType | None:
    name = message.full_name.removeprefix("google.protobuf.")
    if name == message.full_name:
        return None
    if name in ("Timestamp", "Duration"):
        return EventType("string", logical=name.lower())
    if name in ("Struct", "Value", "ListValue"):
        anything = EventType("any")
        anything.inner = [anything]
        return anything if name == "Value" else EventType("map" if name == "Struct" else "array", inner=[anything])
    wrapped = message.fields_by_name.get("value")
    return _single(wrapped, {}) if name.endswith("Value") and wrapped is not None else None
