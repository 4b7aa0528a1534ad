"""The folder of mapping files: read once, flat, as a ConfigMap is mounted."""

from __future__ import annotations

from pathlib import Path

from consumer.core.mapping_file import SUFFIX
from consumer.errors import MappingsInvalid, Problem

_MISNAMED = ".mapping.yml"
_PATTERNS = (f"*{SUFFIX}", "*.cases.yaml", "*.event.*")


def shipped_schemas() -> Path:
    """The folder of the four example mappings: in the package once it is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    return next(folder for folder in (package / "schemas", package.parent / "schemas") if folder.is_dir())


def read_schemas(folder: Path) -> dict[str, bytes]:
    """Name to content of the mapping files, their cases and event schemas in `folder`, not in its sub-folders.

    Raises:
        MappingsInvalid: no such folder, no mapping in it, a file named `*.mapping.yml`, or one that can't be read.
    """
    problems = [_misnamed(path) for path in sorted(folder.glob(f"*{_MISNAMED}"))]
    files: dict[str, bytes] = {}
    for path in sorted({path for pattern in _PATTERNS for path in folder.glob(pattern) if path.is_file()}):
        try:
            files[path.name] = path.read_bytes()
        except OSError as error:
            problems.append(Problem(str(path), 0, 0, f"can't be read: {error.strerror}"))
    if not problems and not any(name.endswith(SUFFIX) for name in files):
        what = "there is no mapping in this folder" if folder.is_dir() else "there is no such folder"
        problems.append(Problem(str(folder), 0, 0, f"{what}; `schemas` names a folder with *{SUFFIX} files"))
    if problems:
        raise MappingsInvalid(problems)
    return files


def _misnamed(path: Path) -> Problem:
    right = path.name.removesuffix(_MISNAMED) + SUFFIX
    return Problem(str(path), 0, 0, f"a mapping file is named *{SUFFIX}: rename it to {right}")
