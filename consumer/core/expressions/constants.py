"""Constants of an expression, tried when its mapping is loaded: patterns, times and formats that always fail."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from cel_expr_python import cel

from consumer.core.expressions.functions import FUNCTIONS
from consumer.core.expressions.problems import failure
from consumer.core.expressions.syntax import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.core.expressions.syntax import Syntax

_MOMENT = "timestamp('2026-03-01T09:30:00Z')"
_TRIALS = {
    "matches": "''.matches({})",
    **{name: f"{name}({{}})" for name in ("timestamp", "duration")},
    **{name: f"{_MOMENT}.{name}({{}})" for name in FUNCTIONS if name.startswith("get")},
}
"""Functions, and how each is tried with its last argument."""
_CLAUSE = re.compile(r"%(?:%|(?:\.[0-9]+)?(.?))", re.DOTALL)
_CLAUSES = "sdfeboxX"


def constant_faults(syntax: Syntax) -> Iterator[tuple[int, str]]:
    """The faults of constants, each at its place."""
    if syntax.kind == "call" and syntax.parts:
        last = syntax.parts[-1]
        if syntax.name in _TRIALS and last.value.__class__ is str:
            if fault := _fault(_TRIALS[syntax.name].format(json.dumps(last.value, ensure_ascii=False))):
                yield last.position, f"{syntax.name}: {fault}"
        elif syntax.name == "format" and syntax.parts[0].value.__class__ is str:
            yield from _format_faults(syntax.parts[0], last)
    for part in syntax.parts:
        yield from constant_faults(part)


def _format_faults(text: Syntax, values: Syntax) -> Iterator[tuple[int, str]]:
    clauses = [match[1] for match in _CLAUSE.finditer(text.value) if match[0] != "%%"]
    if wrong := [clause for clause in clauses if not clause or clause not in _CLAUSES]:
        yield (
            text.position,
            f"format: there is no %{wrong[0]}; there are {' '.join(f'%{each}' for each in _CLAUSES)} %%",
        )
    elif values.kind == "list" and len(clauses) != len(values.parts):
        yield values.position, f"format: places in the text: {len(clauses)}, values: {len(values.parts)}"


@cache
def _fault(text: str) -> str:
    """Why an expression without variables fails; empty when it does not."""
    result = _environment().compile(text).eval(None, {})
    return failure(str(result.value())) if result.type() == cel.Type.ERROR else ""


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(extensions=EXTENSIONS)
