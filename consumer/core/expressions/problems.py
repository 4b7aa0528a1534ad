"""What CEL's messages mean, in words that say what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from consumer.core.expressions.functions import FUNCTIONS, NAMESPACES
from consumer.core.files.problems import near, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_MISFIT = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")
_UNDECLARED = re.compile(r"undeclared reference to '(.+?)'")
_NO_FIELD = re.compile(r"undefined field '(.+?)' not found in struct '(.+?)'")
_NO_OPERAND = re.compile(r"expression of type '(.+)' cannot be (.*)")

MACROS = ("all", "exists", "exists_one", "filter", "map")
COMPARISONS = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")
_TEMPLATES = {
    **dict.fromkeys(COMPARISONS, "{operator} compares values of one kind, not {found}"),
    **dict.fromkeys(("_+_", "_-_", "_*_", "_/_", "_%_"), "{operator} takes two of one kind, not {found}"),
    **dict.fromkeys(("_&&_", "_||_", "!_"), "{operator} takes conditions, not {found}"),
    "_?_:_": "both sides of : are of one kind, not {found}",
    "_[_]": "[ ] takes a list or an object, not {found}",
    "@in": "in looks for a value in a list of its kind, not {found}",
}
_OF_OPTIONALS = ("hasValue", "value", "or", "orValue", "optMap", "optFlatMap")
_CONTAINERS = {"list(": "a list of {}", "optional_type(": "an optional of {}"}
_WORDS = {
    "double": "number",
    "int": "whole number",
    "uint": "unsigned whole number",
    "string": "text",
    "google.protobuf.StringValue": "text",
    "google.protobuf.DoubleValue": "number",
    "google.protobuf.Int64Value": "whole number",
    "google.protobuf.BoolValue": "boolean",
    "bool": "boolean",
    "bytes": "bytes",
    "null_type": "null",
    "google.protobuf.Timestamp": "a time",
    "google.protobuf.Duration": "a length of time",
    "dyn": "anything",
}
_CLOCKS = ("now", "today", "currentTime", "getCurrentTime", "currentDate", "date")
_SYNONYMS = {
    **dict.fromkeys(("length", "len", "count"), "size"),
    **dict.fromkeys(("tolower", "tolowercase", "lowercase", "lower"), "lowerAscii"),
    **dict.fromkeys(("toupper", "touppercase", "uppercase", "upper"), "upperAscii"),
    **dict.fromkeys(("includes", "instr", "has_substring"), "contains"),
    **dict.fromkeys(("slice", "substr", "mid"), "substring"),
    **dict.fromkeys(("strip", "trimspace"), "trim"),
    **dict.fromkeys(("coalesce", "default", "ifnull", "nvl"), "orValue"),
    **dict.fromkeys(("min",), "math.least"),
    **dict.fromkeys(("max",), "math.greatest"),
    **dict.fromkeys(("tostring", "str"), "string"),
    **dict.fromkeys(("toint", "parseint", "tonumber", "number"), "int"),
    **dict.fromkeys(("any", "some"), "exists"),
    **dict.fromkeys(("every",), "all"),
    **dict.fromkeys(("regex", "regexmatch", "match", "test"), "matches"),
}
"""What other languages call a function, in lower case."""
_OF_OTHER_LANGUAGES = {
    "and": "&&",
    "or": "||",
    "not": "! before what is negated",
    "if": "condition ? one : other",
    "??": "event.?name.orValue('other') for a default",
}
_FAILURES = (
    ("return value", "an optional where a value is wanted; end it with .orValue(…)"),
    ("with an exception set", "an optional where a value is wanted; end it with .orValue(…)"),
    ("No matching overloads", "values of kinds that don't go together, or null"),
    ("Applying SELECT to non-message", "a field of something that is no object"),
    ("Key not found", "no such key"),
    ("Index error", "no item at that index"),
    ("divide by zero", "division by zero"),
    ("modulus by zero", "division by zero"),
    ("greater than <string>.size()", "a place beyond the end of the text"),
    ("index out of range", "a place beyond the end of the text"),
    (": index ", "a text to be formatted with more places than values"),
    ("formatting clause", "no such clause of format"),
    ("clause can only", "a value that its clause of format does not take"),
    ("timezone", "no such time zone"),
    ("overflow", "a number too large"),
    ("out of", "a number too large"),
    ("regular expression", "no regular expression"),
    ("dereference", "the value of an optional that has none"),
    ("Iteration budget", "more than 10000 steps through lists"),
    ("conver", "text that can't be converted"),
)


class Misfit(NamedTuple):
    """A function applied to values that it does not take, as CEL names them."""

    function: str
    kinds: tuple[str, ...]


class Complaint(NamedTuple):
    """One message of CEL's checker, with its place in the text checked (0-based characters; -1: nowhere)."""

    position: int
    message: str

    @property
    def misfit(self) -> Misfit | None:
        """What does not fit, if that is what the message is about."""
        match = _MISFIT.search(self.message)
        return Misfit(match[1], tuple(_kinds(match[2]))) if match else None


class Known(NamedTuple):
    """What a misspelt name may have been: the event's fields, and those of its objects by CEL's name of each."""

    fields: tuple[str, ...] = ()
    messages: Mapping[str, tuple[str, ...]] = {}


def complaints(error: RuntimeError, text: str) -> list[Complaint]:
    """Every message in an exception of the library about `text`; what only follows from another is left out."""
    beginnings = [0]
    for line in text.split("\n"):
        beginnings.append(beginnings[-1] + len(line) + 1)
    found = []
    for line, column, message in _ERROR.findall(str(error)):
        known = 0 < int(line) < len(beginnings)
        if "*error*" not in message:
            found.append(Complaint(beginnings[int(line) - 1] + int(column) - 1 if known else -1, message))
    return found or [Complaint(-1, str(error))]


def explained(complaint: Complaint, known: Known, *, is_call: bool = False, macro: str = "") -> str:
    """A message in a user's words; `is_call` when it is about a function, `macro` when about what is made of one."""
    text = complaint.message
    if misfit := complaint.misfit:
        return _macro_explained(macro, misfit) if macro else _misfit_explained(misfit)
    if match := _UNDECLARED.search(text):
        name = match[1].partition(".")[0]
        return _function_unknown(name) if is_call else _name_unknown(name, known)
    if match := _NO_FIELD.search(text):
        return f"the schema has no {match[1]!r} there; {suggestion(match[1], known.messages[match[2]])}"
    return next(
        (explain(match) for pattern, explain in _EXPLANATIONS if (match := pattern.search(text))),
        text.partition(" [")[0].removeprefix("INVALID_ARGUMENT: "),
    )


def failure(message: str) -> str:
    """Why an expression failed on an event, in words that hold nothing of it, as CEL's message may."""
    return next((words for sign, words in _FAILURES if sign in message), "it can't be computed of this event")


def unwrapped(kind: str) -> str:
    """The kind of a value that may be null."""
    return kind.removeprefix("wrapper(").removesuffix(")") if kind.startswith("wrapper(") else kind


def _syntax_explained(match: re.Match[str]) -> str:
    text = match[1].partition(" expecting {")[0].partition(" [INVALID")[0]
    if text.startswith("token recognition"):
        if "at: '=" in text:
            return "not CEL: equality is written =="
        return f"not CEL: unreadable from {text.partition('at: ')[2]}; text stands in quotes, 'like this'"
    return "not CEL: " + text.replace("mismatched input '<EOF>'", "it ends too early").replace("<EOF>", "the end")


_EXPLANATIONS = (
    (re.compile(r"Syntax error: (.*)"), _syntax_explained),
    (re.compile(r"expression of type '(.+)' cannot be the operand"), lambda match: f"{_word(match[1])} has no fields"),
    (re.compile(r"expression of type '(.+)' cannot be"), lambda match: f"{_word(match[1])} is no list"),
    (
        re.compile("reserved identifier: (.*)"),
        lambda match: f"not CEL: {match[1]} is no word of it",
    ),
    (re.compile("invalid int literal"), lambda _: "a whole number of more than 64 bits; with .0 it is taken"),
    (re.compile("recursion"), lambda _: "nested deeper than 32 levels; say it in fewer steps"),
)


def word_hint(word: str) -> str:
    """How something is written in CEL that other languages have a word for; empty if it is no such word."""
    written = _OF_OTHER_LANGUAGES.get(word)
    return f"; write {written}" if written else ""


def _function_unknown(name: str) -> str:
    if name in _CLOCKS:
        return f"no function {name!r}: an expression knows no clock; record.timestamp is when the event was written"
    by_last_name = {known.rpartition(".")[2]: known for known in reversed(FUNCTIONS)}
    if name in by_last_name:
        return f"{name} is written as in {FUNCTIONS[by_last_name[name]]}"
    close = by_last_name.get(near(name, by_last_name) or "") or _SYNONYMS.get(name.lower())
    hint = f"did you mean {close}? As in {FUNCTIONS[close]}" if close else "docs/mapping.md lists them"
    return f"no function {name!r}; {hint}"


def _name_unknown(name: str, known: Known) -> str:
    if name in NAMESPACES:
        return f"{name} alone is nothing; write a function of it, such as {NAMESPACES[name]}"
    if close := near(name, ("event", "record")):
        return f"an expression begins with event or record, not {name!r}; did you mean {close}?"
    field = near(name, known.fields) or name
    return f"there is no {name!r}; what an event has is written event.{field}, and text stands in quotes"


def _macro_explained(macro: str, misfit: Misfit) -> str:
    condition = misfit.kinds[0 if misfit.function == "_?_:_" else -1]
    return f"{macro} asks for a condition on each item, not {_word(condition)}; as in {FUNCTIONS[macro]}"


def _misfit_explained(misfit: Misfit) -> str:
    words = [_word(kind) for kind in misfit.kinds]
    function = misfit.function
    if function == "_?_:_" and words[0] not in ("boolean", "anything"):
        return f"before ? stands a condition, not {words[0]}"
    if function == "_?_:_":
        words = words[1:]
    if function == "_[_]" and misfit.kinds[0].startswith("list("):
        return f"the index of a list is a whole number, not {words[1]}"
    template = _TEMPLATES.get(function, "{operator} does not take {found}")
    told = template.format(operator=function.strip("_").replace("@", ""), found=" and ".join(words))
    return told + "".join(f"; {hint}" for hint in _hints(function, words))


def _hints(function: str, words: list[str]) -> Iterator[str]:
    mixed = " ".join(words)
    if "whole number" in mixed and mixed.replace("whole number", "").count("number"):
        yield "write the whole number as 12.0, or double(…) around it"
    elif function == "_+_" and "text" in words:
        yield "write string(…) around what is no text"
    if function in _OF_OPTIONALS and not words[0].startswith("an optional"):
        yield "? makes an optional, as in event.?name"
    elif function in FUNCTIONS and "number" not in mixed:
        yield f"as in {FUNCTIONS[function]}"
    if function in ("_[_]", "@in") and words[function == "@in"] == "an object":
        yield "the schema lists its fields: write .name, or has(….name)"


def _word(kind: str) -> str:
    kind = unwrapped(kind)
    for container, words in _CONTAINERS.items():
        if kind.startswith(container):
            return words.format(_word(kind[len(container) : -1]))
    return _WORDS.get(kind, "an object" if kind.startswith(("shape.", "map(")) else kind)


def _kinds(written: str) -> Iterator[str]:
    """The types in `double, map(string, dyn)`: commas inside parentheses separate nothing."""
    yield from filter(None, re.split(r", (?![^(]*\))", written))
