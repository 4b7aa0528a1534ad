"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings, a YAML file; without it the one that PROFILE_CONSUMER_CONFIG names (docs/settings.md).",
)
"""`--config FILE`, for `consumer.settings.load`, which also says what is wrong with the file."""

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
"""Folders, and mapping or cases files; one that does not exist is told of like any other problem."""
