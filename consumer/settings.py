"""Loading the settings: one YAML file and the environment become one frozen `Settings`, or a list of all that is wrong.

The steps: `settings_source` reads what was written, `settings_sections` says what it may be, `settings_checks` finds
contradictions, `settings_problems` words what pydantic found.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import PrivateAttr, ValidationError, model_validator

from consumer import settings_checks
from consumer.errors import Problem, SettingsInvalid
from consumer.settings_problems import describe
from consumer.settings_sections import (
    DeadLetterSettings,
    DeliverySettings,
    HttpSettings,
    KafkaSettings,
    LogSettings,
    QuotaSettings,
    TargetSettings,
)
from consumer.settings_source import Place, Source, dotted, read, variable
from consumer.settings_types import Section, section, setting

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from consumer.settings_source import Key

_STAND_INS: Final = {("kafka", "bootstrap_servers"): "", ("target", "client"): "CLIENT"}
REQUIRED: Final = tuple(dotted(key) for key in _STAND_INS)
"""The keys without a default; a command that does not need one gets an empty text or `CLIENT` in its place."""

_SETTING_DEPTH: Final = 2  # section and name


class Settings(Section):
    """All settings, ready for use: `{client}` and `{group_id}` replaced, the lease cut to what its window allows."""

    schemas: Path = setting("schemas", "folder searched for `*.mapping.yaml`, not its sub-folders")
    kafka: KafkaSettings = section()
    target: TargetSettings = section()
    delivery: DeliverySettings = section()
    quota: QuotaSettings = section()
    dead_letter: DeadLetterSettings = section()
    http: HttpSettings = section()
    log: LogSettings = section()

    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but worth a look; for `run` to log at its start."""
        return self._warnings

    @property
    def dead_letter_timeout(self) -> float:
        """Seconds after which the producer of dead letters gives a record up (`message.timeout.ms`)."""
        written = self.kafka.milliseconds("message.timeout.ms", "delivery.timeout.ms")
        return self.delivery.drain_timeout if written is None else written / 1000

    @model_validator(mode="after")
    def _resolve(self) -> Settings:
        """Frozen once this has run, as with the `__post_init__` of a frozen dataclass."""
        self._warnings = tuple(settings_checks.warnings(self))
        client, group_id = self.target.client, self.kafka.group_id
        for model, name in (
            (self.target, "base_url"),
            (self.target, "path"),
            (self.quota, "topic"),
            (self.dead_letter, "topic"),
        ):
            text = getattr(model, name).replace("{client}", client).replace("{group_id}", group_id)
            object.__setattr__(model, name, text)
        object.__setattr__(self.quota, "lease", min(self.quota.lease, self.quota.window / 60))
        return self


def load(config: Path | None, environ: Mapping[str, str], *, needs: Collection[str] = REQUIRED) -> Settings:
    """The settings in `config` (or the file that `PROFILE_CONSUMER_CONFIG` names) and in the environment, which wins.

    `needs` holds those of the `REQUIRED` keys that the command can't do without.

    Raises:
        SettingsInvalid: with every problem of the file, of the variables, and between settings.
    """
    settings, problems = examine(config, environ, needs=needs)
    if settings is None or problems:
        raise SettingsInvalid(problems)
    return settings


def examine(
    config: Path | None, environ: Mapping[str, str], *, needs: Collection[str] = REQUIRED
) -> tuple[Settings | None, list[Problem]]:
    """As `load`, but every problem is returned, with what can be said of the rest; None when nothing can."""
    source = read(config, environ, Settings)
    if source.unreadable:
        return None, source.problems
    for key, stand_in in _STAND_INS.items():
        if dotted(key) not in needs:
            source.assume(key, stand_in)
    problems = list(source.problems)
    faulty: set[Key] = set()
    try:
        settings = Settings.model_validate(source.data())
    except ValidationError as invalid:
        for error in invalid.errors():
            problems.append(_problem(source, error["loc"], describe(error, source.written(error["loc"]), Settings)))
            faulty.add(error["loc"][:_SETTING_DEPTH])
        settings = _settings_without(faulty, source)
    for finding in settings_checks.findings(settings):
        if not any(_overlap(key, bad) for key in (finding.key, *finding.others) for bad in faulty):
            written = next((key for key in (finding.key, *finding.others) if source.has(key)), finding.key)
            problems.append(_problem(source, written, f"{dotted(finding.key)}: {finding.message}"))
    return settings, problems


def _problem(source: Source, key: Key, message: str) -> Problem:
    return Problem(*(source.place(key) or Place(variable(key[:_SETTING_DEPTH]))), message)


def _settings_without(faulty: set[Key], source: Source) -> Settings:
    """What can be said of the rest, so that contradictions in it are reported together with the faults."""
    for key in faulty:
        source.remove(key)
    for key, stand_in in _STAND_INS.items():
        source.assume(key, stand_in)
    return Settings.model_validate(source.data())


def _overlap(key: Key, other: Key) -> bool:
    return all(part == other_part for part, other_part in zip(key, other, strict=False))
