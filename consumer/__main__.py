"""`profile-consumer`, also as `python -m consumer`."""

from __future__ import annotations

from consumer.cli import cli


def main() -> None:
    """Run the command line; never returns."""
    cli(prog_name="profile-consumer")


if __name__ == "__main__":
    main()
