from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from consumer.adapters.token_file import TokenFile
from consumer.core.outcome import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first")
    return path


def replace(file: Path, text: str) -> None:
    """As Kubernetes does it: another file takes the name."""
    other = file.with_suffix(".new")
    other.write_text(text)
    before = file.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))  # so quick that the time is the same
    other.replace(file)


@pytest.mark.parametrize("text", ["t0ken", " t0ken\n", "\r\n\tt0ken \r\n"])
def test_blanks_around_the_token_are_stripped(file: Path, text: str) -> None:
    file.write_text(text)
    assert TokenFile(file).token(0.0) == "t0ken"


def test_a_replaced_file_is_noticed_within_a_second(file: Path) -> None:
    of = TokenFile(file)
    assert of.token(10.0) == "first"
    replace(file, "again")  # as long as the first
    assert of.token(10.9) == "first"
    assert of.token(11.0) == "again"


@pytest.mark.parametrize(("text", "later"), [("other", 1), ("longer", 0)])
def test_a_file_that_is_written_over_is_noticed_by_its_time_or_its_size(file: Path, text: str, later: int) -> None:
    of = TokenFile(file)
    assert of.token(0.0) == "first"
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + later))
    assert of.token(1.0) == text


def test_a_file_that_has_not_changed_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = TokenFile(file)
    assert of.token(0.0) == "first"
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_args, **_options: pytest.fail("read"))
    assert of.token(5.0) == "first"


def test_a_refused_token_is_read_again_at_once_changed_or_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = TokenFile(file)
    assert of.token(0.0) == "first"
    of.refused()
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_args, **_options: "second")
    assert of.token(0.1) == "second"


def test_a_token_comes_back_with_its_file(file: Path) -> None:
    of = TokenFile(file)
    assert of.token(0.0) == "first"
    file.unlink()
    assert of.token(1.0) == Misconfigured(None, f"token_file_unreadable: {file}")
    file.write_text("first")
    assert of.token(1.5) == Misconfigured(None, f"token_file_unreadable: {file}")
    assert of.token(2.0) == "first"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "token_file_empty"),
        (b" \n", "token_file_empty"),
        (b"one\ntwo", "token_file_invalid"),
        (b"on\x00e", "token_file_invalid"),
        ("tökén".encode(), "token_file_invalid"),
        (b"\xff\xfe", "token_file_invalid"),
    ],
)
def test_what_is_no_token_says_so_and_names_the_file_alone(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    assert TokenFile(file).token(0.0) == Misconfigured(None, f"{reason}: {file}")


def test_a_folder_is_no_token(tmp_path: Path) -> None:
    assert TokenFile(tmp_path).token(0.0) == Misconfigured(None, f"token_file_unreadable: {tmp_path}")
