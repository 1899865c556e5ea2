"""Replays a capture to a driver as if the device were there.

Owns: the pace of a replay, and where one connection of a capture ends and the next begins.
Never: reads or writes the capture's file; ``captures`` does. Never decodes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from hub_agent.captures import Capture, Frame, Line
from hub_agent.driver import Chunk
from hub_agent.errors import LinkError

Sleep = Callable[[float], Awaitable[None]]


class ReplayConnector:
    """Replays a capture to a driver (a ``Connector``): one connection of the file after the other.

    What the driver writes is kept in ``written``, and not compared: another driver version may ask otherwise.

    Args:
        capture: what the device said.
        sleep: waits between chunks, as long as the device did; None for as fast as possible.
        began_s: the monotonic time that the capture's beginning gets.
    """

    def __init__(self, capture: Capture, *, sleep: Sleep | None = None, began_s: float = 0.0) -> None:
        self._capture = capture
        self._connections = capture.connections()
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
        lines = self._connections[self._next]
        self._next += 1
        connection = ReplayConnection(lines, self)
        try:
            yield connection
        finally:
            connection.end()

    async def said(self, frame: Frame) -> Chunk:
        """Let the device's time pass until it said this."""
        if self._sleep is not None and frame.at_s > self._now_s:
            await self._sleep(frame.at_s - self._now_s)
        self._now_s = max(self._now_s, frame.at_s)
        return Chunk(frame.channel, frame.data, self._capture.moment(frame, self._began_s))


class ReplayConnection:
    """One connection of a capture (a ``Connection``)."""

    def __init__(self, lines: Iterable[Line], owner: ReplayConnector) -> None:
        self._frames: deque[Frame] = deque()
        self._early = 0
        for line in lines:
            if isinstance(line, Frame):
                if line.direction == "in":
                    self._frames.append(line)
            elif line.event == "opened":
                self._early = len(self._frames)
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
        if not self._frames:
            self._ended = True
            raise LinkError("the capture's connection is over")
        chunk = await self._owner.said(self._frames[0])
        self._frames.popleft()
        self._early -= 1
        return chunk

    def waiting(self) -> bool:
        """Have at hand what was read on connecting; everything else comes at its time."""
        return self._early > 0

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
