"""`.proto` files, as text or as serialized descriptors, to message descriptors."""

from __future__ import annotations

import base64
import binascii
from importlib import import_module
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from consumer.core.event import DecodeFailed
from consumer.core.files.problems import suggestion
from consumer.core.formats.event_schema import SchemaInvalid
from consumer.core.formats.proto_text import parse_proto

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from google.protobuf.descriptor import Descriptor, FileDescriptor

_WELL_KNOWN: Final = {
    f"google/protobuf/{name}.proto": import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.serialized_pb
    for name in (
        "any",
        "api",
        "descriptor",
        "duration",
        "empty",
        "field_mask",
        "source_context",
        "struct",
        "timestamp",
        "type",
        "wrappers",
    )
}
"""Files that come with Protobuf, serialized."""


def read_proto(name: str, content: bytes, imports: Mapping[str, bytes]) -> FileDescriptor:
    """The file `name`; what it imports is among `imports`, or comes with Protobuf (`google/protobuf/…`).

    Of an import in a folder (`common/money.proto`) the file `money.proto` will do. One that is neither is left out: it
    may hold nothing but options.

    Raises:
        SchemaInvalid: it is no such file, or a type is missing.
    """
    files = _Files(imports)
    try:
        files.add(name, content)
        return files.pool.FindFileByName(name)
    except (TypeError, KeyError) as error:
        missing = f"; not found: {', '.join(sorted(files.missing))}" if files.missing else ""
        raise SchemaInvalid(f"{str(error).rpartition('pool: ')[2]}{missing}") from None


class _Files:
    """Adds files to a pool, each after those that it imports."""

    def __init__(self, imports: Mapping[str, bytes]) -> None:
        self.pool = DescriptorPool()
        self.missing: set[str] = set()
        self._imports = imports
        self._added: dict[str, bool] = {}  # true once it is in the pool

    def add(self, name: str, content: bytes) -> None:
        self._added[name] = False
        file = _described(name, content)
        there = []
        for needed in file.dependency:
            found = _WELL_KNOWN.get(needed) or self._imports.get(needed) or self._imports.get(_flat(needed))
            if found is None:
                self.missing.add(needed)
                continue
            there.append(needed)
            if needed not in self._added:
                self._import(needed, found)
            elif not self._added[needed]:
                raise SchemaInvalid(f"it imports {needed}, which imports it again")
        file.dependency[:] = there
        del file.public_dependency[:], file.weak_dependency[:]  # they count what is no longer there, and change nothing
        self.pool.AddSerializedFile(file.SerializeToString())
        self._added[name] = True

    def _import(self, name: str, content: bytes) -> None:
        try:
            self.add(name, content)
        except SchemaInvalid as fault:
            raise SchemaInvalid(f"it imports {name}: {fault}") from None


def _flat(name: str) -> str:
    """A file's name without its folders: mapping files and schemas lie side by side, as in a ConfigMap."""
    return name.rpartition("/")[2]


def _described(name: str, content: bytes) -> FileDescriptorProto:
    if name in _WELL_KNOWN:
        return FileDescriptorProto.FromString(content)
    if (file := serialized(content)) is not None:
        file.name = name
        return file
    try:
        return parse_proto(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SchemaInvalid("not UTF-8") from None


def serialized(content: bytes) -> FileDescriptorProto | None:
    """The descriptor in `content`, in base64, as a registry has it of some clients; None when it is a file's text."""
    try:
        return FileDescriptorProto.FromString(base64.b64decode(content, validate=True))
    except (binascii.Error, ValueError, DecodeError):
        return None


def message_named(file: FileDescriptor, name: str | None) -> Descriptor:
    """The message of that name, full, or as it stands in the file (`Outer.Inner`); without a name the only one.

    Raises:
        SchemaInvalid: there is none, or there are several.
    """
    messages = {_short(message): message for message in all_messages(file)}
    if name is None:
        if not messages:
            raise SchemaInvalid("it declares no message")
        if len(messages) > 1:
            raise SchemaInvalid(f"it declares several messages; write which it is: message: {_listed(messages)}")
        (only,) = messages.values()
        return only
    found = messages.get(name.removeprefix(f"{file.package}.") if file.package else name)
    if found is None:
        raise SchemaInvalid(f"no message {name!r}; {suggestion(name, messages)}", "message")
    return found


def message_at(file: FileDescriptor, indexes: Iterable[int], *, entries: bool = False) -> Descriptor:
    """The message that the indexes of a framing lead to: one of the file, then one inside it, and so on.

    Those who register a serialized descriptor also count the entries of maps, which are messages there; in a text there
    are none.

    Raises:
        DecodeFailed: there is none.
    """
    messages = list(file.message_types_by_name.values())
    found: Descriptor | None = None
    for index in indexes:
        found = messages[index] if 0 <= index < len(messages) else None
        if found is None:
            break
        messages = [each for each in found.nested_types if entries or not _is_entry(each)]
    if found is None:
        raise DecodeFailed("the schema has no such message")
    return found


def indexes_of(message: Descriptor) -> tuple[int, ...]:
    """The indexes that lead to a message, counted in a text."""
    container = message.containing_type
    if container is None:
        return (list(message.file.message_types_by_name.values()).index(message),)
    return (*indexes_of(container), [each for each in container.nested_types if not _is_entry(each)].index(message))


def all_messages(file: FileDescriptor) -> Iterator[Descriptor]:
    """The messages of a file, and those inside them."""
    return _all(file.message_types_by_name.values())


def _all(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        if not _is_entry(message):
            yield message
            yield from _all(message.nested_types)


def _is_entry(message: Descriptor) -> bool:
    return message.GetOptions().map_entry


def _short(message: Descriptor) -> str:
    package = message.file.package
    return message.full_name.removeprefix(f"{package}.") if package else message.full_name


def _listed(messages: Iterable[str]) -> str:
    return " or ".join(messages)
