"""The keys of mapping and cases files, each with what it means: for the loader, and for the schema that editors use."""

from __future__ import annotations

from typing import Final

REQUIRED: Final = ("version", "topics", "identity", "attributes")
"""The keys without which a file is no mapping."""

MAPPING: Final = {
    "version": "Of the mapping language: 1.",
    "topics": "The Kafka topics whose events this mapping may want.",
    "identity": "How the visitor is known: mbox3rdPartyId or mboxPC with a source, or a list of them tried in order.",
    "attributes": "What is set in the visitor's profile: names (without `profile.`) and where their values come from.",
    "schema": "The event's schema, a file beside the mapping: paths are checked against it, and so is every event.",
    "format": "How the events are written: json unless said otherwise.",
    "message": "Protobuf: which message of the schema file the events are.",
    "where": "How an event finds its mapping: paths, and the constants that must stand there.",
    "when": "A CEL condition on events that `where` lets in; false: the event is skipped.",
    "occurred_at": "When it happened, by the event itself; within a partition the order in Kafka decides all the same.",
    "description": "For people.",
}

SOURCES: Final = {
    "from": "A path into the event or its record, such as event.customer.id or record.headers.channel.",
    "const": "A constant text.",
    "cel": 'A CEL expression, such as event.amount >= 1000.0 ? "high" : "standard".',
}
"""An attribute has exactly one of these."""

ATTRIBUTE: Final = SOURCES | {
    "transform": "What is done with the value: a list, one transform an item, such as [trim, lower].",
    "default": "The value when there is nothing; it is not transformed.",
    "required": "Whether the event is rejected when there is nothing.",
}

SOURCE: Final = {key: ATTRIBUTE[key] for key in ("from", "cel", "transform")}
"""Of an identity, and of `occurred_at`."""

EVENTS: Final = {
    "event": "The event; null is a tombstone.",
    "event_file": "A file beside this one that holds the event's bytes.",
    "event_base64": "The event's bytes, in base64.",
}
"""A case has exactly one of these."""

CASE: Final = {
    "name": "What this case shows; unique in the file.",
    **EVENTS,
    "record": "The Kafka record around the event, where the mapping reads it.",
    "expect": "What is to become of it: identity and all attributes, skipped, unmatched, or {rejected: REASON}.",
}

RECORD: Final = {
    "topic": "The topic; the first of the mapping unless said otherwise.",
    "partition": "The partition's number.",
    "offset": "The offset.",
    "timestamp": "Milliseconds since 1970.",
    "key": "The record's key, as text.",
    "headers": "Names and texts.",
}
