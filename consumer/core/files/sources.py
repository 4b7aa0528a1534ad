"""Reading the parts of a mapping file that say where values come from: paths, transforms, attributes, identity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, get_args

from consumer.core.files.mapping_keys import ATTRIBUTE, SOURCE, SOURCES
from consumer.core.files.problems import Report, near, suggestion
from consumer.core.files.yaml_nodes import Map, Node, Scalar, Sequence
from consumer.core.formats.event_schema import PathImpossible, shape_at
from consumer.core.formats.record_shape import RECORD_SHAPE
from consumer.core.mapping import Attribute, IdentitySource, Steps, attribute_text
from consumer.core.paths import Path, PathInvalid, Read, parse_path, read_path
from consumer.core.profile import IdentityKind
from consumer.core.transforms import NOT_OF_BOOLEANS, Transform, TransformInvalid, apply_transforms, read_transform
from consumer.core.values import Fault, text_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from consumer.core.expression import Expression
    from consumer.core.formats.event_schema import Kind, Shape
    from consumer.core.record import Record

_IDENTITY_KINDS: tuple[IdentityKind, ...] = get_args(IdentityKind)
LONGEST_NAME = 128


class Source(NamedTuple):
    """Where a value comes from, as written, what reads it with its transforms, and these one by one."""

    origin: str
    read: Read
    steps: Steps


class SourceReader:
    """Reads sources of one mapping file, against the events' shape if known; every problem goes to the report."""

    def __init__(self, report: Report, shape: Shape | None, max_value_length: int) -> None:
        self._report = report
        self._shape = shape
        self._limit = max_value_length

    def path(self, text: str, at: Node) -> tuple[Path, Shape | None] | None:
        """The path in `text` with the shape of its values if known; None when it is no possible path."""
        try:
            path = parse_path(text)
            root = RECORD_SHAPE if path.root == "record" else self._shape
            shape = shape_at(root, path) if root is not None else None
        except PathInvalid as fault:
            self._report.add(at, str(fault))
            return None
        except PathImpossible as fault:
            hint = f"; {suggestion(str(fault.step), fault.known)}" if fault.known else ""
            self._report.add(at, f"{text}: {fault}{hint}")
            return None
        return path, shape

    def attributes(self, node: Node, key: Node) -> tuple[Attribute, ...]:
        """The attributes under `attributes:`."""
        if not isinstance(node, Map) or not node.entries:
            self._report.add(key, "attributes: write a map of at least one attribute")
            return ()
        return tuple(attribute for name, value in node if (attribute := self._attribute(name, value)))

    def identities(self, node: Node, key: Node) -> tuple[IdentitySource, ...]:
        """The ways to know the visitor under `identity:`, in order."""
        nodes = node.items if isinstance(node, Sequence) else (node,)
        if not nodes:
            self._report.add(key, "identity: the list is empty")
        return tuple(identity for each in nodes if (identity := self._identity(each, key if each is node else each)))

    def source(self, node: Node, key: Node, what: str) -> Source | None:
        """A path, or `{from|cel, transform}`."""
        if isinstance(node, Scalar):
            return self._from(node, key, ())
        if not isinstance(node, Map):
            self._report.add(key, f"{what}: write a path, or {{from: a path, transform: [...]}}")
            return None
        self._report.unknown_keys(node, SOURCE, what)
        return self._any_source(node, key, what, ("from", "cel"))

    def _identity(self, node: Node, at: Node) -> IdentitySource | None:
        if not isinstance(node, Map) or len(node.entries) != 1:
            self._report.add(at, "identity: write mbox3rdPartyId or mboxPC, one of them, or a list of such maps")
            return None
        ((key, value),) = node
        kind = next((kind for kind in _IDENTITY_KINDS if kind == key.text), None)
        if kind is None:
            self._report.add(key, f"no identity {key.text!r}; {suggestion(key.text, _IDENTITY_KINDS)}")
            return None
        if isinstance(value, Map) and "const" in value.entries:
            self._report.add(value.entries["const"].key, "a constant would make one visitor of everybody")
            return None
        source = self.source(value, key, key.text)
        return source and IdentitySource(kind, source.origin, source.read, source.steps)

    def _attribute(self, name: Scalar, node: Node) -> Attribute | None:
        self._check_name(name)
        if not isinstance(node, Map):
            hint = f": {{from: {node.text}}}" if isinstance(node, Scalar) and node.text else ""
            self._report.add(name, f"an attribute is a map with one of {', '.join(SOURCES)}{hint}")
            return None
        self._report.unknown_keys(node, ATTRIBUTE, "an attribute")
        default = self._default(node)
        required = self._required(node)
        source = self._any_source(node, name, "an attribute", SOURCES)
        if source is None:
            return None
        word, _, read, transforms = source.steps
        if word == "const":  # transformed when the mapping was loaded
            read, transforms = source.read, ()
        text = attribute_text(read, transforms, default, required=required, limit=self._limit)
        return Attribute(name.text, source.origin, text, source.steps, default, required)

    def _check_name(self, name: Scalar) -> None:
        text = name.text
        if text.startswith("profile."):
            self._report.add(name, f"write {text.removeprefix('profile.')!r}: `profile.` is added when it is sent")
        if not text or text != text.strip() or len(text) > LONGEST_NAME:
            self._report.add(name, f"an attribute's name has 1 to {LONGEST_NAME} characters, no blank at either end")

    def _any_source(self, node: Map, at: Node, what: str, sources: Collection[str]) -> Source | None:
        given = [key for key in sources if key in node.entries]
        transforms = self._transforms(node)
        misspelt = [key for key in node.entries if key not in ATTRIBUTE and near(key, sources)]
        if not given and misspelt:  # told already
            return None
        if len(given) != 1:
            found = " and ".join(given) or "none"
            self._report.add(at, f"{what} has exactly one of {', '.join(sources)}; here {found}")
            return None
        key, value = node.entries[given[0]]
        if key.text == "cel":
            return self._cel(value, key, transforms)
        if key.text == "const":
            return self._const(node, key, transforms)
        if not isinstance(value, Scalar):
            self._report.add(key, "from: write a path such as event.customer.id")
            return None
        return self._from(value, key, transforms, _first_table(node))

    def _from(
        self, node: Scalar, key: Node, transforms: tuple[Transform, ...], table: Map | None = None
    ) -> Source | None:
        """A path; `table` is what its first transform looks up, if it does."""
        if node.json is None:
            self._report.add(key, "write a path such as event.customer.id")
            return None
        found = self.path(node.text, key)
        if found is None:
            return None
        path, shape = found
        if shape is not None:
            self._check_kinds(shape.kinds, transforms, key, "{} stands there")
            self._check_table(table, shape, node.text)
        read = read_path(path)
        return Source(node.text, _transformed(read, transforms), Steps("from", node.text, read, transforms))

    def _cel(self, node: Node, key: Node, transforms: tuple[Transform, ...]) -> Source | None:
        expression = self._expression(node, key)
        if expression is None:
            return None
        if expression.kinds is not None:
            self._check_kinds(expression.kinds, transforms, key, "the expression gives {}")
        read = expression.read
        return Source(
            expression.written, _transformed(read, transforms), Steps("cel", expression.written, read, transforms)
        )

    def condition(self, node: Node, key: Node) -> Expression | None:
        """The expression under `when:`."""
        expression = self._expression(node, key)
        if expression is not None and expression.kinds not in (None, {"boolean"}):
            found = " or ".join(sorted(expression.kinds or ()))
            self._report.add(key, f"when: write a condition, which is true or false; this one gives {found}")
        return expression

    def _expression(self, node: Node, key: Node) -> Expression | None:
        if not isinstance(node, Scalar) or not node.text.strip():
            self._report.add(key, 'write an expression as text, such as event.amount >= 1000.0 ? "high" : "standard"')
            return None
        # CEL's library takes some 25 MB: only from whom writes expressions.
        from consumer.core.expression import compile_expression  # noqa: PLC0415
        from consumer.core.expressions.check import ExpressionInvalid  # noqa: PLC0415

        try:
            return compile_expression(node.text, self._shape, f"cel at {self._report.file}:{node.line}:{node.column}")
        except ExpressionInvalid as fault:
            for offset, message in fault.problems:
                self._report.add_inside(node, offset, message)
            return None

    def _check_kinds(self, kinds: frozenset[Kind], transforms: tuple[Transform, ...], key: Node, has: str) -> None:
        """Whether text can come of values of these kinds; `has` says where they are."""
        joins = any(transform.joins for transform in transforms)
        found = has.format(" or ".join(sorted(kinds)) or "nothing")
        if transforms and transforms[0].name in NOT_OF_BOOLEANS and kinds - {"null"} == {"boolean"}:
            self._report.add(key, f"{transforms[0].name} takes text or a number; {found}")
        elif joins and "array" not in kinds:
            self._report.add(key, f"join needs a list; {found}")
        elif kinds <= ({"object", "bytes", "null"} if joins else {"array", "object", "bytes", "null"}):
            hint = "; join makes text of a list" if "array" in kinds else "; name something in it"
            self._report.add(key, f"{found}, which is no text{hint if kinds & {'array', 'object'} else ''}")

    def _check_table(self, table: Map | None, shape: Shape, path: str) -> None:
        """Whether the keys of a table are values that may stand there."""
        shapes = [shape, *([shape.item()] if "array" in shape.kinds else [])]
        known = [text_of(constant) for each in shapes for constant in each.constants if _is_scalar(constant)]
        for key, _ in table or ():
            if not any(each.allows(key.text) or each.allows(replace(key, plain=True).json) for each in shapes):
                hint = f"; {suggestion(key.text, known)}" if known else ""
                self._report.add(key, f"lookup: {key.text!r} never stands at {path}{hint}")

    def _const(self, node: Map, key: Scalar, transforms: tuple[Transform, ...]) -> Source | None:
        written = self._constant(node, "const")
        if written is None:
            return None
        try:
            value = apply_transforms(written, transforms)
            text = text_of(value) if value is not None else ""
        except Fault as fault:
            self._report.add(key, f"const: {fault.detail}")
            return None
        if not text:
            self._report.add(key, "const: nothing is left of it after its transforms")
        self._check_length(text, key, "const")
        steps = Steps("const", written, lambda _event, _record: written, transforms)
        return Source("const", lambda _event, _record: value, steps)

    def _default(self, node: Map) -> str | None:
        default = self._constant(node, "default")
        if default is not None:
            self._check_length(default, node.entries["default"].key, "default")
        return default

    def _check_length(self, text: str, key: Node, name: str) -> None:
        if len(text) > self._limit:
            self._report.add(key, f"{name}: longer than {self._limit} characters (target.max_value_length)")

    def _constant(self, node: Map, name: str) -> str | None:
        """The text as written under `const` or `default`."""
        if name not in node.entries:
            return None
        key, value = node.entries[name]
        if not isinstance(value, Scalar) or value.json is None or not value.text:
            self._report.add(key, f"{name}: write text that is not empty")
            return None
        return value.text

    def _required(self, node: Map) -> bool:
        if "required" not in node.entries:
            return False
        key, value = node.entries["required"]
        required = value.json if isinstance(value, Scalar) else None
        if not isinstance(required, bool):
            self._report.add(key, "required: write true or false")
        return required is True

    def _transforms(self, node: Map) -> tuple[Transform, ...]:
        if "transform" not in node.entries:
            return ()
        key, value = node.entries["transform"]
        if not isinstance(value, Sequence) or not value.items:
            self._report.add(key, "transform: write a list, one transform an item, such as [trim, lower]")
            return ()
        transforms: list[Transform] = []
        for item in value.items:
            try:
                transform = read_transform(item)
            except TransformInvalid as fault:
                self._report.add(item, str(fault))
                continue
            if transform.joins and any(before.joins for before in transforms):
                self._report.add(item, "join needs a list; the join before it has made text of it")
            elif transforms and transforms[-1].name == "bool" and transform.name in NOT_OF_BOOLEANS:
                self._report.add(item, f"{transform.name} takes text or a number, not what bool gives")
            transforms.append(transform)
        return tuple(transforms)


def _first_table(node: Map) -> Map | None:
    """What is looked up in the value as it comes."""
    transforms = node.get("transform")
    first = transforms.items[0] if isinstance(transforms, Sequence) and transforms.items else None
    table = first.get("lookup") if isinstance(first, Map) else None
    return table if isinstance(table, Map) else None


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, int, float))


def _transformed(read: Read, transforms: tuple[Transform, ...]) -> Read:
    if not transforms:
        return read

    def read_transformed(event: object, record: Record) -> object:
        return apply_transforms(read(event, record), transforms)

    return read_transformed
