"""What the outbox's rows are: their keys, and the values that go in and out of the file.

Owns: the layout of a row key, the value types of the store.
Never: touches the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hub_agent.model import ReadingClass

SEQ_BITS: Final = 56
SEQ_MASK: Final = (1 << SEQ_BITS) - 1


def key_of(cls: ReadingClass, seq: int) -> int:
    """Give the row key of a batch: class first, so that classes are contiguous and each is in order."""
    return int(cls) << SEQ_BITS | seq


def seq_of(key: int) -> int:
    """Take the batch number out of a row key."""
    return key & SEQ_MASK


def class_of(key: int) -> ReadingClass:
    """Take the class out of a row key."""
    return ReadingClass(key >> SEQ_BITS)


class Row(NamedTuple):
    """One stored batch; ``numbers``: how many batch numbers it stands for, its own and those that it covers."""

    key: int
    items: int
    envelope: bytes
    numbers: int = 1


class Committed(NamedTuple):
    """A batch that is durable now.

    Attributes:
        key: its row key (class and number).
        items: how many it holds.
        envelope: the bytes to publish.
        received_ns: monotonic stamps of its items, for the latency figures.
        numbers: how many batch numbers it stands for.
    """

    key: int
    items: int
    envelope: bytes
    received_ns: tuple[int, ...] = ()
    numbers: int = 1


class Gone(NamedTuple):
    """A batch that was deleted."""

    key: int
    items: int
    numbers: int


@dataclass(slots=True)
class Change:
    """What one transaction writes, all or nothing.

    Attributes:
        rows: new batches.
        epochs: (first seq, id, record) of epochs that begin with them.
        confirmed: ranges (first, last) of batch numbers to delete; the newest batch stays, as the chain's end.
        removed: keys of batches to delete, every one of which must be there.
        names: names of records, to be recognised when a device sends them again.
        state: (name, sealed value) of local state to replace.
    """

    rows: Sequence[Row] = ()
    epochs: Sequence[tuple[int, bytes, bytes]] = ()
    confirmed: Sequence[tuple[int, int]] = ()
    removed: Sequence[int] = ()
    names: Sequence[bytes] = ()
    state: Sequence[tuple[str, bytes]] = field(default_factory=tuple)


@dataclass(slots=True)
class Written:
    """What is durable now.

    Attributes:
        committed: new batches, gap records first.
        deleted: confirmed rows that went.
        removed: rows that were shed or rewritten.
    """

    committed: list[Committed] = field(default_factory=list)
    deleted: list[Gone] = field(default_factory=list)
    removed: list[Gone] = field(default_factory=list)


class Tally(NamedTuple):
    """How much waits in one class."""

    batches: int
    items: int
    numbers: int = 0


class Usage(NamedTuple):
    """How large the database file is.

    Attributes:
        file: its bytes.
        spare: those of them that are free for new rows.
        page: bytes of a page.
    """

    file: int
    spare: int
    page: int
