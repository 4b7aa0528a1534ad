"""The command line: which commands there are, and what becomes of their errors."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import Any, Final

import click

from consumer import __version__
from consumer.errors import Invalid, ProfileConsumerError

COMMANDS: Final = {
    "check": "say everything that is wrong with settings, mappings and cases",
    "demo": "see it work: everything embedded, nothing else needed",
    "explain": "show what becomes of an event, and why",
    "new": "write a first mapping and its cases from an event's schema",
    "run": "read events, map them, update profiles: the service",
    "test": "run the cases beside the mappings, and list what no case reaches",
    "schema": "print the JSON Schema of mapping files, for editors",
    "simulate": "serve a simulated Adobe Target, for local work and tests",
}
"""Every command with its line in the help; `consumer.commands.NAME.command` is imported only when it is called."""

PROBLEMS: Final = 1
SETTINGS_INVALID: Final = 3
STOPPED: Final = 4


class Commands(click.Group):
    """Imports a command when it is called, and turns what it raises into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"consumer.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing a command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run the command; every error that this program raises on purpose ends here."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()  # here, where a reader that has gone is no error
        except ProfileConsumerError as error:
            click.echo(str(error) if isinstance(error, Invalid) else f"Error: {error}", err=True)
            ctx.exit(_exit_code(error, ctx.invoked_subcommand))
        except BrokenPipeError:
            ctx.exit(128 + signal.SIGPIPE)
        except KeyboardInterrupt:
            ctx.exit(128 + signal.SIGINT)


def _exit_code(error: ProfileConsumerError, command: str | None) -> int:
    if command != "run":
        return PROBLEMS
    return SETTINGS_INVALID if isinstance(error, Invalid) else STOPPED


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="profile-consumer COMMAND --help tells about one of them, with an example.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Kafka customer-action events to Adobe Target visitor profiles.

    Settings come from a YAML file (--config, or PROFILE_CONSUMER_CONFIG) and from PROFILE_CONSUMER_* variables, which
    win. What an event sets in a profile is written in mapping files.
    """
