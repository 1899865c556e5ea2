"""What every way to a device offers the runner.

Owns: the two protocols between a transport (BLE, serial, replay) and the runner.
Never: knows a driver, decodes, or decides when to try again.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hub_agent.driver import Chunk


class Connection(Protocol):
    """An open way to one device. Every call is bounded in time and raises LinkError when the device is gone."""

    async def subscribe(self) -> None:
        """Start what the driver's link declares: notifications, or nothing on a serial line.

        Raises:
            LinkError: the device lacks every declared characteristic, refuses, or is gone.
        """
        ...

    async def receive(self) -> Chunk:
        """Wait for the next chunk, however long; chunks that came before a loss are handed out first.

        Raises:
            LinkError: the link is gone and no chunk is left.
        """
        ...

    def waiting(self) -> bool:
        """Say whether a chunk is at hand, so that ``receive`` would return at once."""
        ...

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Send bytes.

        Raises:
            DeviceRefusedError: the device said no; the link is as good as before.
            LinkError: timed out or gone.
        """
        ...

    async def read(self, channel: str) -> None:
        """Read a value once; it comes back through ``receive``.

        Raises:
            DeviceRefusedError: the device said no; the link is as good as before.
            LinkError: timed out or gone.
        """
        ...

    def rssi_dbm(self) -> int | None:
        """Give the last known signal strength; None where there is none."""
        ...


class Connector(Protocol):
    """Reaches one configured device, again and again."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """Wait for the device to be there, connect, and close on exit.

        Waiting for a device that is away is not an error and may last for ever; a failed attempt is.

        Raises:
            LinkError: the attempt failed; ``retry`` says how soon another makes sense.
        """
        ...
