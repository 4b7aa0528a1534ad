"""The folder of mapping files: read once, flat, as a ConfigMap is mounted."""

from __future__ import annotations

import re
from pathlib import Path

from consumer.core.mapping_file import SUFFIX
from consumer.errors import MappingsInvalid, Problem

CASES_SUFFIX = ".cases.yaml"
_MISNAMED = {".mapping.yml": SUFFIX, ".cases.yml": CASES_SUFFIX}
_PATTERNS = (f"*{SUFFIX}", f"*{CASES_SUFFIX}", "*.event.*", "*.proto")
_NAMED_FILE = re.compile(rb"""(?:event_file|schema)["']?\s*:\s*(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"',}]+))""")


def shipped_schemas() -> Path:
    """The folder of the four example mappings: in the package once it is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / "schemas", package.parent / "schemas") if folder.is_dir())


def read_schemas(folder: Path) -> dict[str, bytes]:
    """Name to content of the mapping files, their cases and event schemas in `folder`, not in its sub-folders.

    Raises:
        MappingsInvalid: no such folder, no mapping in it, a file named `*.mapping.yml`, or one that can't be read.
    """
    files, problems = find_schemas(folder)
    if problems:
        raise MappingsInvalid(problems)
    return files


def find_schemas(folder: Path) -> tuple[dict[str, bytes], list[Problem]]:
    """As `read_schemas`, with all files that these name; every problem is returned with what could be read."""
    problems = [_misnamed(path) for wrong in _MISNAMED for path in sorted(folder.glob(f"*{wrong}"))]
    files: dict[str, bytes] = {}
    for path in sorted({path for pattern in _PATTERNS for path in folder.glob(pattern) if path.is_file()}):
        _read(path, files, problems)
    for name in _named_files(files):
        if name not in files and (folder / name).is_file():
            _read(folder / name, files, problems)
    if not problems and not any(name.endswith(SUFFIX) for name in files):
        what = "there is no mapping in this folder" if folder.is_dir() else "there is no such folder"
        problems.append(Problem(str(folder), 0, 0, f"{what}; `schemas` names a folder with *{SUFFIX} files"))
    return files, problems


def _read(path: Path, files: dict[str, bytes], problems: list[Problem]) -> None:
    try:
        files[path.name] = path.read_bytes()
    except OSError as error:
        problems.append(Problem(str(path), 0, 0, f"can't be read: {error.strerror}"))


def _named_files(files: dict[str, bytes]) -> list[str]:
    """Names after `event_file` and `schema`, found without reading YAML: one too many does no harm."""
    found = [
        b"".join(match).decode(errors="replace")
        for name, content in files.items()
        if name.endswith((SUFFIX, CASES_SUFFIX))
        for match in _NAMED_FILE.findall(content)
    ]
    return [name for name in found if Path(name).name == name]


def _misnamed(path: Path) -> Problem:
    wrong = next(wrong for wrong in _MISNAMED if path.name.endswith(wrong))
    right = _MISNAMED[wrong]
    what = "mapping" if right == SUFFIX else "cases"
    return Problem(
        str(path), 0, 0, f"a {what} file is named *{right}: rename it to {path.name.removesuffix(wrong)}{right}"
    )
