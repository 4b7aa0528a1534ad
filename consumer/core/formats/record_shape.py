"""What paths find in a record, whatever its event is."""

from __future__ import annotations

from consumer.core.formats.json_shape import JsonShape

_TEXT = {"type": "string"}
_WHOLE_NUMBER = {"type": "integer"}
RECORD_SHAPE = JsonShape(
    {
        "type": "object",
        "properties": {
            "topic": _TEXT,
            **dict.fromkeys(("partition", "offset", "timestamp"), _WHOLE_NUMBER),
            "key": _TEXT,
            "headers": {"type": "object", "additionalProperties": _TEXT},
        },
    },
    True,  # noqa: FBT003 - a schema without anything to refer to
)
