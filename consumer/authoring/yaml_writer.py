"""YAML as a person would write it: quotes only where they are needed, short maps on one line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDEST = 110
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # for YAML 1.1 too, which others read


def scalar(value: Any) -> str:  # noqa: ANN401 - a JSON scalar
    """A scalar as YAML reads it back."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())


def key(text: str) -> str:
    """A key."""
    return text if _PLAIN.fullmatch(text) else in_braces(text)


def in_braces(path: str) -> str:
    """A path within { }: brackets need quotes."""
    if _PLAIN.fullmatch(path):
        return path
    return "'" + path.replace("'", "''") + "'" if path.isprintable() else json.dumps(path)


def block(name: str, value: Any, indent: int) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """A key with its value: on one line when it fits, else one line for each key in it."""
    line = f"{' ' * indent}{key(name)}: {_flow(value)}"
    if len(line) <= _WIDEST or not isinstance(value, dict):
        yield line
        return
    yield f"{' ' * indent}{key(name)}:"
    for inner_name, inner in value.items():
        yield from block(inner_name, inner, indent + 2)


def _flow(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key(name)}: {_flow(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value)
