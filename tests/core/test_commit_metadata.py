from __future__ import annotations

import random
from base64 import b85encode

import pytest

from consumer.core import commit_metadata
from consumer.core.commit_metadata import LIMIT, Committed, read, write


def members(committed: Committed) -> set[int]:
    return {offset for offset in range(committed.base - 8, committed.end + 8) if offset in committed}


def flags(count: int, seed: int = 1) -> bytes:
    chance = random.Random(seed)  # noqa: S311  # a test
    return bytes(chance.randrange(2) for _ in range(count))


def test_what_is_written_is_read() -> None:
    written = write(100, [(100, b"\0\1\1"), (110, b"\0\1")], 7, "cafe")
    assert written.complete
    assert written.text.startswith("pc1 7 cafe b")
    committed = read(100, written.text)
    assert members(committed) == {101, 102, 111}
    assert (committed.run, committed.hash, committed.base, committed.completed) == (7, "cafe", 100, 3)
    assert committed.end == 112


def test_a_long_regular_window_is_deflated() -> None:
    written = write(0, [(0, b"\0" + b"\1" * 100_000)], 0, "h")
    assert written.text.startswith("pc1 0 h z")
    assert read(0, written.text).completed == 100_000


@pytest.mark.parametrize("runs", [[], [(5, b"\0\0")]])
def test_nothing_completed_leaves_the_bitmap_empty(runs: list[tuple[int, bytes]]) -> None:
    assert write(5, runs, 2, "h") == ("pc1 2 h ", True)
    assert read(5, "pc1 2 h ") == Committed(5, b"", 2, "h")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "pc2 3 h b2L",
        "pc1 3 h",
        "pc1 3 h b2L more",
        "pc1 -1 h b2L",
        "pc1 x h b2L",
        "pc1 3 h b\x7f\x7f",
        "pc1 0 h z00000",
        "pc1 3 h x2L",
        "pc1 0 h b0",
    ],
)
def test_foreign_text_reads_as_nothing_completed(text: str) -> None:
    assert read(9, "pc1 3 h b2L") == Committed(9, b"\7", 3, "h"), "but for one thing each is ours"
    committed = read(9, text)
    assert (committed.completed, committed.run, committed.end) == (0, 0, 9)


def test_a_run_that_is_longer_than_any_is_cut() -> None:
    assert read(9, f"pc1 {'9' * 4000} h ").run == 999_999_999


@pytest.mark.parametrize(("offset", "completed"), [(100, 3), (101, 3), (102, 2), (110, 1), (111, 1), (112, 0)])
def test_what_is_completed_from_an_offset_on_is_counted(offset: int, completed: int) -> None:
    committed = read(100, write(100, [(100, b"\0\1\1"), (110, b"\0\1")], 0, "h").text)
    assert committed.completed_from(offset) == completed


def test_only_an_offset_is_a_member() -> None:
    committed = read(0, write(0, [(0, b"\0\1")], 0, "h").text)
    assert 1 in committed
    assert "1" not in committed
    assert -1 not in committed
    assert 8 not in committed


def test_what_does_not_fit_is_cut_from_the_highest_offset_down() -> None:
    given = b"\0" + flags(60_000)
    written = write(0, [(0, given)], 0, "h")
    assert not written.complete
    assert LIMIT - 10 <= len(written.text) <= LIMIT
    kept = members(read(0, written.text))
    assert max(kept) > 24_000
    assert kept == {offset for offset in range(max(kept) + 1) if given[offset]}


def test_a_window_far_longer_than_what_fits_is_not_looked_at_to_its_end() -> None:
    blocks = iter([(first, b"\0" + flags(4095, first)) for first in range(0, 400_000, 4096)])
    assert not write(0, blocks, 0, "h").complete
    assert next(blocks)[0] < 100_000


def test_of_a_long_window_that_fits_all_blocks_are_kept() -> None:
    blocks = [(first, b"\0" + b"\1" * 4095) for first in range(0, 400_000, 4096)]
    written = write(0, blocks, 0, "h")
    assert written.complete
    assert read(0, written.text).completed == len(blocks) * 4095


@pytest.mark.parametrize(("spare", "complete"), [(0, True), (-1, False)])
def test_the_limit_itself_still_fits(spare: int, *, complete: bool) -> None:
    runs = [(0, b"\0" + flags(2000))]
    needed = len(write(0, runs, 0, "h").text)
    written = write(0, runs, 0, "h", needed + spare)
    assert written.complete is complete
    assert len(written.text) <= needed + spare


def test_without_room_the_run_alone_is_kept() -> None:
    assert write(0, [(0, b"\0\1")], 3, "h", len("pc1 3 h ")) == ("pc1 3 h ", False)


def test_more_offsets_than_one_bitmap_covers_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_metadata, "_MOST_BITS", 16)
    assert write(0, [(0, b"\0\1"), (14, b"\1\1")], 0, "h").complete
    written = write(0, [(0, b"\0\1"), (14, b"\1\1\1")], 0, "h")
    assert not written.complete
    assert members(read(0, written.text)) == {1}


def test_a_deflated_bitmap_is_read_only_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    text = write(0, [(0, b"\1" * 100_000)], 0, "h").text
    monkeypatch.setattr(commit_metadata, "_MOST_BITS", 800)
    assert read(0, text).completed == 800


def test_bits_stand_lowest_first() -> None:
    assert members(read(40, f"pc1 0 h b{b85encode(bytes((0b10000010,))).decode()}")) == {41, 47}
