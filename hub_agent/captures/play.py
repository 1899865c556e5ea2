"""Plays a capture to a driver's session, as fast as it goes.

Owns: which line happens to a session how, and the filling in of golden readings.
Never: waits or connects; ``devices.replay`` does, with a runner around the session.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hub_agent.captures.lines import Capture, Frame, Line, capture_text
from hub_agent.captures.parsing import load
from hub_agent.captures.plain import Plain, plain
from hub_agent.driver import Action, Chunk, Driver, Emit, Moment, Session
from hub_agent.errors import ConfigError


class Played(NamedTuple):
    """A line, and what the session did about it."""

    line: Line
    actions: tuple[Action, ...]

    @property
    def readings(self) -> tuple[Plain, ...]:
        """What the session emitted, in the form of the file."""
        return tuple(plain(action.reading) for action in self.actions if isinstance(action, Emit))


def chunk_of(capture: Capture, line: Line) -> Chunk | None:
    """Give what came from the device; None for any other line."""
    if not isinstance(line, Frame) or line.direction == "out":
        return None
    return Chunk(line.channel, line.data, capture.moment(line))


def play(driver: Driver, capture: Capture) -> Iterator[Played]:
    """Let every line happen, a fresh session for each connection."""
    for connection in capture.connections():
        session = driver.session(capture.head.options)
        for line in connection:
            yield Played(line, _happen(session, line, chunk_of(capture, line), capture.moment(line)))


def _happen(session: Session, line: Line, chunk: Chunk | None, moment: Moment) -> tuple[Action, ...]:
    if isinstance(line, Frame):
        return () if chunk is None else tuple(session.received(chunk))
    match line.event:
        case "opened":
            return tuple(session.opened(moment))
        case "silent":
            return tuple(session.silent(moment))
        case "command":
            return tuple(session.command(line.name, moment))
        case "connected" | "lost":
            return ()


def fill(driver: Driver, path: Path, *, again: bool = False) -> None:
    """Write into a capture file the readings that the driver makes of it today, for a person to review.

    Args:
        driver: reads it.
        path: the file.
        again: also over readings that are there and differ.

    Raises:
        ConfigError: a line has other readings already, and not ``again``; or see :func:`hub_agent.captures.load`.
    """
    capture = load(path)
    lines: list[Line] = []
    for line, readings in ((played.line, played.readings) for played in play(driver, capture)):
        if line.readings not in ((), readings) and not again:
            raise ConfigError(
                f"{path.name} at {line.at_s} s: the driver reads it differently now; nothing was written",
                hint="look at both; --refill writes over what was reviewed",
            )
        lines.append(line._replace(readings=readings))
    head = capture.head if capture.head.driver else replace(capture.head, driver=driver.name)
    path.write_text(capture_text(replace(capture, head=head, lines=tuple(lines))), encoding="utf-8")
