from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from consumer.authoring.watch import changes

if TYPE_CHECKING:
    from pathlib import Path


def test_it_yields_at_once_and_then_once_for_each_change(tmp_path: Path) -> None:
    script = iter(["", "a", "", "ab", "gone"])
    waits: list[str] = []

    def wait(_: float) -> None:
        step = next(script)
        waits.append(step)
        path = tmp_path / "a.mapping.yaml"
        if step == "gone":
            path.unlink()
        elif step:
            path.write_text(step, encoding="utf-8")

    seen = [len(waits) for _ in islice(changes([tmp_path], wait), 4)]

    assert seen == [0, 2, 4, 5]
