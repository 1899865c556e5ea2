"""What a write-ahead log proves about itself (sqlite.org/fileformat2.html, section 4). Pure.

Owns: the reading of frames and checksums.
Never: changes a log; SQLite alone does.

SQLite takes a log as far as its checksums hold and silently forgets the rest. After a power cut that is right: what was
not synced may be torn. But where two or more commits follow the break, all but the last had been synced before: the
card has damaged what was durable, and to go on would mean to go back in time and to number new batches as old ones.
"""

import struct
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_MAGIC: Final = 0x377F0682
"""The last bit says that checksums are of big-endian words."""
_MASK: Final = 0xFFFFFFFF


class _Log(NamedTuple):
    order: str
    page: int
    salts: tuple[int, int]
    sums: tuple[int, int]


def is_torn(log: bytes) -> bool:
    """Tell whether commits that were durable lie behind a break in the log."""
    if len(log) < _HEADER.size:
        return False
    head = _head(log)
    if head is None:
        return any(log[: _HEADER.size])  # a header is synced whole or not at all; zeros were never synced
    size = _FRAME.size + head.page
    sums, at = head.sums, _HEADER.size
    while at + size <= len(log):
        number, commit, salt_1, salt_2, sum_1, sum_2 = _FRAME.unpack_from(log, at)
        if (salt_1, salt_2) != head.salts or number == 0:
            break
        sums = _sum(head.order, log[at : at + 8], sums)
        sums = _sum(head.order, log[at + _FRAME.size : at + size], sums)
        if sums != (sum_1, sum_2):
            break
        at += size
    commits = 0
    for frame in range(at, len(log) - size + 1, size):
        _, commit, salt_1, salt_2, _, _ = _FRAME.unpack_from(log, frame)
        commits += commit > 0 and (salt_1, salt_2) == head.salts
    return commits > 1


def _head(log: bytes) -> _Log | None:
    """Read the header; None where it is none."""
    magic, _, page, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack_from(log)
    if magic & ~1 != _MAGIC or page == 0:
        return None
    order = ">" if magic & 1 else "<"
    sums = _sum(order, log[:24], (0, 0))
    return _Log(order, page, (salt_1, salt_2), sums) if sums == (sum_1, sum_2) else None


def _sum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Go on with the Fibonacci-weighted checksum over pairs of 32-bit words."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
