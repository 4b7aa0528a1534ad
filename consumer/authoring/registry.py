"""The schemas that records name, asked of the registry while somebody waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from consumer.adapters.schema_registry import TIMEOUT, SchemaRegistry
from consumer.core.command import FetchSchema
from consumer.core.profile import SchemaWanted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consumer.core.mapping import Mappings
    from consumer.core.record import Record

_PAUSE = 0.02


def fetch_schemas(url: str, mappings: Mappings, records: Iterable[Record]) -> dict[int, str]:
    """Have the mappings know every schema that these records name; for each that could not be had, why."""
    results = (mappings.map(record) for record in records)
    wanted = {result.id for result in results if isinstance(result, SchemaWanted)}
    if not wanted:
        return {}
    registry = SchemaRegistry(url, mappings.schemas)
    try:
        for number in wanted:
            registry.request(FetchSchema(number))
        reasons = {}
        while wanted:  # every request has an answer within its time
            for answer in registry.poll():
                wanted.discard(answer.id)
                if answer.reason:
                    reasons[answer.id] = answer.reason
            time.sleep(_PAUSE)
        return reasons
    finally:
        registry.close(TIMEOUT)
