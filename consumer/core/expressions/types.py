"""The types by which an expression is checked: what a schema says of an event, in the terms of CEL.

Objects whose fields are all known become messages of descriptors made here, their fields wrappers, because those may be
null. What the schema leaves open is `dyn`, of which CEL asks nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, wrappers_pb2

from consumer.core.expressions.syntax import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from consumer.core.formats.event_schema import Kind, Shape

_DYN = "dyn"
_OPEN_OBJECT = "map(string, dyn)"
_SCALARS: dict[frozenset[Kind], tuple[str, str]] = {
    frozenset({"string"}): ("string", "google.protobuf.StringValue"),
    frozenset({"number", "integer"}): ("double", "google.protobuf.DoubleValue"),
    frozenset({"integer"}): ("int", "google.protobuf.Int64Value"),
    frozenset({"boolean"}): ("bool", "google.protobuf.BoolValue"),
    frozenset({"bytes"}): ("bytes", "google.protobuf.BytesValue"),
}
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_MESSAGES = 500
_PACKAGE = "shape"


_PLAIN = {
    "dyn": cel.Type.DYN,
    "string": cel.Type.STRING,
    "double": cel.Type.DOUBLE,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "bytes": cel.Type.BYTES,
    _OPEN_OBJECT: cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}


class Types:
    """CEL types of shapes, with the messages that they need; `messages` holds the fields of each, by name."""

    def __init__(self) -> None:
        self.messages: dict[str, tuple[str, ...]] = {}
        self._names: dict[Hashable, str] = {}
        self._file = descriptor_pb2.FileDescriptorProto(
            name="shape.proto",
            package=_PACKAGE,
            syntax="proto3",
            dependency=["google/protobuf/wrappers.proto", "google/protobuf/struct.proto"],
        )

    def of(self, shape: Shape | None, *, nullable: bool = True) -> str:
        """The type of what stands in a place; `nullable` is false where it is known to be something."""
        if shape is None:
            return _DYN
        kinds = shape.kinds - {"null"}
        if kinds in _SCALARS:
            return _SCALARS[kinds][nullable]
        if kinds == {"array"}:
            return f"list({self.of(shape.item())})"
        return self._object(shape) if kinds == {"object"} else _DYN

    def environment(self, variables: dict[str, str]) -> cel.Env:
        """The environment in which an expression over these variables (name to type) is checked."""
        pool = descriptor_pool.DescriptorPool()
        for module in (wrappers_pb2, struct_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        pool.Add(self._file)
        types = {name: _cel_type(written) for name, written in variables.items()}
        return cel.NewEnv(descriptor_pool=pool, variables=types, extensions=EXTENSIONS)

    def _object(self, shape: Shape) -> str:
        if shape.identity in self._names:
            return self._names[shape.identity]
        names = shape.names
        known = names and not shape.is_open and all(map(_FIELD.fullmatch, names))
        if not known or len(self.messages) >= _MOST_MESSAGES:
            return _OPEN_OBJECT
        name = f"{_PACKAGE}.Object{len(self.messages)}"
        self._names[shape.identity] = name
        self.messages[name] = names
        message = self._file.message_type.add(name=name.removeprefix(f"{_PACKAGE}."))
        for number, field_name in enumerate(names, 1):
            self._add_field(message, number, field_name, shape.field(field_name))
        return name

    def _add_field(self, message: descriptor_pb2.DescriptorProto, number: int, name: str, shape: Shape) -> None:
        """A list becomes a repeated field; what a field can't hold, as a list of lists, is open."""
        written = self.of(shape)
        label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
        if written.startswith("list("):
            label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
            written = _of_list(written)
        if written == _OPEN_OBJECT:
            written = "google.protobuf.Struct"
        elif "(" in written or written == _DYN:
            written = "google.protobuf.Value"
        message.field.add(
            name=name,
            json_name=f"field{number}",  # the usual one could be another field's name
            number=number,
            label=label,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
            type_name=f".{written}",
        )


def _cel_type(written: str) -> cel.Type:
    if written.startswith("list("):
        return cel.Type.List(_cel_type(_of_list(written)))
    return _PLAIN.get(written) or cel.Type(written)


def _of_list(written: str) -> str:
    return written.removeprefix("list(").removesuffix(")")
