"""What every system under test must tell the trial.

Owns: the contract. Never: knows one of them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from scripts.benchlib.peers.feed import Feed
from scripts.benchlib.peers.subscriber import Numbers


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a system is tried.

    Attributes:
        here: an empty directory, on the disk that is measured.
        far_port: the far end's broker's.
        uplink_port: the same broker's, through the wire that is cut.
    """

    here: Path
    far_port: int
    uplink_port: int


@dataclass(frozen=True, slots=True)
class Rig:
    """A system that is ready to start.

    Attributes:
        command: starts it.
        here: where it runs.
        feed: gives it readings; called when it has started, since it may be a broker itself.
        subscriber: a program that prints what comes at the far end.
        numbers: reads that program's lines.
        listening: says whether that program is connected.
        environment: for the command.
    """

    command: Sequence[str]
    here: Path
    feed: Callable[[], Feed]
    subscriber: Sequence[str]
    numbers: Numbers
    listening: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] = field(default_factory=dict)


class Candidate(Protocol):
    """A product that could stand in the patient's home.

    Attributes:
        name: as the table's column says it.
        settings: what was set, and why that is its best.
    """

    name: str
    settings: str

    def version(self) -> str:
        """Set it up where it is not, and say what it is.

        Raises:
            MissingError: it cannot be had here.
        """
        ...

    def rigged(self, ground: Ground) -> AbstractContextManager[Rig]:
        """Write its files, and run what it needs beside itself while the context is open."""
        ...
