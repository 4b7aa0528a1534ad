"""Settings as they are written: one YAML file, the environment laid over it, and the place of each key.

All scalars stay text, whatever YAML or JSON would make of them, so that a key means the same in the file and in a
variable. What a value may be is said by the models; here only names and shapes count.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from consumer.core.files.yaml_nodes import Map, Scalar, Sequence, YamlInvalid, parse_yaml
from consumer.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consumer.core.files.yaml_nodes import Node

Key = tuple[str | int, ...]

PREFIX: Final = "PROFILE_CONSUMER_"
_CONFIG: Final = "PROFILE_CONSUMER_CONFIG"
_OF_A_SERVICE: Final = re.compile(r"_SERVICE_HOST|_SERVICE_PORT(_.*)?|_PORT|_PORT_[0-9]+_.*")
_DEEPEST_SETTING: Final = 2  # section and name; what is deeper is the content of a setting


class Place(NamedTuple):
    """Where something was written: a file with 1-based line and column, or a variable's name with neither."""

    file: str
    line: int = 0
    column: int = 0


class Source:
    """All that was written: values by key, the place of each key, and what is wrong with the writing."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unreadable = False
        self.file: Place | None = None
        self._values: dict[Key, Any] = {}
        self._places: dict[Key, Place] = {}

    def lay(self, key: Key, value: object, place: Place) -> None:
        """Put a value over what is there: a map is merged key by key, anything else replaces."""
        self._places[key] = place
        if isinstance(value, dict) and value:
            for name, item in value.items():
                self.lay((*key, name), item, place)
        elif value == "" and len(key) <= _DEEPEST_SETTING:
            self.problems.append(
                Problem(*place, f"{dotted(key)}: is empty; write a value, or remove it for the default")
            )
        else:
            for above in (key[:end] for end in range(1, len(key))):
                if isinstance(self._values.get(above), str | list):
                    self.problems.append(Problem(*self._places[above], f"{dotted(above)}: expected a map"))
            self.remove(key)
            self._values[key] = value

    def assume(self, key: Key, value: str) -> None:
        """Give a key that was not written a value."""
        if not self.has(key):
            self._values[key] = value

    def mark(self, key: Key, place: Place) -> None:
        """Remember where a key stands that has no value of its own: a section, or a part of a list."""
        self._places[key] = place

    def remove(self, key: Key) -> None:
        """Take a key away, with all that it holds or is part of."""
        for old in [old for old in self._values if old[: len(key)] == key or key[: len(old)] == old]:
            del self._values[old]

    def has(self, key: Key) -> bool:
        """Whether a value stands at a key or below it."""
        return any(written[: len(key)] == key for written in self._values)

    def place(self, key: Key) -> Place | None:
        """Where a key was written, or the nearest part of it that was; None when no part was."""
        return next((self._places[key[:end]] for end in range(len(key), 0, -1) if key[:end] in self._places), self.file)

    def written(self, key: Key) -> object:
        """The text, list or map at a key, which may lead into a list; None when nothing is there."""
        value: Any = self.data()
        try:
            for part in key:
                value = value[part]
        except KeyError:
            return None
        return value

    def files(self) -> list[tuple[Key, str]]:
        """The keys whose value is `{file: PATH}` and nothing else, each with its path."""
        return [
            (key[:-1], value)
            for key, value in self._values.items()
            if key[-1] == "file"
            and len(key) > _DEEPEST_SETTING
            and isinstance(value, str)
            and sum(other[: len(key) - 1] == key[:-1] for other in self._values) == 1
        ]

    def data(self) -> dict[str, Any]:
        """Everything as nested maps."""
        root: dict[str, Any] = {}
        for key, value in self._values.items():
            parent = root
            for name in key[:-1]:
                parent = parent.setdefault(str(name), {})
            parent[str(key[-1])] = value
        return root


def read(config: Path | None, environ: Mapping[str, str], model: type[BaseModel]) -> Source:
    """What the file and the environment say about `model`.

    The file is `config`, or the one that `PROFILE_CONSUMER_CONFIG` names; without either there is none.
    """
    source = Source()
    variables = _variables(environ, source)
    _, named = variables.pop(_CONFIG, ("", ""))
    file = config or (Path(named) if named else None)
    if file is not None:
        _read_file(file, source)
    for folded in sorted(variables, key=lambda folded: (folded.count("__"), folded)):
        _read_variable(*variables[folded], model, source)
    for key, path in source.files():
        _read_value(key, Path(path), source)
    return source


def dotted(key: Key) -> str:
    """A key as people write it: `kafka.group_id`, `target.responses[0].body`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def variable(key: Key) -> str:
    """The variable that sets a key."""
    return PREFIX + "__".join(str(part).upper() for part in key)


def keys(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """Every key that can be set."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, (*above, name))
        else:
            yield (*above, name)


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The known name that is most like a wrong one, else where to look; names begin with `prefix`."""
    close = get_close_matches(name.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    return f"did you mean {prefix}{close[0]}?" if close else "docs/settings.md lists them all"


def _read_file(file: Path, source: Source) -> None:
    source.file = Place(str(file))
    try:
        content = file.read_bytes()
        if any(
            line.strip() and not line.lstrip().startswith(b"#") for line in content.removeprefix(BOM_UTF8).splitlines()
        ):
            _lay_document(parse_yaml(str(file), content), str(file), source)
    except OSError as error:
        source.unreadable = True
        source.problems.append(Problem(str(file), 0, 0, f"can't be read: {error.strerror}"))
    except YamlInvalid as invalid:
        source.unreadable = True
        source.problems += map(_without_value, invalid.problems)


def _lay_document(root: Node, file: str, source: Source) -> None:
    if isinstance(root, Map):
        for entry in root:
            _lay_node((entry.key.text,), entry.value, Place(file, entry.key.line, entry.key.column), source)
    elif not (isinstance(root, Scalar) and root.json is None):
        source.problems.append(Problem(file, root.line, root.column, "expected a map of settings, such as kafka: {…}"))


def _lay_node(key: Key, node: Node, place: Place, source: Source) -> None:
    if isinstance(node, Map) and node.entries:
        source.mark(key, place)
        for entry in node:
            _lay_node((*key, entry.key.text), entry.value, Place(place.file, entry.key.line, entry.key.column), source)
    else:
        source.lay(key, _text(node), place)
        _mark_parts(key, node, place.file, source)


def _mark_parts(key: Key, node: Node, file: str, source: Source) -> None:
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            source.mark((*key, index), Place(file, item.line, item.column))
            _mark_parts((*key, index), item, file, source)
    elif isinstance(node, Map):
        for entry in node:
            source.mark((*key, entry.key.text), Place(file, entry.key.line, entry.key.column))
            _mark_parts((*key, entry.key.text), entry.value, file, source)


def _text(node: Node) -> Any:  # noqa: ANN401 - maps, lists, text and None
    if isinstance(node, Scalar):
        return None if node.json is None else node.text
    if isinstance(node, Sequence):
        return [_text(item) for item in node.items]
    return {entry.key.text: _text(entry.value) for entry in node}


def _without_value(problem: Problem) -> Problem:
    """A tag or an alias may be a password that someone forgot to quote."""
    if re.search(r"\b(tag|alias|anchor)\b", problem.message):
        return problem._replace(message="not YAML: a value that begins with !, & or * needs quotes")
    return problem


def _variables(environ: Mapping[str, str], source: Source) -> dict[str, tuple[str, str]]:
    """Our variables by their name in capitals: the name as it was given, and the value."""
    folded = {name.upper() for name in environ}
    services = {name.removesuffix("_SERVICE_HOST") for name in folded if name.endswith("_SERVICE_HOST")}
    services.add(PREFIX.rstrip("_"))  # a Service of this name is the usual case
    ours: dict[str, tuple[str, str]] = {}
    for name, value in sorted(environ.items()):
        upper = name.upper()
        if not upper.startswith(PREFIX) or _of_a_service(upper, services):
            continue
        if upper in ours:
            source.problems.append(Problem(name, 0, 0, f"is the same setting as {ours[upper][0]}; remove one of them"))
        ours[upper] = name, value
    return ours


def _of_a_service(name: str, services: set[str]) -> bool:
    return any(name.startswith(service) and _OF_A_SERVICE.fullmatch(name[len(service) :]) for service in services)


def _read_variable(name: str, value: str, model: type[BaseModel], source: Source) -> None:
    found = _find(tuple(name.upper().removeprefix(PREFIX).lower().split("__")), model)
    if found is None:
        advice = did_you_mean(name.upper(), map(variable, keys(model)), PREFIX)
        source.problems.append(Problem(name, 0, 0, f"no such setting; {advice}"))
        return
    key, shape = found
    if shape is str:
        source.lay(key, value, Place(name))
        return
    try:
        content = json.loads(value, parse_int=str, parse_float=str)
    except ValueError:
        content = value
    if content is None or isinstance(content, shape):
        source.lay(key, _json_text(content), Place(name))
    else:
        example = '["a", "b"]' if shape is list else '{"name": "value"}'
        source.problems.append(Problem(name, 0, 0, f"{dotted(key)}: expected JSON such as {example}"))


def _read_value(key: Key, file: Path, source: Source) -> None:
    place = source.place(key) or Place(str(file))
    source.remove(key)
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        problem = f"can't be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    else:
        if text:
            source.lay(key, text, place)
            return
        problem = "is empty"
    source.problems.append(Problem(*place, f"{dotted(key)}: the file {file} {problem}"))


def _find(parts: tuple[str, ...], model: type[BaseModel]) -> tuple[Key, type] | None:
    """The key that a variable sets, and whether it holds text, a list or a map."""
    field = model.model_fields.get(parts[0])
    if field is None:
        return None
    name, rest = parts[0], parts[1:]
    kind: Any = field.annotation
    kinds = {get_origin(member) or member for member in (kind, *get_args(kind))}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        below = _find(rest, kind) if rest else ((), dict)
        return below and ((name, *below[0]), below[1])
    if dict in kinds:
        return ((name, "__".join(rest).replace("_", ".")), str) if rest else ((name,), dict)
    if rest:
        return None
    return (name,), list if tuple in kinds else str


def _json_text(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: _json_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_json_text(item) for item in value]
    return json.dumps(value) if isinstance(value, bool) else value
