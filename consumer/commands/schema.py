"""`profile-consumer schema`: the JSON Schema of mapping files."""

from __future__ import annotations

import click

from consumer.authoring.mapping_schema import render


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of mapping and cases files, by which an editor completes and underlines.

    A file points to it with its first line: # yaml-language-server: $schema=mapping.schema.json

    \b
    Example:
      profile-consumer schema > schemas/mapping.schema.json
    """  # noqa: D301  # click reads \b
    click.echo(render(), nl=False)
