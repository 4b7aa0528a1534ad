from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

import consumer
from consumer.adapters.log_events import EVENTS, FIELDS, LogEvent
from consumer.adapters.log_reference import render

ROOT = Path(consumer.__file__).parent
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "critical": "critical"}
CALLS = LEVELS | {"exception": "error", "_warn": "warning"}
LOGGERS = {"log", "_log", "logger", "_logger", "get_logger", "bind", "self"}


class Logged(NamedTuple):
    where: str
    name: str | None
    level: str
    fields: frozenset[str]


def spoken_by(node: ast.expr) -> str:
    """The last name of what a method is called on: `log`, `self._log`, `structlog.get_logger()`."""
    if isinstance(node, ast.Call):
        return spoken_by(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def logged(source: str, where: str) -> list[Logged]:
    """Every log call in a module; the name is None when it is not written there."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in CALLS:
            continue
        if spoken_by(node.func.value) not in LOGGERS:
            continue
        first = node.args[0] if node.args else None
        name = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
        fields = {"exception" if word.arg == "exc_info" else word.arg for word in node.keywords if word.arg}
        if node.func.attr == "exception":
            fields.add("exception")
        found.append(Logged(f"{where}:{node.lineno}", name, CALLS[node.func.attr], frozenset(fields)))
    return found


ALL = [
    call
    for path in sorted(ROOT.rglob("*.py"))
    if path.name != "log_events.py"
    for call in logged(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
]


def faults(call: Logged) -> str | None:
    if call.name is None:
        return "the name of the event is not written in the call"
    event = EVENTS.get(call.name)
    if event is None:
        return f"{call.name} is not in the catalogue"
    if event.level != call.level:
        return f"{call.name} is {event.level} in the catalogue and {call.level} in the code"
    extra = call.fields - set(event.fields)
    return f"{call.name} has fields that are not in the catalogue: {sorted(extra)}" if extra else None


def test_the_code_logs_something() -> None:
    assert len(ALL) > 20


def test_every_event_that_the_code_logs_is_in_the_catalogue_with_its_level_and_fields() -> None:
    forwarded = "adapters/logs.py"  # its handler hands on the names that `_warn` was called with
    wrong = [f"{call.where}: {fault}" for call in ALL if (fault := faults(call))]
    assert [fault for fault in wrong if not (fault.startswith(forwarded) and "not written in the call" in fault)] == []


def test_every_entry_of_the_catalogue_is_logged_somewhere() -> None:
    assert set(EVENTS) - {call.name for call in ALL} == set()


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_field_is_explained(event: LogEvent) -> None:
    assert set(event.fields) <= set(FIELDS)
    assert len(event.fields) == len(set(event.fields))


def test_every_explained_field_is_used() -> None:
    assert {field for event in EVENTS.values() for field in event.fields} == set(FIELDS)


def test_no_field_could_hold_what_must_not_be_told() -> None:
    assert not {"url", "body", "value", "token", "headers", "key", "event", "timestamp", "level"} & set(FIELDS)


def test_names_are_snake_case_and_once() -> None:
    assert all(name.isidentifier() and name.islower() for name in EVENTS)
    rows = [line.split("`")[1] for line in render().splitlines() if line.startswith("| `")]
    assert len(rows) == len(set(EVENTS)) + len(FIELDS)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('log.info("committed")', "debug in the catalogue and info in the code"),
        ('log.debug("commited")', "not in the catalogue"),
        ('self._log.debug("committed", identity=1)', "['identity']"),
        ('structlog.get_logger().exception("stopped_by_itself")', "['exception']"),
        ("log.info(name)", "not written in the call"),
        ("log.info(f'x{name}')", "not written in the call"),
    ],
)
def test_the_search_finds_a_planted_fault(source: str, fault: str) -> None:
    (call,) = logged(source, "planted")
    assert fault in str(faults(call))


def test_the_search_leaves_other_calls_alone() -> None:
    assert logged('click.echo("x"); warnings.warning("x"); log.bind(topic="t")', "planted") == []
