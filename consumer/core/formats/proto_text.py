"""Protobuf's own language to a file descriptor: what decoding needs of a `.proto` file, and nothing else.

Names of types stay as they are written; the descriptor pool looks them up. Services, extensions and options are read
over, but for the features of an edition and `json_name`. Protobuf's compiler would do, were it not for the size of it:
40 MB for grpcio-tools and what it needs, and a file system to work in. The tests compare every descriptor with the
compiler's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    Edition,
    EnumDescriptorProto,
    EnumOptions,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from consumer.core.formats.proto_tokens import END, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor_pb2 import FieldOptions, FileOptions, MessageOptions, OneofOptions

    Options = FileOptions | MessageOptions | FieldOptions | OneofOptions | EnumOptions

_LABELS: Final = {"optional": 1, "required": 2, "repeated": 3}
_TYPES: Final = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in FieldDescriptorProto.Type.items()
    if name not in ("TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP")
}


def parse_proto(name: str, text: str) -> FileDescriptorProto:
    """The descriptor of the file `name`.

    Raises:
        SchemaInvalid: the text is no such file; the message says in which line, and what was expected.
    """
    return _Parser(name, text).file


class _Parser:
    """Reads one file from its first token to its last."""

    def __init__(self, name: str, text: str) -> None:
        self.file = FileDescriptorProto(name=name)
        self._tokens = Tokens(text)
        statements: dict[str, Callable[[], None]] = {
            "syntax": self._syntax,
            "edition": self._edition,
            "import": self._import,
            "package": self._package,
            "option": lambda: self._option(self.file.options),
            "message": lambda: self._message(self.file.message_type.add()),
            "enum": lambda: self._enum(self.file.enum_type.add()),
            "service": self._tokens.over,
            "extend": self._tokens.over,
            ";": lambda: None,
        }
        while self._tokens.peek() != END:
            word = self._tokens.take()
            if word not in statements:
                raise self._tokens.wrong("message, enum, import or another statement of a file")
            statements[word]()

    # -- statements of a file ------------------------------------------------------------------------------------------

    def _syntax(self) -> None:
        self._tokens.expect("=")
        syntax = self._tokens.string()
        if syntax not in ("proto2", "proto3"):
            raise self._tokens.wrong("proto2 or proto3")
        if syntax == "proto3":
            self.file.syntax = syntax
        self._tokens.expect(";")

    def _edition(self) -> None:
        self._tokens.expect("=")
        edition = self._tokens.string()
        if f"EDITION_{edition}" not in Edition.keys():  # noqa: SIM118 - no dictionary
            raise self._tokens.wrong("an edition such as 2023")
        self.file.syntax = "editions"
        self.file.edition = Edition.Value(f"EDITION_{edition}")
        self._tokens.expect(";")

    def _import(self) -> None:
        if self._tokens.peek() in ("public", "weak", "option"):
            self._tokens.take()
        self.file.dependency.append(self._tokens.string())
        self._tokens.expect(";")

    def _package(self) -> None:
        self.file.package = self._tokens.full_name()
        self._tokens.expect(";")

    # -- messages ------------------------------------------------------------------------------------------------------

    def _message(self, message: DescriptorProto) -> None:
        message.name = self._tokens.name()
        self._message_body(message)

    def _message_body(self, message: DescriptorProto) -> None:
        self._tokens.expect("{")
        while not self._tokens.given("}"):
            word = self._tokens.peek()
            declares = self._tokens.peek(2) == "{"  # `message`, `enum` and `oneof` may also begin the type of a field
            if word == "message" and declares:
                self._tokens.take()
                self._message(message.nested_type.add())
            elif word == "enum" and declares:
                self._tokens.take()
                self._enum(message.enum_type.add())
            elif word == "oneof" and declares:
                self._oneof(message)
            elif self._tokens.given("option"):
                self._option(message.options)
            elif word in ("extensions", "reserved", "extend"):
                self._tokens.over()
            elif not self._tokens.given(";"):
                self._field(message, message.field.add())
        # The compiler puts the oneofs that stand for `optional` behind all others.
        for field in message.field:
            if field.proto3_optional:
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.name}")

    def _oneof(self, message: DescriptorProto) -> None:
        self._tokens.expect("oneof")
        oneof = message.oneof_decl.add(name=self._tokens.name())
        self._tokens.expect("{")
        while not self._tokens.given("}"):
            if self._tokens.given("option"):
                self._option(oneof.options)
            else:
                field = message.field.add(oneof_index=len(message.oneof_decl) - 1)
                self._field(message, field)

    def _field(self, message: DescriptorProto, field: FieldDescriptorProto) -> None:
        field.label = FieldDescriptorProto.LABEL_OPTIONAL
        if self._tokens.peek() in _LABELS and self._tokens.peek(1) != "=":
            label = self._tokens.take()
            field.label = _LABELS[label]  # type: ignore[assignment]  # one of the numbers of its enum
            if label == "optional" and self.file.syntax == "proto3":
                field.proto3_optional = True
        if self._tokens.peek() == "map" and self._tokens.peek(1) == "<":
            self._map(message, field)
        elif self._tokens.peek() == "group":
            self._group(message, field)
            return
        else:
            self._type(field)
            field.name = self._tokens.name()
        self._tokens.expect("=")
        field.number = self._tokens.number()
        self._field_options(field)
        self._tokens.expect(";")

    def _type(self, field: FieldDescriptorProto) -> None:
        name = self._tokens.full_name()
        if name in _TYPES:
            field.type = _TYPES[name]
        else:
            field.type_name = name

    def _map(self, message: DescriptorProto, field: FieldDescriptorProto) -> None:
        self._tokens.expect("map")
        self._tokens.expect("<")
        entry = message.nested_type.add()
        entry.options.map_entry = True
        key = entry.field.add(name="key", number=1, label=FieldDescriptorProto.LABEL_OPTIONAL)
        self._type(key)
        self._tokens.expect(",")
        value = entry.field.add(name="value", number=2, label=FieldDescriptorProto.LABEL_OPTIONAL)
        self._type(value)
        self._tokens.expect(">")
        field.name = self._tokens.name()
        entry.name = "".join(part[:1].upper() + part[1:] for part in field.name.split("_")) + "Entry"
        field.label = FieldDescriptorProto.LABEL_REPEATED
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry.name

    def _group(self, message: DescriptorProto, field: FieldDescriptorProto) -> None:
        self._tokens.expect("group")
        group = message.nested_type.add(name=self._tokens.name())
        field.name = group.name.lower()
        field.type, field.type_name = FieldDescriptorProto.TYPE_GROUP, group.name
        self._tokens.expect("=")
        field.number = self._tokens.number()
        self._field_options(field)
        self._message_body(group)

    def _enum(self, enum: EnumDescriptorProto) -> None:
        enum.name = self._tokens.name()
        self._tokens.expect("{")
        while not self._tokens.given("}"):
            if self._tokens.given("option"):
                self._option(enum.options)
            elif self._tokens.peek() == "reserved":
                self._tokens.over()
            elif not self._tokens.given(";"):
                value = enum.value.add(name=self._tokens.name())
                self._tokens.expect("=")
                value.number = self._tokens.number()
                self._field_options()
                self._tokens.expect(";")

    # -- options -------------------------------------------------------------------------------------------------------

    def _option(self, options: Options) -> None:
        self._assign(options)
        self._tokens.expect(";")

    def _field_options(self, field: FieldDescriptorProto | None = None) -> None:
        """Those of a field, or of an enum's value, which decide nothing."""
        if not self._tokens.given("["):
            return
        options = None if field is None else field.options
        self._assign(options, field)
        while self._tokens.given(","):
            self._assign(options, field)
        self._tokens.expect("]")

    def _assign(self, options: Options | None, field: FieldDescriptorProto | None = None) -> None:
        """Take `name = value`; what decides how bytes are read is noted, and a field's name in JSON."""
        name = self._option_name()
        self._tokens.expect("=")
        if name == "json_name" and field is not None:
            field.json_name = self._tokens.string()
            return
        value = self._tokens.value()
        if options is None or value is None:
            return
        if name == "allow_alias" and isinstance(options, EnumOptions):
            options.allow_alias = value == "true"
        elif name.startswith("features."):
            feature = FeatureSet.DESCRIPTOR.fields_by_name.get(name.removeprefix("features."))
            if feature is not None and feature.enum_type is not None:
                known = feature.enum_type.values_by_name
                if value not in known:
                    raise self._tokens.wrong(f"one of {', '.join(known)}")
                setattr(options.features, feature.name, known[value].number)

    def _option_name(self) -> str:
        name = ""
        while not name or self._tokens.given("."):
            if self._tokens.given("("):
                name += f"({self._tokens.full_name()})."
                self._tokens.expect(")")
            else:
                name += f"{self._tokens.name()}."
        return name[:-1]
