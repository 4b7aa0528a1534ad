"""Mapping files as they lie on disk: which of them a command is about, and all that is to be said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters.schema_folder import CASES_SUFFIX, find_schemas
from consumer.core.files.cases import Case, read_cases
from consumer.core.mapping import Mappings
from consumer.core.mapping_file import SUFFIX, read_mappings
from consumer.errors import MappingsInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_SUFFIXES = (SUFFIX, CASES_SUFFIX)


class Folder(NamedTuple):
    """A folder of mapping files, read; `chosen` are the names (without suffix) a command is about, None for all.

    `mappings` are all that nothing is wrong with; `cases` are those of the chosen, and `problems` too (with the
    folder's path before each file's name).
    """

    path: Path
    files: dict[str, bytes]
    chosen: frozenset[str] | None
    mappings: Mappings
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]

    def has(self, name: str) -> bool:
        """Whether the mapping or the cases of this name are chosen."""
        return self.chosen is None or name in self.chosen


class Folders(NamedTuple):
    """Everything that a command was given; `missing` are paths that name nothing it could read."""

    read: tuple[Folder, ...]
    missing: tuple[Problem, ...]

    @property
    def problems(self) -> list[Problem]:
        """All problems, sorted by place."""
        return sorted({*self.missing, *(problem for folder in self.read for problem in folder.problems)})


def read_folders(paths: Iterable[Path], max_value_length: int) -> Folders:
    """The folders in `paths`, and those of the files in it; a file stands for its mapping with its cases."""
    chosen: dict[Path, frozenset[str] | None] = {}
    missing: list[Problem] = []
    for path in paths:
        if path.is_dir():
            chosen[path] = None
        elif not path.exists():
            missing.append(Problem(str(path), 0, 0, "there is no such file or folder"))
        elif not path.name.endswith(_SUFFIXES):
            names = " or ".join(f"*{suffix}" for suffix in _SUFFIXES)
            missing.append(Problem(str(path), 0, 0, f"neither a folder nor a file named {names}"))
        elif (names_before := chosen.get(path.parent, frozenset())) is not None:
            chosen[path.parent] = names_before | {_name(path.name)}
    return Folders(tuple(read_folder(path, max_value_length, names) for path, names in chosen.items()), tuple(missing))


def read_folder(path: Path, max_value_length: int, chosen: frozenset[str] | None = None) -> Folder:
    """The mappings and cases in `path`, and every problem of the chosen."""
    files, unreadable = find_schemas(path)
    mappings, in_mappings = read_mappings(files, max_value_length=max_value_length)
    cases, in_cases = read_cases(files, mappings)
    unsound = {_name(problem.file) for problem in in_mappings}
    sound = [mapping for mapping in mappings if mapping.name not in unsound]
    problems = [
        *(problem for problem in unreadable if chosen is None or _name(Path(problem.file).name) in chosen),
        *(
            problem._replace(file=str(path / problem.file))
            for problem in (*in_mappings, *in_cases)
            if chosen is None or _concerns(problem, chosen)
        ),
    ]
    wanted = tuple(case for case in cases if chosen is None or _name(case.file) in chosen)
    usable = Mappings(tuple(replace(mapping, index=index) for index, mapping in enumerate(sound)))
    return Folder(path, files, chosen, usable, wanted, tuple(problems))


def load_folder(path: Path, max_value_length: int, *, cases: bool = False) -> Folder:
    """The folder, for a command that needs all of its mappings, or its cases too, to be sound.

    Raises:
        MappingsInvalid: with every problem of them.
    """
    folder = read_folder(path, max_value_length)
    problems = [problem for problem in folder.problems if cases or not problem.file.endswith(CASES_SUFFIX)]
    if problems:
        raise MappingsInvalid(problems)
    return folder


def _concerns(problem: Problem, chosen: frozenset[str]) -> bool:
    """Two mappings that conflict are told of at the second one; it may be the first that was chosen."""
    return _name(problem.file) in chosen or any(f"{name}{SUFFIX}" in problem.message for name in chosen)


def _name(file: str) -> str:
    for suffix in (*_SUFFIXES, ".mapping.yml", ".cases.yml"):
        file = file.removesuffix(suffix)
    return file
