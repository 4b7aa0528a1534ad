"""The text that travels with a committed offset: what is completed above it, and the run of dead letters below it.

Format, ASCII: `pc1 RUN HASH BITMAP`. RUN counts the dead letters directly below the offset, HASH is that of the
mappings which made them. BITMAP is empty or one letter and base85: `b`, the bits themselves; `z`, the bits deflated.
Bit i (lowest first) stands for the committed offset + i, 1 where it is resolved.

Foreign text reads as nothing completed: events are then sent again, none is lost.
"""

from __future__ import annotations

import zlib
from base64 import b85decode, b85encode
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION = "pc1"

LIMIT = 4096
"""Bytes that a broker takes by default (`offset.metadata.max.bytes`)."""

_MOST_BITS = 1 << 23
"""Offsets that one bitmap covers at most, so that neither side needs more than some megabytes for it."""


_FIRST_LOOK = 1 << 15
"""Offsets after which it is looked whether more would fit at all: a window may be a hundred times longer."""


class Committed(NamedTuple):
    """What a commit's metadata says. `bits` holds the offsets from `base` on; `run` belongs to mappings `hash`."""

    base: int
    bits: bytes = b""
    run: int = 0
    hash: str = ""

    def __contains__(self, offset: object) -> bool:
        """Whether this offset was resolved."""
        if not isinstance(offset, int):
            return False
        place, bit = divmod(offset - self.base, 8)
        return 0 <= place < len(self.bits) and bool(self.bits[place] >> bit & 1)

    @property
    def end(self) -> int:
        """The offset after the highest one that is resolved; `base` when none is."""
        return self.base + int.from_bytes(self.bits, "little").bit_length()

    @property
    def completed(self) -> int:
        """How many offsets are resolved above the committed one."""
        return self.completed_from(self.base)

    def completed_from(self, offset: int) -> int:
        """How many offsets are resolved from this one on, which is not below `base`."""
        return (int.from_bytes(self.bits, "little") >> offset - self.base).bit_count()


def read(base: int, text: str) -> Committed:
    """What `text`, committed with offset `base`, says; text of another program says nothing."""
    version, *rest = text.split(" ")
    if version != VERSION or len(rest) != 3 or not rest[0].isdecimal():  # noqa: PLR2004  # RUN, HASH, BITMAP
        return Committed(base)
    run, mappings, bitmap = rest
    if bitmap[:1] not in ("", "b", "z"):
        return Committed(base)
    try:
        bits = b85decode(bitmap[1:])
        if bitmap[:1] == "z":
            bits = zlib.decompressobj(-15).decompress(bits, _MOST_BITS // 8)
    except (ValueError, zlib.error):
        return Committed(base)
    return Committed(base, bits, int(run[:9]), mappings)


class Written(NamedTuple):
    """Metadata text; `complete` is False when offsets had to be left out."""

    text: str
    complete: bool


def write(base: int, runs: Iterable[tuple[int, bytes]], run: int, mappings: str, limit: int = LIMIT) -> Written:
    """Metadata for offset `base`; `runs` as `OffsetTracker.completed` gives them.

    What does not fit is left out from the highest offset down: an offset that is known as completed while a lower one
    of its identity is not would be skipped after a crash, and the older value would stay for ever.
    """
    head = f"{VERSION} {run} {mappings} "
    room = limit - len(head)
    flags = bytearray()
    complete = True
    look_at = _FIRST_LOOK
    for first, block in runs:
        if first - base + len(block) > _MOST_BITS:
            complete = False
            break
        flags.extend(bytes(first - base - len(flags)))
        flags.extend(block)
        if len(flags) >= look_at:
            if len(_bitmap(flags)) > room:
                break
            look_at = 2 * len(flags)
    text = _bitmap(flags)
    if len(text) <= room:
        return Written(head + text, complete)
    fits, too_long, text = 0, len(flags), ""
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        attempt = _bitmap(flags[:middle])
        if len(attempt) <= room:
            fits, text = middle, attempt
        else:
            too_long = middle
    return Written(head + text, complete=False)


def _bitmap(flags: bytearray) -> str:
    flags = flags.rstrip(b"\0")
    if not flags:
        return ""
    bits = int(flags[::-1].translate(_DIGITS), 2).to_bytes((len(flags) + 7) // 8, "little")
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    deflated = deflate.compress(bits) + deflate.flush()
    return "z" + b85encode(deflated).decode() if len(deflated) < len(bits) else "b" + b85encode(bits).decode()


_DIGITS = bytes.maketrans(b"\0\1", b"01")
