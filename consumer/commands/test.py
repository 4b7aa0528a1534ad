"""`profile-consumer test`: runs the cases beside the mappings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from consumer import settings
from consumer.authoring.case_run import run_cases
from consumer.authoring.case_view import junit, show_results
from consumer.authoring.coverage import coverage
from consumer.authoring.folder import read_folders
from consumer.authoring.problem_view import show_problems
from consumer.authoring.screen import Screen
from consumer.authoring.watch import changes
from consumer.commands.options import config_option, paths_argument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from consumer.authoring.case_run import CaseResult
    from consumer.authoring.folder import Folders


@click.command("test")
@paths_argument
@config_option
@click.option(
    "--filter", "text", default="", metavar="TEXT", help="Only cases with this in their or their file's name."
)
@click.option("--junit", "report", type=click.Path(dir_okay=False), metavar="FILE", help="Write JUnit's XML as well.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until Ctrl-C.")
def command(paths: tuple[Path, ...], config: Path | None, text: str, report: str | None, *, watch: bool) -> None:
    """Run the cases of mapping files, show what differs, and list what no case reaches.

    PATH is a folder, or a mapping or cases file; without one it is the settings' `schemas`. Exits with 0 when every
    case passed, else 1; a filter that fits no case is a failure, branches that no case reaches are not.

    \b
    Example:
      profile-consumer test schemas
      profile-consumer test schemas/loan-funded.cases.yaml --filter "no customer" --watch
    """  # noqa: D301  # click reads \b
    found = settings.load(config, os.environ, needs=())
    chosen = paths or (found.schemas,)
    screen = Screen()
    passed = False
    for _ in changes({path if path.is_dir() else path.parent for path in chosen}) if watch else (None,):
        if watch:
            screen.clear()
        passed = _run(read_folders(chosen, found.target.max_value_length), text, report, screen)
        if watch:
            screen.line(("Waiting for a change; Ctrl-C ends.", "dim"))
    sys.exit(0 if passed else 1)


def _run(folders: Folders, text: str, report: str | None, screen: Screen) -> bool:
    if folders.problems:
        show_problems(folders.problems, screen)
        return False
    results = [(folder, list(run_cases(folder, text))) for folder in folders.read]
    flat = [result for _, own in results for result in own]
    if report:
        _write(report, flat)
    if text and not flat:
        screen.line(f"No case has {text!r} in its name or its file's name.")
        return False
    show_results(flat, screen)
    if not text:
        covered = [coverage(folder, own) for folder, own in results]
        missed = [problem for each in covered for problem in each.missed]
        branches = sum(each.branches for each in covered)
        screen.line(
            f"Reached: {branches - len(missed)} of {branches} branches", "; not by any case:" if missed else "."
        )
        for problem in missed:
            screen.line(("  " + str(problem).removesuffix(problem.message), "dim"), problem.message)
    return all(result.passed for result in flat)


def _write(report: str, results: Sequence[CaseResult]) -> None:
    try:
        with open(report, "wb") as file:  # noqa: PTH123  # `-` and devices are files too
            file.write(junit(results))
    except OSError as error:
        raise click.ClickException(f"{report}: can't be written: {error.strerror}") from error
