"""How much room the outbox may take, and what to do when it has none. Pure.

Owns: the rules for size, reserve, alarms and shedding.
Never: measures, deletes or writes anything; sizes are arguments.

Two bounds hold: the quota, which file and ballast share, and the disk, of which ``min_free`` stays for the rest of the
system. The disk's bound keeps the file from growing; it never makes it shrink, or another program's logs would push
readings out. What is free inside the file is used first. A file smaller than the ballast may grow to its size
whatever the disk says: that is the room which the ballast keeps for it.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hub_agent.model import ReadingClass
from hub_agent.outbox.ballast import STEP

MIB: Final = 1 << 20

SHEDDABLE: Final = (ReadingClass.WAVEFORM, ReadingClass.CONTINUOUS, ReadingClass.EPISODIC)
"""What may be shed, in this order, the oldest of each first. Alarms, security events and gap records never are."""

_PIECE: Final = (MIB // 4, 4 * MIB)
_SLACK: Final = 4 * MIB

ALARMS: Final[Mapping[str, tuple[float, float]]] = {"storage_80": (0.80, 0.75), "storage_95": (0.95, 0.90)}
"""Code → (raised at this share of the room, cleared below that)."""


class Limits(NamedTuple):
    """``[storage]`` of the configuration, in bytes."""

    quota: int
    ballast: int
    min_free: int


class Room(NamedTuple):
    """What was measured, in bytes.

    Attributes:
        file: the database file.
        spare: those of it that are free for new rows.
        free: what the file system gives to anybody but root.
        ballast: what the ballast holds back.
    """

    file: int
    spare: int
    free: int
    ballast: int


class Plan(NamedTuple):
    """What to do about it.

    Attributes:
        ceiling: bytes that the file may have.
        fill: share of the room that is taken, 0 to 1; the ballast's is not counted: it is for need, and need is told.
        excess: bytes that must go now, since the room has shrunk below what is stored.
        piece: bytes to shed at once when a commit finds no room: also what stays free inside the file.
        grow_ballast: whether the ballast may be written on.
    """

    ceiling: int
    fill: float
    excess: int
    piece: int
    grow_ballast: bool


def plan(room: Room, limits: Limits) -> Plan:
    """Decide what the outbox may take, by what there is."""
    quota = limits.quota - limits.ballast
    owed = max(0, limits.ballast - room.ballast)
    by_disk = max(1, min(quota, room.file + max(0, room.free - limits.min_free - owed)))
    ceiling = max(by_disk, min(quota, limits.ballast))
    used = room.file - room.spare
    smallest, largest = _PIECE
    return Plan(
        ceiling=ceiling,
        fill=min(1.0, used / by_disk),
        excess=max(0, used - ceiling),
        piece=max(smallest, min(largest, quota // 128)),
        grow_ballast=owed > 0 and room.free >= limits.min_free + owed + max(STEP, _SLACK),
    )


def alarms(fill: float, active: frozenset[str]) -> frozenset[str]:
    """Say which of ``ALARMS`` hold now, given those that held before."""
    return frozenset(code for code, (at, below) in ALARMS.items() if fill >= (below if code in active else at))
