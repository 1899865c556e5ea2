"""Replays a capture to a driver as if the device were there.

Owns: the pace of a replay, and where one connection of a capture ends and the next begins.
Never: reads or writes the capture's file; ``capture`` does. Never decodes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from hub_agent.devices.capture import Frame, Line, Turn
from hub_agent.driver import Chunk, Moment
from hub_agent.errors import LinkError

Sleep = Callable[[float], Awaitable[None]]


class ReplayConnector:
    """Replays a capture to a driver (a ``Connector``): one connection of the file after the other.

    What the driver writes is kept in ``written``, and not compared: another driver version may ask otherwise.

    Args:
        lines: the capture.
        sleep: waits between chunks, as long as the device did; None for as fast as possible.
        began_s: the monotonic time that the capture's beginning gets.
    """

    def __init__(self, lines: Iterable[Line], *, sleep: Sleep | None = None, began_s: float = 0.0) -> None:
        self._connections = _split(lines)
        self._sleep = sleep
        self._began_s = began_s
        self._next = 0
        self._now_s = 0.0
        self.written: list[tuple[str, bytes]] = []

    @property
    def over(self) -> bool:
        """Whether every connection of the capture has been replayed."""
        return self._next >= len(self._connections)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["ReplayConnection"]:
        """Give the capture's next connection; after its last the device is away for ever.

        Raises:
            LinkError: never; the connection itself ends as the captured one did.
        """
        if self.over:
            await asyncio.Event().wait()
        frames = self._connections[self._next]
        self._next += 1
        connection = ReplayConnection(frames, self)
        try:
            yield connection
        finally:
            connection.end()

    async def wait_until(self, at_s: float) -> Moment:
        """Let the device's time pass; give the moment it leads to."""
        if self._sleep is not None and at_s > self._now_s:
            await self._sleep(at_s - self._now_s)
        self._now_s = max(self._now_s, at_s)
        return Moment(self._began_s + self._now_s, None)


class ReplayConnection:
    """One connection of a capture (a ``Connection``)."""

    def __init__(self, frames: Iterable[Frame], owner: ReplayConnector) -> None:
        self._frames = iter(frames)
        self._owner = owner
        self._ended = False

    async def subscribe(self) -> None:
        """Do nothing: what the device said, it said subscribed.

        Raises:
            LinkError: the connection is closed.
        """
        self._alive()

    async def receive(self) -> Chunk:
        """Give the next chunk, at its time.

        Raises:
            LinkError: there is none left, or the connection is closed.
        """
        self._alive()
        frame = next(self._frames, None)
        if frame is None:
            self._ended = True
            raise LinkError("the capture's connection is over")
        return Chunk(frame.channel, frame.data, await self._owner.wait_until(frame.at_s))

    def waiting(self) -> bool:
        """Have nothing at hand: each chunk comes at its time."""
        return False

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Keep what the driver sends.

        Raises:
            LinkError: the connection is closed.
        """
        del response
        self._alive()
        self._owner.written.append((channel, data))

    async def read(self, channel: str) -> None:
        """Do nothing: the value, if it was captured, comes in its turn.

        Raises:
            LinkError: the connection is closed.
        """
        del channel
        self._alive()

    def rssi_dbm(self) -> int | None:
        """Give None: no signal was kept."""
        return None

    def end(self) -> None:
        """Close it."""
        self._ended = True

    def _alive(self) -> None:
        if self._ended:
            raise LinkError("the capture's connection is over")


def _split(lines: Iterable[Line]) -> tuple[tuple[Frame, ...], ...]:
    """Cut a capture into connections; only what came in is kept."""
    connections: list[list[Frame]] = []
    up = False
    for line in lines:
        if isinstance(line, Turn):
            up = line.event == "connected"
            if up:
                connections.append([])
            continue
        if not up:  # a file without events, or bytes that came before the first
            connections.append([])
            up = True
        if line.direction == "in":
            connections[-1].append(line)
    return tuple(map(tuple, connections))
