"""The profile authentication token, from a file that may be replaced at any time (a mounted Kubernetes secret, say).

Tokens expire, and generating a new one makes the old one fail at once (page "profile-api-settings").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consumer.core.outcome import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at whether the file has changed."""


class TokenFile:
    """The token in a file, blanks around it stripped; read again when the file changes or the token was refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._look_at = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._token: str | Misconfigured = Misconfigured(None, f"token_file_unreadable: {path}")

    def token(self, now: float) -> str | Misconfigured:
        """The token at `now` (seconds on a clock that never goes back), or why there is none: no call can be made.

        Reasons: `token_file_unreadable`, `token_file_empty`, `token_file_invalid` (more than one line, or no text),
        each followed by the name of the file.
        """
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            self._look()
        return self._token

    def refused(self) -> None:
        """The token was refused: read the file before the next call, changed or not."""
        self._seen = None
        self._look_at = float("-inf")

    def _look(self) -> None:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen == self._seen:
                return
            text = self._path.read_text(encoding="ascii").strip()
        except OSError:
            self._seen, self._token = None, Misconfigured(None, f"token_file_unreadable: {self._path}")
            return
        except UnicodeDecodeError:
            text = "\0"
        self._seen = seen
        if not text:
            self._token = Misconfigured(None, f"token_file_empty: {self._path}")
        elif text.isprintable():
            self._token = text
        else:
            self._token = Misconfigured(None, f"token_file_invalid: {self._path}")
