"""What must not stand in the repository: places of somebody's machine, and where packages were fetched from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Written so that this file does not hold what it looks for.
FORBIDDEN = re.compile(
    r"(?<![\w./-])/(?:(?:wor[k]|far[m]|roo[t])\b|hom[e]/\w|User[s]/\w)"
    r"|pyp[i]\.org|files\.pythonhoste[d]|repo1?\.mave[n]|registry\.npmj[s]|proxy\.golan[g]|deb\.debia[n]"
)


def files() -> list[Path]:
    """All files that are in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git from the path
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_machines_folder_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see /wor" + "k/notes",
        "HOME=/roo" + "t",
        "open('/far" + "m/x')",
        "/hom" + "e/somebody/x",
        "https://pyp" + "i.org/simple",
        "https://repo.mave" + "n.apache.org",
    ],
)
def test_such_a_line_would_be_found(line: str) -> None:
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("line", ["the network/workload", "./work/x", "https://a.example/wor" + "k", "/workers"])
def test_other_lines_pass(line: str) -> None:
    assert not FORBIDDEN.search(line)
