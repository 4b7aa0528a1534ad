"""The shape of the code: who may import whom, how long things may be, what must be explained."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]

INNER = {"", "errors", "units"}
LAYERS = {
    "": set(),  # the package itself: its version
    "errors": set(),
    "units": set(),
    "core": INNER,
    "settings": INNER | {"core"},
    "adapters": INNER | {"core", "settings"},
    "simulator": INNER | {"core", "settings", "adapters"},
    "authoring": INNER | {"core", "settings", "adapters"},
    "runner": INNER | {"core", "settings", "adapters"},
    "app": INNER | {"core", "settings", "adapters", "runner"},
    "commands": INNER | {"core", "settings", "adapters", "runner", "app", "simulator", "authoring"},
    "cli": INNER | {"adapters", "commands"},
}
"""Each layer with those that it may import besides itself."""

CORE_LIBRARIES = {
    "cel_expr_python",
    "fastavro",
    "google",
    "jsonschema_rs",
    "orjson",
    "pydantic",
    "pydantic_core",
    "yaml",
}
NOT_IN_CORE = {"asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid"}
CLOCKS_AND_FILES = {"now", "utcnow", "today", "read_text", "read_bytes", "write_text", "write_bytes"}
INPUT_AND_OUTPUT = {"open", "print", "input"}
MEANINGLESS = re.compile(r"(^|_)(utils?|helpers?|managers?|handlers?)(_|$)")


class Module(NamedTuple):
    path: Path  # from the root of the repository
    tree: ast.Module
    lines: int

    @property
    def layer(self) -> str:
        if len(self.path.parts) > 2:
            return self.path.parts[1]
        stem = self.path.stem
        return {"__init__": "", "__main__": "cli"}.get(stem, stem.split("_")[0])


def module(path: str, source: str) -> Module:
    return Module(Path(path), ast.parse(source), source.count("\n"))


MODULES = [
    module(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "consumer").rglob("*.py"))
]


def imports(of: Module) -> Iterator[tuple[int, str]]:
    """Line and full name of every import, wherever it stands: in functions and under TYPE_CHECKING as well."""
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{above}.{alias.name}") for alias in node.names)


def outward_imports(of: Module) -> Iterator[str]:
    for line, name in imports(of):
        if name.startswith("."):
            yield f"{of.path}:{line}: relative import"
        elif name.split(".")[0] == "consumer":
            parts = [*name.split("."), "__init__"]
            imported = parts[1].split("_")[0] if not parts[1].startswith("__") else ""
            if imported != of.layer and imported not in LAYERS[of.layer]:
                yield f"{of.path}:{line}: {of.layer} imports {name}"


def impure_core(of: Module) -> Iterator[str]:
    if of.layer != "core":
        return
    allowed = ((set(sys.stdlib_module_names) - NOT_IN_CORE) | CORE_LIBRARIES) | {"consumer"}
    yield from (f"{of.path}:{line}: {name}" for line, name in imports(of) if name.split(".")[0] not in allowed)
    for node in ast.walk(of.tree):
        if isinstance(node, ast.Call):
            method, function = getattr(node.func, "attr", None), getattr(node.func, "id", None)
            if method in CLOCKS_AND_FILES or function in INPUT_AND_OUTPUT:
                yield f"{of.path}:{node.lineno}: calls {method or function}"


def oversized(of: Module) -> Iterator[str]:
    if of.lines > 320:
        yield f"{of.path}: {of.lines} lines; at most 320"
    for node in ast.walk(of.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([argument for argument in arguments if argument.arg not in {"self", "cls"}])
            if length > 60:
                yield f"{of.path}:{node.lineno}: {node.name} has {length} lines; at most 60"
            if count > 6:
                yield f"{of.path}:{node.lineno}: {node.name} has {count} parameters; at most 6"


def unexplained(of: Module) -> Iterator[str]:
    def visit(node: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
        if not ast.get_docstring(node):
            yield f"{of.path}:{getattr(node, 'lineno', 1)}: {name} has no docstring"
        for child in node.body:
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                yield from visit(child, child.name)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
                overloaded = any(getattr(decorator, "id", "") == "overload" for decorator in child.decorator_list)
                if not overloaded and not ast.get_docstring(child):
                    yield f"{of.path}:{child.lineno}: {child.name} has no docstring"

    yield from visit(of.tree, "the module")


def badly_named(of: Module) -> Iterator[str]:
    if MEANINGLESS.search(of.path.stem):
        yield f"{of.path}: the name says nothing"
    if of.layer not in LAYERS:
        yield f"{of.path}: belongs to no layer"


RULES = (outward_imports, impure_core, oversized, unexplained, badly_named)


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps_the_rule(rule: Callable[[Module], Iterator[str]]) -> None:
    assert MODULES
    assert [broken for of in MODULES for broken in rule(of)] == []


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (outward_imports, "consumer/core/x.py", "from consumer.adapters.kafka import Source\n"),
        (outward_imports, "consumer/core/x.py", "from consumer import settings\n"),
        (outward_imports, "consumer/core/x.py", "def f():\n    import consumer.runner\n"),
        (outward_imports, "consumer/errors.py", "if TYPE_CHECKING:\n    from consumer.core.record import Record\n"),
        (outward_imports, "consumer/core/x.py", "from .record import Record\n"),
        (outward_imports, "consumer/adapters/x.py", "from consumer.app import App\n"),
        (outward_imports, "consumer/adapters/x.py", "from consumer.simulator.target import Target\n"),
        (outward_imports, "consumer/settings_x.py", "from consumer.adapters import kafka\n"),
        (outward_imports, "consumer/simulator/x.py", "from consumer.app import serve\n"),
        (impure_core, "consumer/core/x.py", "import time\n"),
        (impure_core, "consumer/core/x.py", "def f():\n    from os import path\n"),
        (impure_core, "consumer/core/x.py", "import structlog\n"),
        (impure_core, "consumer/core/x.py", "import confluent_kafka\n"),
        (impure_core, "consumer/core/x.py", "moment = datetime.now(UTC)\n"),
        (impure_core, "consumer/core/x.py", "open('file')\n"),
        (oversized, "consumer/x.py", "\n" * 321),
        (oversized, "consumer/x.py", "def f():\n" + "    pass\n" * 60),
        (oversized, "consumer/x.py", "def f(self, a, b, c, *, d, e, f, g): pass\n"),
        (unexplained, "consumer/x.py", "x = 1\n"),
        (unexplained, "consumer/x.py", '"""."""\nclass Public:\n    pass\n'),
        (unexplained, "consumer/x.py", '"""."""\nclass Public:\n    """."""\n    async def method(self): pass\n'),
        (badly_named, "consumer/core/event_utils.py", ""),
        (badly_named, "consumer/core/handler.py", ""),
        (badly_named, "consumer/somewhere.py", ""),
    ],
)
def test_the_rule_catches_what_it_forbids(rule: Callable[[Module], Iterator[str]], path: str, source: str) -> None:
    assert list(rule(module(path, source)))


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (outward_imports, "consumer/core/x.py", "from consumer.errors import Invalid\nfrom consumer.core import y\n"),
        (outward_imports, "consumer/cli.py", "from consumer import __version__\n"),
        (impure_core, "consumer/core/x.py", "import orjson, json, re\nfrom google.protobuf import message\n"),
        (impure_core, "consumer/adapters/x.py", "import time\n"),
        (oversized, "consumer/x.py", "\n" * 320),
        (oversized, "consumer/x.py", "def f(self, a, b, c, d, e, f):\n" + "    pass\n" * 59),
        (unexplained, "consumer/x.py", '"""."""\ndef _private(): pass\nclass _Private: pass\n'),
        (badly_named, "consumer/core/handling.py", ""),
    ],
)
def test_the_rule_lets_pass_what_it_allows(rule: Callable[[Module], Iterator[str]], path: str, source: str) -> None:
    assert list(rule(module(path, source))) == []


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_plain(re.split(r"[^A-Za-z0-9._-]", line)[0]) for line in project["dependencies"]}
    distributions = packages_distributions()
    imported = {
        _plain(distribution)
        for name in {name.split(".")[0] for of in MODULES for _, name in imports(of)}
        if name not in sys.stdlib_module_names and name != "consumer"
        for distribution in distributions.get(name, [name])
    }
    # pydantic-core is pydantic's own other half; googleapis-common-protos shares the package `google` with protobuf.
    assert imported - {"pydantic-core", "googleapis-common-protos"} == declared


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
