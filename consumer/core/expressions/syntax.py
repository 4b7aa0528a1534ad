"""The syntax tree of a CEL expression, with the place of every part in its text.

cel-expr-python hands out its tree only in serialized form, as `cel.expr.ParsedExpr` (cel-spec, `syntax.proto`); what
is described here is the part of that message which is of use. Macros such as `exists` arrive expanded, as loops.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EXTENSIONS = (ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional())
"""What an expression may use besides CEL's standard library; none of them knows the time or chance."""

_MESSAGES = {
    "Parsed": {"expr": (2, "Expr"), "source_info": (3, "SourceInfo")},
    "SourceInfo": {"positions": (4, "*Position")},
    "Position": {"key": (1, "int64"), "value": (2, "int32")},
    "Expr": {
        "id": (2, "int64"),
        "const": (3, "Constant"),
        "ident": (4, "Ident"),
        "select": (5, "Select"),
        "call": (6, "Call"),
        "list": (7, "List"),
        "struct": (8, "Struct"),
        "loop": (9, "Loop"),
    },
    "Constant": {
        "null": (1, "int64"),
        "int": (3, "int64"),
        "uint": (4, "uint64"),
        "double": (5, "double"),
        "string": (6, "string"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "Expr"), "field": (2, "string"), "test_only": (3, "bool")},
    "Call": {"target": (1, "Expr"), "function": (2, "string"), "args": (3, "*Expr")},
    "List": {"elements": (1, "*Expr")},
    "Struct": {"entries": (2, "*Entry")},
    "Entry": {"key": (3, "Expr"), "value": (4, "Expr")},
    "Loop": {
        "variable": (1, "string"),
        "range": (2, "Expr"),
        "result_variable": (3, "string"),
        "start": (4, "Expr"),
        "condition": (5, "Expr"),
        "step": (6, "Expr"),
        "result": (7, "Expr"),
    },
}  # fmt: skip
_CHOICES = {
    "Expr": ("const", "ident", "select", "call", "list", "struct", "loop"),
    "Constant": ("null", "int", "uint", "double", "string"),
}


class Syntax(NamedTuple):
    """One part of an expression.

    `kind` is const, ident, select, has, call, list, struct or loop. `position` counts characters from the beginning of
    the text: of a select the dot, of an index the bracket, of a call its operator or parenthesis. `name` is an
    identifier, a field, a function, a loop's variable, or `null`; `parts` are those below (of a loop: range, start,
    condition, step, result), `value` is a constant int, float or str (None for others) or the name of a loop's result.
    """

    kind: str
    position: int
    name: str = ""
    parts: tuple[Syntax, ...] = ()
    value: Any = None


def parse(text: str) -> Syntax:
    """The syntax of `text`.

    Raises:
        RuntimeError: the library's, with its messages; `text` is no expression.
    """
    serialized = _environment().compile(text, disable_check=True).serialize()
    parsed = _parsed_message()()
    parsed.ParseFromString(AnyMessage.FromString(serialized).value)
    positions = {each.key: each.value for each in parsed.source_info.positions}
    return _syntax(parsed.expr, positions)


def _syntax(expr: Any, positions: dict[int, int]) -> Syntax:  # noqa: ANN401 - a message made here
    kind = expr.WhichOneof("choice") or "const"
    below = getattr(expr, kind)
    inner = tuple([_syntax(each, positions) for each in _INNER[kind](below)])
    position = positions.get(expr.id, 0)
    if kind == "select" and below.test_only:
        kind = "has"
    constant = below.WhichOneof("choice") if kind == "const" else None
    value = getattr(below, constant) if constant not in (None, "null") else None
    name = getattr(below, _NAMED_BY[kind]) if kind in _NAMED_BY else constant or ""
    return Syntax(kind, position, name, inner, below.result_variable if kind == "loop" else value)


_INNER: dict[str, Callable[[Any], Iterable[Any]]] = {
    "const": lambda _: (),
    "ident": lambda _: (),
    "select": lambda select: (select.operand,),
    "call": lambda call: (*([call.target] if call.HasField("target") else ()), *call.args),
    "list": lambda written: written.elements,
    "struct": lambda struct: [each for entry in struct.entries for each in (entry.key, entry.value)],
    "loop": lambda loop: (loop.range, loop.start, loop.condition, loop.step, loop.result),
}
_NAMED_BY = {"ident": "name", "select": "field", "has": "field", "call": "function", "loop": "variable"}


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(extensions=EXTENSIONS)


@cache
def _parsed_message() -> Any:  # noqa: ANN401 - a class made here
    file = descriptor_pb2.FileDescriptorProto(name="syntax.proto", package="syntax", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        choices = _CHOICES.get(name, ())
        if choices:
            message.oneof_decl.add(name="choice")
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=3 if kind.startswith("*") else 1)
            if kind.removeprefix("*") in _MESSAGES:
                field.type_name = f".syntax.{kind.removeprefix('*')}"
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
            else:
                field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
            if field_name in choices:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("syntax.Parsed"))
