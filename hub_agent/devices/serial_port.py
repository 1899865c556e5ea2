"""Serial lines: waits for the device's port, opens it for this process alone, and hands out its bytes.

Owns: the life of one open port, from waiting for it to the word that it is gone. The only importer of serialx.
Never: decodes, knows a driver, or decides when to try again.

Only paths are given to serialx, never a URL, so that no configuration can make it reach over a network. serialx logs
the bytes it moves at level DEBUG: its logger must stay above that, for they are vital signs.
"""

import asyncio
import errno
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

import serialx

from hub_agent.clock import Clock
from hub_agent.devices.ports import DEV, SYSFS, Port, PortMatch, find_port
from hub_agent.driver import SERIAL, Chunk, SerialLink
from hub_agent.errors import LinkError

_HIGH_WATER: Final = 64 * 1024
"""Bytes that may wait for ``receive``; then reading pauses, and the kernel's buffer (4 KiB) fills and drops."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each step may take, in seconds.

    Attributes:
        poll_s: between two looks for a port that is away.
        open_s: one look for the port, or opening and configuring it.
        write_s: handing bytes to the kernel.
        close_s: waiting for the port to be released; it is released in any case.
    """

    poll_s: float = 0.5
    open_s: float = 5.0
    write_s: float = 5.0
    close_s: float = 2.0


class SerialConnector:
    """Reaches one device on a serial line (a ``Connector``).

    Args:
        link: how the driver's device talks.
        match: how its port is recognised.
        clock: stamps chunks.
        limits: time-outs.
        sleep: waits between two looks for the port.
        sysfs: where Linux shows its devices.
        dev: where their nodes are.
    """

    def __init__(
        self,
        link: SerialLink,
        match: PortMatch,
        clock: Clock,
        *,
        limits: Limits | None = None,
        sleep: Sleep = asyncio.sleep,
        sysfs: Path = SYSFS,
        dev: Path = DEV,
    ) -> None:
        self._link = link
        self._match = match
        self._clock = clock
        self._limits = limits or Limits()
        self._sleep = sleep
        self._sysfs = sysfs
        self._dev = dev
        self._look: asyncio.Future[Port | None] | None = None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["SerialConnection"]:
        """Wait for the port, open it, and close it on exit.

        Raises:
            LinkError: the port is another device's, is in use, may not be opened, or several fit.
        """
        port = await self._find()
        while port is None:
            await self._sleep(self._limits.poll_s)
            port = await self._find()
        connection = SerialConnection(self._clock, self._limits, port.device.name)
        try:
            await self._open(connection, port)
            yield connection
        finally:
            await connection.close()

    async def _find(self) -> Port | None:
        # In a thread, because the kernel makes a reader of ``serial`` wait while the USB device is reset. One that
        # waits for ever keeps its thread: a second one would wait beside it, until none is left to reach the broker.
        if self._look is not None and not self._look.done():
            raise LinkError("looking for the serial port still takes too long", hint="unplug the device once")
        look = partial(find_port, self._match, sysfs=self._sysfs, dev=self._dev)
        self._look = asyncio.get_running_loop().run_in_executor(None, look)
        self._look.add_done_callback(lambda look: look.cancelled() or look.exception())  # nobody may wait
        await asyncio.wait((self._look,), timeout=self._limits.open_s)
        if not self._look.done():
            raise LinkError("looking for the serial port took too long", hint="unplug the device once")
        return self._look.result()

    async def _open(self, connection: "SerialConnection", port: Port) -> None:
        name = port.device.name
        try:
            async with asyncio.timeout(self._limits.open_s):
                await serialx.create_serial_connection(
                    asyncio.get_running_loop(),
                    lambda: connection,
                    str(port.device),
                    baudrate=self._link.baudrate,
                    byte_size=self._link.bytesize,
                    parity=serialx.Parity(self._link.parity),
                    stopbits=serialx.StopBits(self._link.stopbits),
                    rtscts=self._link.rtscts,
                    exclusive=True,
                    # 16 ms of a USB chip's buffering cost nothing here and save hundreds of wake-ups a second.
                    low_latency=False,
                )
        except TimeoutError:
            raise LinkError(f"serial port {name} did not open in time", hint="unplug the device once") from None
        except (OSError, serialx.SerialException) as error:
            raise LinkError(f"serial port {name} did not open: {_reason(error)}", hint=_hint(error)) from error
        # The node's number may have passed to another device between looking and opening. If this look still finds
        # the device there, the open port is its own, or already dead.
        if await self._find() != port:
            raise LinkError(f"serial port {name} changed hands while it was opened")


class SerialConnection(asyncio.Protocol):
    """An open serial line (a ``Connection``).

    Args:
        clock: stamps chunks.
        limits: time-outs.
        name: the port's name, for messages.
    """

    def __init__(self, clock: Clock, limits: Limits, name: str) -> None:
        self._clock = clock
        self._limits = limits
        self._name = name
        self._transport: serialx.SerialTransport | None = None
        self._chunks: deque[Chunk] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._gone: str | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # --- what the transport calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open port; every write counts as pending until the kernel has all of it."""
        self._transport = cast("serialx.SerialTransport", transport)
        self._transport.set_write_buffer_limits(high=0, low=0)

    def data_received(self, data: bytes) -> None:
        """Stamp and queue; pause the port when nobody takes what came."""
        self._chunks.append(Chunk(SERIAL, data, self._clock.moment()))
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _HIGH_WATER and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep the reason for whoever waits."""
        self._lose("unplugged" if exc is not None else "closed")

    def pause_writing(self) -> None:
        """Bytes wait for the kernel."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The kernel has all bytes."""
        self._writable.set()

    # --- what the runner calls ---

    async def subscribe(self) -> None:
        """Do nothing: a serial line needs no asking.

        Raises:
            LinkError: the port is gone.
        """
        self._alive()

    async def receive(self) -> Chunk:
        """Wait for the next chunk.

        Raises:
            LinkError: the port is gone and no chunk is left.
        """
        while not self._chunks:
            self._alive()
            self._changed.clear()
            await self._changed.wait()
        chunk = self._chunks.popleft()
        self._waiting_bytes -= len(chunk.data)
        if self._paused and not self._waiting_bytes and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    def waiting(self) -> bool:
        """Say whether a chunk is at hand."""
        return bool(self._chunks)

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Send bytes; returns when the kernel has them all.

        Raises:
            LinkError: not the serial channel, the port is gone, or its buffer did not empty in time.
        """
        del response
        if channel != SERIAL:
            raise LinkError(f"a serial line has no channel {channel!r}", hint=f"drivers write to {SERIAL!r}")
        transport = self._alive()
        try:
            transport.write(data)
            async with asyncio.timeout(self._limits.write_s):
                await self._writable.wait()
        except TimeoutError:
            self._lose("did not take what was sent")
            transport.abort()
        except (OSError, serialx.SerialException):
            self._lose("unplugged")
        self._alive()

    async def read(self, channel: str) -> None:
        """Refuse: nothing can be read from a serial line on request.

        Raises:
            LinkError: always.
        """
        raise LinkError(f"a serial line has no value {channel!r} to read", hint="drivers of serial devices use Write")

    def rssi_dbm(self) -> int | None:
        """Give None: a cable has no signal strength."""
        return None

    async def close(self) -> None:
        """Release the port; whatever was not sent is dropped."""
        self._lose("closed")
        if self._transport is None:
            return
        self._transport.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.close_s):
                await self._transport.wait_closed()

    def _lose(self, reason: str) -> None:
        self._gone = self._gone or reason
        self._changed.set()
        self._writable.set()

    def _alive(self) -> serialx.SerialTransport:
        transport = self._transport
        if self._gone is None and transport is not None and transport.is_closing():
            self._gone = "unplugged"  # seen by the transport; its farewell is still on the way
        if self._gone is not None or transport is None:
            raise LinkError(f"serial port {self._name}: {self._gone or 'not open'}")
        return transport


def _reason(error: Exception) -> str:
    """Name the reason without the path, which may hold the device's serial number."""
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, str(error.errno))
    return str(error)


def _hint(error: Exception) -> str:
    match error:
        case PermissionError():
            return "let the daemon's user read and write it (group dialout)"
        case OSError(errno=errno.EBUSY):
            return "another program uses it: the running hub (systemctl stop hub-agent), ModemManager or brltty"
        case serialx.SerialException():
            return "the port cannot be set as the driver asks"
        case _:
            return ""
