"""Writes the pages that are made of the code: `make docs`. A test holds them equal to what this would write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from consumer import settings_reference
from consumer.adapters import log_reference, metric_catalogue
from consumer.authoring import mapping_schema
from docs import file_map

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent
PAGES: dict[str, Callable[[], str]] = {
    "design.md": file_map.render,
    "logs.md": log_reference.render,
    "metrics.md": metric_catalogue.render,
    "settings.md": settings_reference.render,
    f"../schemas/{mapping_schema.FILE_NAME}": mapping_schema.render,
}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")
