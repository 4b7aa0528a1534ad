"""Paths into an event or its record: `event.items[0].name`, `event["odd name"]`, `record.headers.channel`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from consumer.core.record import Record

Read = Callable[[Any, "Record"], Any]
Step = str | int

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?![^.\[])
      | \[(?P<index>-?[0-9]{1,9})\]
      | \[(?P<quoted>"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE,
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ODD_NAME = re.compile(r"\.([^.\[\]]+)")
_UNQUOTED = re.compile(r"\[([A-Za-z_][^\[\]\"']*)\]")
_SINGLE_QUOTED = re.compile(r"\['([^']*)'\]")


class Path(NamedTuple):
    """Where a value stands: in the event or in the record, and the steps down to it."""

    root: Literal["event", "record"]
    steps: tuple[Step, ...]


class PathInvalid(ValueError):
    """Text that is no path; the message says what to write."""


def parse_path(text: str) -> Path:
    """The path in `text`.

    Raises:
        PathInvalid: with what to write instead.
    """
    root = text.replace("[", ".").partition(".")[0]
    if root not in ("event", "record"):
        raise PathInvalid(_wrong_root(text, root))
    steps: list[Step] = []
    position = len(root)
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise PathInvalid(_wrong_step(text, position))
        steps.append(_step(match))
        position = match.end()
    path = Path("event" if root == "event" else "record", tuple(steps))
    if path.root == "record":
        check_record_path(path)
    elif not steps:
        raise PathInvalid("event alone is no path; name something in it, such as event.customer.id")
    return path


def check_record_path(path: Path) -> None:
    """Raise `PathInvalid` for what no record has, or no text: `record.headers` is all of them together."""
    names = [*_RECORD_READS, "headers"]
    if not path.steps:
        raise PathInvalid(f"record alone is no path; it has {', '.join(names)}: write record.timestamp")
    field, *rest = path.steps
    if field == "headers":
        if len(rest) != 1 or not isinstance(rest[0], str):
            raise PathInvalid('name one header: record.headers.name or record.headers["ce-type"]')
    elif field not in _RECORD_READS:
        near = get_close_matches(str(field), names, n=1)
        hint = f"; did you mean record.{near[0]}?" if near else ""
        raise PathInvalid(f"a record has {', '.join(names)}, not {field!r}{hint}")
    elif rest:
        raise PathInvalid(f"record.{field} has nothing in it; write record.{field} alone")


def path_text(path: Path) -> str:
    """The path as it is written."""
    return path.root + "".join(map(_step_text, path.steps))


def _step_text(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN_NAME.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def read_path(path: Path, missing: Any = None) -> Read:  # noqa: ANN401 - whatever the caller can tell apart
    """What reads the path's value from `(event, record)`; `missing` for what an event does not have.

    What a record does not have is None.
    """
    if path.root == "record":
        field, *names = path.steps
        return _RECORD_READS.get(str(field)) or (_read_header(str(names[0])) if names else _read_headers)
    if not all(isinstance(step, str) for step in path.steps):
        return _read_steps(path.steps, missing)
    return _NAME_READS.get(len(path.steps), _read_names)(path.steps, missing)


def _wrong_root(text: str, root: str) -> str:
    if text != text.strip():
        return "a path has no blank at either end"
    if root == "$":
        return f"a path begins with event or record: write event{text[1:]}"
    if get_close_matches(root, ("event", "record"), n=1):
        suggestion = get_close_matches(root, ("event", "record"), n=1)[0] + text[len(root) :]
        return f"a path begins with event or record, not {root!r}; did you mean {suggestion}?"
    return f"a path begins with event or record: write event.{text or 'name'}"


def _wrong_step(text: str, position: int) -> str:
    rest = text[position:]
    before = text[:position]
    if text != text.strip():
        return "a path has no blank at either end"
    if single := _SINGLE_QUOTED.match(rest):
        return f"names in brackets stand in double quotes: write {before}[{json.dumps(single[1])}]"
    if rest.startswith(("[*]", "[]")):
        return f"[*] is none of a path's steps; for a field of each item write cel: {before}.map(item, item.name)"
    if bare := _UNQUOTED.match(rest):
        return f"names in brackets stand in double quotes: write {before}[{json.dumps(bare[1])}]"
    if odd := _ODD_NAME.match(rest):
        quoted = f"[{json.dumps(odd[1], ensure_ascii=False)}]"
        return f"{odd[1]!r} is not a plain name: write {before}{quoted}{rest[odd.end() :]}"
    return f'unreadable at character {position + 1} ({rest[:12]!r}): write .name, [0], [-1] or ["odd name"]'


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return match["name"]
    if match["index"] is not None:
        return int(match["index"])
    try:
        name = json.loads(match["quoted"])
        name.encode()
    except ValueError:
        raise PathInvalid(f"{match['quoted']} is not a JSON string") from None
    return str(name)


def _read_one(steps: tuple[Any, ...], missing: Any) -> Read:  # noqa: ANN401 - see `read_path`
    (name,) = steps

    def read(event: Any, _: Record) -> Any:  # noqa: ANN401 - any JSON value
        try:
            return event[name]
        except (KeyError, TypeError):
            return missing

    return read


def _read_two(steps: tuple[Any, ...], missing: Any) -> Read:  # noqa: ANN401 - see `read_path`
    first, second = steps

    def read(event: Any, _: Record) -> Any:  # noqa: ANN401 - any JSON value
        try:
            return event[first][second]
        except (KeyError, TypeError):
            return missing

    return read


def _read_three(steps: tuple[Any, ...], missing: Any) -> Read:  # noqa: ANN401 - see `read_path`
    first, second, third = steps

    def read(event: Any, _: Record) -> Any:  # noqa: ANN401 - any JSON value
        try:
            return event[first][second][third]
        except (KeyError, TypeError):
            return missing

    return read


def _read_names(steps: tuple[Any, ...], missing: Any) -> Read:  # noqa: ANN401 - see `read_path`
    def read(event: Any, _: Record) -> Any:  # noqa: ANN401 - any JSON value
        try:
            for name in steps:
                event = event[name]
        except (KeyError, TypeError):
            return missing
        return event

    return read


_NAME_READS: dict[int, Callable[[tuple[Any, ...], Any], Read]] = {1: _read_one, 2: _read_two, 3: _read_three}


def _read_steps(steps: tuple[Any, ...], missing: Any) -> Read:  # noqa: ANN401 - see `read_path`
    """With an index among the steps: text has no items, so each container's kind is looked at."""

    def read(event: Any, _: Record) -> Any:  # noqa: ANN401 - any JSON value
        for step in steps:
            if event.__class__ is not (list if step.__class__ is int else dict):
                return missing
            try:
                event = event[step]
            except LookupError:
                return missing
        return event

    return read


def _text(content: bytes | None) -> str | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _read_headers(_: Any, record: Record) -> dict[str, str]:  # noqa: ANN401 - any JSON value
    """All headers that are text; of repeated ones the last."""
    headers = {name: _text(content) for name, content in record.headers}
    return {name: text for name, text in headers.items() if text is not None}


def _read_header(name: str) -> Read:
    def read(_: Any, record: Record) -> Any:  # noqa: ANN401 - any JSON value
        for header, content in reversed(record.headers):
            if header == name:
                return _text(content)
        return None

    return read


_RECORD_READS: dict[str, Read] = {
    "topic": lambda _, record: record.topic,
    "partition": lambda _, record: record.partition,
    "offset": lambda _, record: record.offset,
    "timestamp": lambda _, record: record.timestamp,
    "key": lambda _, record: _text(record.key),
}
