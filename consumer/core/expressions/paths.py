"""Which parts of an event an expression reads.

Everything such as `event.loan.amount` becomes a variable of its own: only that value is handed to CEL, read as fast as
any path, and what the schema knows of that one place is its type. `has(event.a.b)` becomes a variable that is true or
false, `event.?a.?b` an optional made of two. So a path means the same here as anywhere in a mapping: whatever is
missing on the way is missing, and null is nothing, so that `event.a == null` is `!has(event.a)`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.expressions.reads import Compared, Edit, Reads, Role, Use, Variable
from consumer.core.paths import Path

if TYPE_CHECKING:
    from consumer.core.expressions.syntax import Syntax
    from consumer.core.paths import Step

_ROOTS = ("event", "record")
_NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*|`[^`\n]*`)"
_STRING = r"""[rR]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_STEP = re.compile(rf"\.\s*\??\s*{_NAME}|\[\s*\??\s*(?:{_STRING}|-?\s*[0-9A-Fa-fx]+)\s*\]", re.DOTALL)
_LAST_OF_HAS = re.compile(rf"\s*\.\s*{_NAME}\s*\)")
_NULL_FIRST = re.compile(r"null\s*(?:==|!=)\s*")
_NULL = re.compile(r"\s*(?:==|!=)\s*null\b")
_HAS = re.compile(r"has\s*$")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOT = re.compile(r"(?:\.\s*\??\s*)?")
_BLANK = re.compile(r"\s*")
_EQUALITIES = ("_==_", "_!=_")
_PASSING = ("_?_:_", "orValue", "or", "value", "dyn")
_ARITHMETIC = ("_+_", "_-_", "_*_", "_/_", "-_")
_REPEATING = ("replace", "join")
_LINE_BREAK = re.compile(r"\s*\n\s*")
_STEPPING = {"_[_]": False, "_[?_]": True, "_?._": True}


def find_reads(text: str, syntax: Syntax) -> Reads:
    """The paths that an expression reads."""
    finder = _Finder(text)
    finder.visit(syntax, {})
    edits = {(edit.start, edit.end): edit for edit in finder.edits}  # `optMap` has its operand twice in the tree
    return Reads(
        tuple(finder.variables.values()),
        tuple(finder.compared),
        tuple(edits.values()),
        finder.builds_lists,
        finder.splits,
        finder.repeats,
        tuple(finder.unordered),
    )


class _Place(NamedTuple):
    """A part that names a value step by step from `root`, an identifier."""

    root: Syntax
    steps: tuple[tuple[Step, bool, int], ...]  # with whether it is optional, and its position


class _Finder:
    def __init__(self, text: str) -> None:
        self.variables: dict[tuple[Role, Path], Variable] = {}
        self.compared: list[Compared] = []
        self.edits: list[Edit] = []
        self.builds_lists = False
        self.splits = False
        self.repeats = False
        self.unordered: list[int] = []
        self._text = text

    def visit(self, part: Syntax, scope: dict[str, Use | None], *, in_doubles: bool = False) -> None:
        """Find what is read in `part`; `scope` holds the loop variables around it, with what is used of each."""
        if (place := _place(part)) is not None:
            use = self._use(place, scope)
            if use is not None:
                use.whole = True
                use.in_doubles |= in_doubles
                return
        if part.kind == "has" and self._visit_has(part, scope):
            return
        if part.name in _EQUALITIES and (self._visit_null(part, scope) or self._visit_null_first(part, scope)):
            return
        if part.name in (*_EQUALITIES, "@in"):
            self._note_texts(part, scope)
        if part.kind == "loop":
            self._visit_loop(part, scope)
            return
        self.splits |= part.name == "split"
        self.repeats |= part.name in _REPEATING and not all(each.kind == "const" for each in part.parts[1:])
        in_doubles = part.name in _ARITHMETIC and (in_doubles or _is_double(part))
        for each in part.parts:
            self.visit(each, scope, in_doubles=in_doubles)

    def _note_texts(self, part: Syntax, scope: dict[str, Use | None]) -> None:
        one, other = part.parts
        sides = [(one, other.parts if part.name == "@in" else (other,)), (other, (one,))]
        for side, constants in sides:
            place = _place(side)
            if place is not None and _is_read(place, scope):
                texts = [(each.position, each.value) for each in constants if each.value.__class__ is str]
                path = Path(
                    "event" if place.root.name == "event" else "record", tuple(step for step, _, _ in place.steps)
                )
                self.compared.append(Compared(path, tuple(texts)))

    def _visit_loop(self, loop: Syntax, scope: dict[str, Use | None]) -> None:
        over, start, condition, step, result = loop.parts
        self.builds_lists |= start.kind == "list"
        self.repeats |= over.kind != "list" or bool(over.parts)  # `optMap` goes through an empty list
        place = _place(over)
        use = self._use(place, scope, "range") if place is not None else None
        if use is None:
            self.visit(over, scope)
            self._note_ranges(over, scope)
        self.visit(start, scope)
        inner = scope | {loop.value: None, loop.name: use and use.each()}
        for each in (condition, step):
            self.visit(each, inner)
        self.visit(result, scope | {loop.value: self._bound(loop, scope)})

    def _bound(self, loop: Syntax, scope: dict[str, Use | None]) -> Use | None:
        """What is used of the value that `optMap` gives a name, by a loop through nothing."""
        over, start, *_ = loop.parts
        place = _place(start.parts[0]) if start.name == "value" and not over.parts and start.parts else None
        return self._use(place, scope) if place is not None else None

    def _note_ranges(self, over: Syntax, scope: dict[str, Use | None]) -> None:
        """What a macro may go through: either side of a condition, the value of an optional or what stands for it."""
        place = _place(over)
        if over.kind == "struct" and over.parts and self.builds_lists:
            self.unordered.append(over.position)
        elif place is not None and (use := self._use(place, scope)) is not None:
            use.ranged = True
        elif over.name in _PASSING:
            for part in over.parts:
                self._note_ranges(part, scope)

    def _visit_has(self, part: Syntax, scope: dict[str, Use | None]) -> bool:
        """`has(place.name)`; true when nothing more is to be visited."""
        (operand,) = part.parts
        place = _place(operand)
        if place is None:
            return False
        end = self._end(place, len(place.steps))
        last = _LAST_OF_HAS.match(self._text, end) if end is not None else None
        before = _HAS.search(self._text, 0, part.position)
        if end is not None and last and before and _is_read(place, scope):
            whole = _Place(place.root, (*place.steps, (part.name, False, end)))
            self.edits.append(Edit(before.start(), last.end(), self._variable("present", whole, len(whole.steps)).name))
            return True
        use = self._use(place, scope)
        if use is not None:
            use.field(part.name).whole = True
        return use is not None

    def _visit_null(self, part: Syntax, scope: dict[str, Use | None]) -> bool:
        """`place == null` and `place != null`; true when nothing more is to be visited."""
        place = _place(part.parts[0])
        end = self._end(place, len(place.steps)) if place is not None and place.steps else None
        match = _NULL.match(self._text, end) if end is not None and part.parts[1].name == "null" else None
        if place is None or match is None:
            return False
        name = place.steps[-1][0]
        start, nothing = place.root.position, "!" if part.name == "_==_" else ""
        if _is_read(place, scope):
            present = self._variable("present", place, len(place.steps)).name
            self.edits.append(Edit(start, match.end(), f"({nothing}{present})"))
            return True
        use = self._use(place, scope)
        if use is not None and isinstance(name, str):
            use.whole = True
            self.edits.append(Edit(start, start, f"({nothing}", checked=False))
            there = f"[?{json.dumps(name)}].hasValue())"
            self.edits.append(Edit(place.steps[-1][2], match.end(), there, checked=False))
        return use is not None and isinstance(name, str)

    def _visit_null_first(self, part: Syntax, scope: dict[str, Use | None]) -> bool:
        """`null == place` and `null != place`; true when nothing more is to be visited."""
        null, other = part.parts
        place = _place(other)
        end = self._end(place, len(place.steps)) if place is not None and place.steps else None
        if place is None or end is None or null.name != "null" or not _is_read(place, scope):
            return False
        if not _NULL_FIRST.fullmatch(self._text, null.position, place.root.position):
            return False
        present = self._variable("present", place, len(place.steps)).name
        self.edits.append(Edit(null.position, end, f"({'!' if part.name == '_==_' else ''}{present})"))
        return True

    def _use(self, place: _Place, scope: dict[str, Use | None], role: Role = "value") -> Use | None:
        """What is used of a place; None if it does not begin at a root or at the items of one."""
        root, steps = place
        if root.name in scope:
            use = scope[root.name]
            rest = steps
            self._name_fields(steps)
        elif root.name in _ROOTS:
            count = next(count for count in range(len(steps), -1, -1) if self._end(place, count) is not None)
            use = self._read(place, count, role if count == len(steps) else "value").use
            rest = steps[count:]
            self._name_fields(rest)
        else:
            return None
        for step, _, _ in rest if use is not None else ():
            use = use.field(step) if isinstance(step, str) else use.each()  # type: ignore[union-attr]  # not None here
        return use

    def _name_fields(self, steps: tuple[tuple[Step, bool, int], ...]) -> None:
        """To the checker an object is a message, and a message has no `["name"]`, only `.name`."""
        for step, optional, position in steps:
            match = _STEP.match(self._text, position)
            if isinstance(step, str) and _PLAIN.fullmatch(step) and match and match[0].startswith("["):
                dot = ".?" if optional else "."
                self.edits.append(Edit(position, match.end(), dot + step, run=False))

    def _read(self, place: _Place, count: int, role: Role) -> Variable:
        """The variable for the first `count` steps of a place, with the edit that puts it there."""
        end = self._end(place, count) or 0
        start = place.root.position
        if not any(optional for _, optional, _ in place.steps[:count]):
            variable = self._variable(role, place, count)
            self.edits.append(Edit(start, end, variable.name))
            return variable
        variable = self._variable("optional", place, count)
        variable.use.ranged |= role == "range"
        present = self._variable("present", place, count)
        text = f"({present.name} ? optional.of({variable.name}) : optional.none())"
        self.edits.append(Edit(start, end, text))
        return variable

    def _variable(self, role: Role, place: _Place, count: int) -> Variable:
        steps = place.steps[:count]
        path = Path("event" if place.root.name == "event" else "record", tuple(step for step, _, _ in steps))
        dots = [_DOT.match(self._text, position) for _, _, position in steps]
        positions = (place.root.position, *[dot.end() for dot in dots if dot])
        written = _LINE_BREAK.sub("", self._text[place.root.position : self._end(place, count)])
        name = f"_{len(self.variables)}"
        return self.variables.setdefault((role, path), Variable(name, role, path, written, positions, Use()))

    def _end(self, place: _Place, count: int) -> int | None:
        """Where the text of the first `count` steps ends; None if something stands between them."""
        end = place.root.position + len(place.root.name)
        for _, _, position in place.steps[:count]:
            blank = _BLANK.match(self._text, end)
            match = _STEP.match(self._text, position)
            if match is None or blank is None or blank.end() != position:
                return None
            end = match.end()
        return end


def _is_double(part: Syntax) -> bool:
    """Whether it is a number with a point, without a look at what is read."""
    if part.name == "double" or part.value.__class__ is float:
        return True
    return part.name in _ARITHMETIC and any(map(_is_double, part.parts))


def _is_read(place: _Place, scope: dict[str, Use | None]) -> bool:
    return place.root.name in _ROOTS and place.root.name not in scope


def _place(part: Syntax) -> _Place | None:
    steps: list[tuple[Step, bool, int]] = []
    while part.kind != "ident":
        if part.kind == "select":
            steps.append((part.name, False, part.position))
        elif part.name in _STEPPING and _is_step(part.parts[1]):
            steps.append((part.parts[1].value, _STEPPING[part.name], part.position))
        else:
            return None
        part = part.parts[0]
    return _Place(part, tuple(reversed(steps)))


def _is_step(part: Syntax) -> bool:
    return part.kind == "const" and part.value.__class__ in (str, int)
