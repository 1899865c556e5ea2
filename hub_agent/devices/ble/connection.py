"""One open link to one BLE device.

Owns: the chunks that came and were not yet taken, and the bound on every call.
Never: connects, pairs, retries or decodes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from hub_agent.clock import Clock
from hub_agent.devices.ble.serial_numbers import SERIAL_NUMBER
from hub_agent.devices.ble.timings import Timings
from hub_agent.devices.ble.trouble import BleError, RefusedBleError, Trouble, failed, weather
from hub_agent.driver import BleLink, Chunk

CHUNKS: Final = 4096
"""Chunks kept for a runner that is busy storing: an hour of 1 Hz, or a cuff's whole memory many times over."""


class BleConnection:
    """A ``hub_agent.devices.link.Connection`` over bleak.

    Args:
        alias: the device's name in messages.
        link: what the driver declares.
        clock: stamps chunks.
        timings: bounds.
        on_trouble: told of every failed call and of the loss of the link.
        rssi: the device's last known signal strength.
    """

    def __init__(
        self,
        alias: str,
        link: BleLink,
        clock: Clock,
        timings: Timings,
        on_trouble: Callable[[Trouble], None],
        rssi: Callable[[], int | None],
    ) -> None:
        self._alias = alias
        self._link = link
        self._clock = clock
        self._timings = timings
        self._on_trouble = on_trouble
        self._rssi = rssi
        self._client: BleakClient | None = None
        self._characteristics: dict[str, BleakGATTCharacteristic] = {}
        self._chunks: deque[Chunk] = deque(maxlen=CHUNKS)
        self._ready = asyncio.Event()
        self._loss: Trouble | None = None
        self._limits: set[asyncio.Timeout] = set()
        self.received = 0
        self.notified = 0
        self.dropped = 0

    # --- what the connector does -------------------------------------------------------------------------------------

    def opened(self, client: BleakClient) -> None:
        """Take over a client that is connected; of several characteristics with one UUID the first counts."""
        self._client = client
        for service in client.services:
            for characteristic in service.characteristics:
                self._characteristics.setdefault(characteristic.uuid, characteristic)

    def lose(self, trouble: Trouble = Trouble.LOST) -> None:
        """Note that the link is gone: pending calls end now, ``receive`` ends once the queue is empty."""
        if self._loss is None:
            self._loss = trouble
            self._ready.set()
            now_s = asyncio.get_running_loop().time()
            for limit in self._limits:
                if not limit.expired():
                    limit.reschedule(now_s)
            self._on_trouble(trouble)

    async def prepare(self) -> None:
        """Let the device settle, then read what the driver wants read before anything else.

        A characteristic that the device lacks or refuses to show is passed over.

        Raises:
            BleError: the link went.
        """
        await asyncio.sleep(self._link.settle_s)
        for channel in self._link.read:
            if channel in self._characteristics:
                try:
                    await self.read(channel)
                except BleError as error:
                    if not isinstance(error, RefusedBleError):
                        raise

    async def serial_number(self) -> bytes | None:
        """Ask for the serial number; None where the device has none or shows none.

        Raises:
            BleError: timed out or gone.
        """
        characteristic = self._characteristics.get(SERIAL_NUMBER)
        if characteristic is None:
            return None
        try:
            async with self._bounded("serial number", self._timings.gatt_s) as client:
                return bytes(await client.read_gatt_char(characteristic))
        except BleError as error:
            if error.trouble is not Trouble.REFUSED:  # a stale table says nothing about the device
                raise
            return None

    async def close(self) -> None:
        """Disconnect, whatever the link's state; a device that will not be let go is released at the next connect."""
        client = self._client
        if client is not None:
            with suppress(BleError):
                async with weather(f"{self._alias}: disconnect"), asyncio.timeout(self._timings.disconnect_s):
                    await client.disconnect()

    # --- Connection --------------------------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """Subscribe to what the link declares, in order.

        Raises:
            BleError: the device lacks all of it, refuses, or is gone.
        """
        present = [uuid for uuid in self._link.notify if uuid in self._characteristics]
        if self._link.notify and not present:
            raise self._fail(Trouble.UNSUITABLE, "subscribe")
        patience_s = self._timings.gatt_s if self._link.pairing == "none" else self._timings.pair_s
        for uuid in present:
            async with self._bounded("subscribe", patience_s) as client:
                await client.start_notify(self._characteristics[uuid], self._on_notification)

    async def receive(self) -> Chunk:
        """Wait for the next chunk; chunks that came before a loss are handed out first.

        Raises:
            BleError: the link is gone and no chunk is left.
        """
        while not self._chunks:
            if self._loss is not None:
                raise failed(self._loss, f"{self._alias}: receive")
            self._ready.clear()
            await self._ready.wait()
        return self._chunks.popleft()

    def waiting(self) -> bool:
        """Say whether a chunk is at hand."""
        return bool(self._chunks)

    async def write(self, channel: str, data: bytes, *, response: bool) -> None:
        """Write a characteristic.

        Raises:
            BleError: the device lacks it, refused, timed out or is gone.
        """
        characteristic = self._find(channel, "write")
        async with self._bounded("write", self._timings.gatt_s) as client:
            await client.write_gatt_char(characteristic, data, response)

    async def read(self, channel: str) -> None:
        """Read a characteristic; the value comes back through ``receive``.

        Raises:
            BleError: the device lacks it, refused, timed out or is gone.
        """
        characteristic = self._find(channel, "read")
        async with self._bounded("read", self._timings.gatt_s) as client:
            self._keep(characteristic, await client.read_gatt_char(characteristic))

    def rssi_dbm(self) -> int | None:
        """Give the strength of the last advertisement heard."""
        return self._rssi()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _find(self, channel: str, call: str) -> BleakGATTCharacteristic:
        characteristic = self._characteristics.get(channel)
        if characteristic is None:
            raise self._fail(Trouble.UNSUITABLE, call)
        return characteristic

    def _fail(self, trouble: Trouble, call: str) -> BleError:
        self._on_trouble(trouble)
        return failed(trouble, f"{self._alias}: {call}")

    def _on_notification(self, characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
        self.notified += 1
        self._keep(characteristic, data)

    def _keep(self, characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
        """Queue a value; when the queue is full the oldest goes, and is counted."""
        self.received += 1
        if len(self._chunks) == CHUNKS:
            self.dropped += 1
        self._chunks.append(Chunk(characteristic.uuid, bytes(data), self._clock.moment()))
        self._ready.set()

    @asynccontextmanager
    async def _bounded(self, call: str, seconds: float) -> AsyncIterator[BleakClient]:
        """Bound a bleak call by time and by the life of the link.

        Raises:
            BleError: it failed, timed out, or the link went.
        """
        client = self._client
        if client is None or self._loss is not None:
            raise failed(self._loss or Trouble.LOST, f"{self._alias}: {call}")
        try:
            async with weather(f"{self._alias}: {call}"), asyncio.timeout(seconds) as limit:
                self._limits.add(limit)
                try:
                    yield client
                finally:
                    self._limits.discard(limit)
        except BleError as error:
            if self._loss is not None:
                raise failed(self._loss, f"{self._alias}: {call}") from None
            self._on_trouble(error.trouble)
            raise
