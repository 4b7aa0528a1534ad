"""The file map in `docs/design.md`: every module with the first line of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "design.md"
BEGIN = "<!-- The rest of this section is made of the modules' docstrings: make docs -->"
END = "<!-- Until here. -->"


def render() -> str:
    """The text of `docs/design.md` with its file map as the code is now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    folders = sorted({path.parent for path in (ROOT / "consumer").rglob("*.py")})
    return "\n".join((before + BEGIN, *[_folder(folder) for folder in folders], END + after))


def _folder(folder: Path) -> str:
    rows = [f"| `{path.name}` | {_summary(path)} |" for path in sorted(folder.glob("*.py"))]
    return "\n".join((f"\n**`{folder.relative_to(ROOT)}/`**\n", "| module | what |", "| --- | --- |", *rows, ""))


def _summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].removesuffix(".").replace("|", "\\|")
