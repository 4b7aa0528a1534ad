"""What pydantic found, in words: what was expected, what was found (never a secret), what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.settings_source import did_you_mean, dotted, keys, variable
from consumer.settings_types import without_password

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from consumer.settings_source import Key

_EXPECTED: Final = {
    "string_type": "expected text",
    "string_too_short": "expected text that is not empty",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a number",
    "path_type": "expected text",
    "tuple_type": "expected a list",
    "too_short": "expected at least one item",
    "dict_type": "expected a map",
    "model_type": "expected a map",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected at least {ge:g}",
    "less_than_equal": "expected at most {le:g}",
}
_LONGEST_FOUND: Final = 60  # characters
_SECRETS: Final = (("log", "identity_key"), ("kafka", "properties"))
_SECTION_AND_NAME: Final = 2


def describe(error: ErrorDetails, written: object, model: type[BaseModel]) -> str:
    """One of pydantic's errors as a sentence that begins with the key; `written` is what stands there."""
    key: Key = error["loc"]
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            where = f"; write it in the settings file, or set {variable(key)}" if len(key) == _SECTION_AND_NAME else ""
            return f"{dotted(key)}: required{where}"
        case "extra_forbidden":
            return f"{dotted(key)}: no such setting; {_advice(key, model)}"
        case "literal_error":
            choices = context["expected"].replace("'", "")
            return f"{dotted(key)}: expected {choices}{_found(key, written)}"
        case "value_error":
            return f"{dotted(key)}: {context['error']}{_found(key, written)}"
        case kind:
            expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else error["msg"]
            return f"{dotted(key)}: {expected}{_found(key, written)}"


def _advice(key: Key, model: type[BaseModel]) -> str:
    if len(key) > _SECTION_AND_NAME:
        return "a rule has status, body and outcome"
    name = dotted(key)
    known = [dotted(known) for known in keys(model)]
    if name in known:
        section, _, rest = name.partition(".")
        return f"write it as two levels: {section}: {{{rest}: …}}"
    return did_you_mean(name, [*known, *model.model_fields])


def _found(key: Key, value: Any) -> str:  # noqa: ANN401 - whatever was written
    """What was found, unless it is or may be a secret, or is better seen in the file."""
    if any(key[: len(secret)] == secret for secret in _SECRETS) or (
        len(key) < _SECTION_AND_NAME and key != ("schemas",)
    ):
        return ""
    if isinstance(value, str):
        text = without_password(value)
        return f', found "{text if len(text) <= _LONGEST_FOUND else text[:_LONGEST_FOUND] + "…"}"'
    return ", found a list" if isinstance(value, list) else ""
