"""What the value of a setting may be; each type says what it expects when it meets something else.

Values arrive as text, whether they come from the file or from a variable, so that both mean the same.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from consumer.units import parse_duration, parse_size

_TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_TOPIC_PATTERN: Final = re.compile(r"(?!\.{1,2}$)(?:[A-Za-z0-9._-]|\{client\}|\{group_id\})+")
_TOPIC_EXPECTED: Final = "a topic name: at most 249 letters, digits, dots, underscores and hyphens"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CLIENT_CODE: Final = re.compile(r"[A-Za-z0-9._-]+")
_PATH: Final = re.compile(r"/[^\s?#]*")
_SECRET_PROPERTY: Final = re.compile(r"password|passphrase|secret|token|pem|oauthbearer\.config")

MASK: Final = "**********"


class Section(BaseModel):
    """Some settings that belong together: read-only, every key known; a key that is null has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, written: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
        if not isinstance(written, dict):
            return written
        return {key: value for key, value in written.items() if value is not None or key not in cls.model_fields}


class Properties(dict[str, str]):
    """Properties for librdkafka; printing them never prints a secret."""

    def __repr__(self) -> str:
        """All names, and the values of those that are no secret."""
        return repr(self.masked())

    def masked(self) -> dict[str, str]:
        """The same with asterisks in place of passwords, keys and tokens."""
        return {name: MASK if _SECRET_PROPERTY.search(name) else value for name, value in self.items()}


def setting(default: Any, meaning: str, *, shown: str | None = None, **limits: Any) -> Any:  # noqa: ANN401 - as `Field`
    """A key with its default as a person would write it; `shown` describes a default that is no constant."""
    return Field(default, description=meaning, json_schema_extra={"shown": shown} if shown else None, **limits)


def section() -> Any:  # noqa: ANN401 - as `Field`
    """A section; the defaults of its keys hold where it is not written at all."""
    return Field(default={})


def without_password(address: str) -> str:
    """An address without the user and password in it."""
    return re.sub(r"//[^/]*@", "//…@", address)


def is_topic(name: str) -> bool:
    """Whether Kafka takes this as a topic's name."""
    return _TOPIC.fullmatch(name) is not None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")  # noqa: TRY004 - pydantic reports ValueError, and lets TypeError through
    return value


def _duration(value: object) -> float:
    return parse_duration(_text(value))


def _size(value: object) -> int:
    return parse_size(_text(value))


def _count(value: object) -> int:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("expected a whole number")
    return int(text)


def _without_nulls(value: object) -> object:
    return {name: text for name, text in value.items() if text is not None} if isinstance(value, dict) else value


def _list_of_statuses(value: object) -> list[str]:
    return [_text(status) for status in value] if isinstance(value, list) else [_text(value)]


def _start_from(value: object) -> str | int:
    text = _text(value)
    if text in {"earliest", "latest"}:
        return text
    if not _TIME.fullmatch(text):
        raise ValueError("expected earliest, latest or a time such as 2026-03-01T09:30:00Z")
    try:
        return round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except ValueError as error:
        raise ValueError(f"expected a time that exists ({error})") from error


def _url(text: str) -> str:
    expected = "expected an address such as https://host:port"
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(expected) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise ValueError(expected)
    if parts.query or parts.fragment or re.search(r"\s", text):
        raise ValueError(f"{expected}, without query, fragment and blanks")
    return text.rstrip("/")


def _base_url(text: str) -> str:
    if "@" in urlsplit(_url(text)).netloc:
        raise ValueError("expected an address without user and password; the token comes from target.token_file")
    return _url(text)


def _matching(pattern: re.Pattern[str], expected: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[float, BeforeValidator(_duration)]
"""Seconds."""
Size = Annotated[int, BeforeValidator(_size)]
"""Bytes."""
Count = Annotated[int, BeforeValidator(_count)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Topic = Annotated[str, _matching(_TOPIC, _TOPIC_EXPECTED)]
TopicPattern = Annotated[str, _matching(_TOPIC_PATTERN, f"{_TOPIC_EXPECTED}; {{client}} and {{group_id}} are replaced")]
"""A topic's name in which `{client}` and `{group_id}` are replaced."""
Url = Annotated[str, AfterValidator(_url)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
UrlPath = Annotated[str, _matching(_PATH, "a path that begins with /, without query and blanks")]
Header = Annotated[str, _matching(_HEADER, "the name of an HTTP header")]
ClientCode = Annotated[str, _matching(_CLIENT_CODE, "a client code: letters, digits, dots, underscores and hyphens")]
Statuses = Annotated[tuple[str, ...], BeforeValidator(_list_of_statuses)]
StartFrom = Annotated[Literal["earliest", "latest"] | int, PlainValidator(_start_from)]
"""Where to begin without a committed offset; a time is in milliseconds since the epoch."""
PropertyMap = Annotated[dict[str, str], BeforeValidator(_without_nulls), AfterValidator(Properties)]
