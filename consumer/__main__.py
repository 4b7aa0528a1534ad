"""`profile-consumer`, also as `python -m consumer`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from consumer.cli import cli

if TYPE_CHECKING:
    from types import TracebackType


def main() -> None:
    """Run the command line; never returns."""
    sys.excepthook = _crashed  # until a command sets logging up by its settings, if it does
    cli(prog_name="profile-consumer")


def _crashed(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """A fault in the program itself is told as the event `crashed`; Python's own traceback could quote a secret."""
    from consumer.adapters import logs  # noqa: PLC0415  # takes time that only a fault is worth

    logs.configure("info", "auto", sys.stderr)
    sys.excepthook(kind, error, where)


if __name__ == "__main__":
    main()
