"""What the simulated Target can be told to do; the JSON of the control endpoint and of `simulate --config`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from consumer.units import parse_duration


def _seconds(given: Any) -> Any:  # noqa: ANN401  whatever stands in the JSON
    return parse_duration(given) if isinstance(given, str) else given


def _range(given: Any) -> Any:  # noqa: ANN401  whatever stands in the JSON
    return {"min": given, "max": given} if isinstance(given, int | float | str) else given


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Status = Annotated[int, Field(ge=200, le=599)]
RetryAfter = Literal["seconds", "date", "garbage"] | int | None
Body = Literal["success", "unsuccessful", "server_timeout", "empty", "html", "huge"]
Delivery = Literal["whole", "drip", "stall", "hang", "cut", "reset", "truncate"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Latency(_Model):
    """Seconds between a call's arrival and its answer, drawn evenly; one number or duration stands for both ends."""

    min: Seconds = 0.0
    max: Seconds = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> Latency:
        if self.min > self.max:
            raise ValueError("min is greater than max")
        return self


AnyLatency = Annotated[Latency, BeforeValidator(_range)]


class Profiles(_Model):
    """Which visitors Target knows: ids that begin with a prefix, or stand in the list (`mboxPC` without its hint)."""

    prefixes: tuple[str, ...] = ()
    identities: frozenset[str] = frozenset()


class Token(_Model):
    """`accepted` tokens, sent as `Bearer TOKEN` in `header`; others get `status` (page "profile-api-settings")."""

    accepted: frozenset[str]
    header: str = "Authorization"
    status: Status = 401


class Rate(_Model):
    """At most `limit` calls in `seconds`; a call past it is refused with `status`.

    `bucket` refills evenly and holds `burst` calls (default: `limit`), `fixed` counts in windows that begin with
    the first call, `sliding` counts back from each call. `retry_after` is how the header is written: the seconds
    that the limiter knows, the same as a date, `garbage`, a fixed number (which may be negative), or null for none.
    """

    limit: Annotated[int, Field(ge=1)]
    seconds: Annotated[Seconds, Field(gt=0)] = 1.0
    kind: Literal["bucket", "fixed", "sliding"] = "bucket"
    burst: Annotated[int, Field(ge=1)] | None = None
    status: Status = 429
    retry_after: RetryAfter = None


class Concurrency(_Model):
    """At most `limit` calls between arrival and answer; one more is refused with `status`."""

    limit: Count
    status: Status = 503
    retry_after: RetryAfter = None


class Quota(_Model):
    """`limit` calls in any rolling window of `seconds`; without a limit the windows are only counted."""

    limit: Count | None = None
    seconds: Annotated[Seconds, Field(gt=0)] = 86400.0
    status: Status = 429
    retry_after: RetryAfter = None


class Fault(_Model):
    """One way to misbehave, and which calls it meets; the first fault of the list that meets a call answers it.

    Which calls: `identities` (ids) or `matching` (a regular expression searched in the id), both absent for all, and
    `setting` (names of attributes without `profile.`): only updates that set one of them;
    `share` of those, drawn with the seed; at most `calls` of them; for `seconds` from the moment it is set.

    What happens: an answer with `status`, `headers` and a body, delivered

    - `whole`, after `latency` (absent: the general one)
    - `drip`: byte by byte, `pause` seconds between two
    - `stall`: headers only, then silence; `hang`: not even headers
    - `cut`, `reset`: the connection is closed (FIN) or reset (RST) without an answer
    - `truncate`: closed after half of the body

    `body` is one of the known ones or `text` is it word by word; absent, it says whether the update took `effect`,
    which it does not unless told. Known bodies: `server_timeout` is the `//ERROR: application server timeout` that
    load balancers of the same hosts write with status 200; `huge` has `huge_bytes`.
    """

    identities: frozenset[str] | None = None
    matching: re.Pattern[str] | None = None
    setting: frozenset[str] | None = None
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    calls: Count | None = None
    seconds: Seconds | None = None

    status: Status = 200
    headers: dict[str, str] = {}
    body: Body | None = None
    text: str | None = None
    effect: bool = False
    delivery: Delivery = "whole"
    latency: AnyLatency | None = None
    pause: Seconds = 1.0
    huge_bytes: Count = 64 << 20

    @model_validator(mode="after")
    def _one_body(self) -> Fault:
        if self.body is not None and self.text is not None:
            raise ValueError("body and text exclude each other")
        return self


class Behaviour(_Model):
    """Everything that can be switched; as it stands, an honest and instant Target that knows every visitor.

    `seed` makes latency and shares repeatable. `accept` is when an update takes effect: on `arrival`, or with the
    `answer`, after the latency. `refusal_status` is answered to calls that break the rules of the API; which status
    the real one uses is not documented (200 gives `success` false in a 2xx).
    """

    seed: int = 0
    profiles: Literal["every"] | Profiles = "every"
    latency: AnyLatency = Latency()
    accept: Literal["arrival", "answer"] = "arrival"
    refusal_status: Status = 400
    token: Token | None = None
    rate: Rate | None = None
    concurrency: Concurrency | None = None
    quota: Quota = Quota()
    faults: tuple[Fault, ...] = ()


def problems(error: ValidationError) -> list[str]:
    """`key: what is wrong` for everything that is; without the values given."""
    return [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    ]
