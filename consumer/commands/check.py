"""`profile-consumer check`: everything that is wrong with settings, mappings and cases, at once."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from consumer import settings
from consumer.authoring.folder import Folders, read_folders
from consumer.authoring.problem_view import FORMATS, Format, show_problems
from consumer.authoring.screen import Screen
from consumer.commands.options import config_option, paths_argument

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check")
@paths_argument
@config_option
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True, help="For whom.")
def command(paths: tuple[Path, ...], config: Path | None, style: Format) -> None:
    """Say everything that is wrong with mapping files, their schemas and cases, as `file:line:col: message`.

    PATH is a folder, or a mapping or cases file; without one it is the settings' `schemas`. A settings file, if one is
    named, is checked as `run` would read it. Exits with 0 when nothing is wrong, else 1.

    \b
    Example:
      profile-consumer check schemas
      profile-consumer check --config settings.yaml --format github
    """  # noqa: D301  # click reads \b
    named = config is not None or "PROFILE_CONSUMER_CONFIG" in os.environ
    found, problems = settings.examine(config, os.environ, needs=settings.REQUIRED if named else ())
    length = found.target.max_value_length if found else 256
    gc.disable()  # all that is read is kept; looking for garbage in it would be a quarter of the time
    folders = read_folders(paths or ((found.schemas,) if found else ()), length)
    gc.enable()
    problems = sorted([*problems, *folders.problems])
    show_problems(problems, Screen(), style)
    if style == "text":
        Screen(stderr=bool(problems)).line(_summary(folders, len(problems)))
    sys.exit(1 if problems else 0)


def _summary(folders: Folders, problems: int) -> str:
    if problems:
        return f"{problems} problem{'s' if problems > 1 else ''}."
    mappings = sum(folder.has(mapping.name) for folder in folders.read for mapping in folder.mappings.all)
    cases = sum(len(folder.cases) for folder in folders.read)
    return (
        f"No problem in {mappings} mapping{'s' if mappings != 1 else ''} and {cases} case{'s' if cases != 1 else ''}."
    )
