"""One scanner for all devices.

Owns: bleak's scanner object, who waits for whom, and when anybody was last heard.
Never: connects, decides to restart itself, or remembers strangers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, NamedTuple

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from hub_agent.devices.ble.timings import Timings
from hub_agent.devices.ble.trouble import BleError, weather
from hub_agent.driver import Match

_NOT_HEARD: Final = -127
"""What bleak gives as signal strength when BlueZ tells of a device that it only remembers: a new bluetoothd does so for
every bonded device. A device that is really heard has one."""


class Sighting(NamedTuple):
    """A device that was heard.

    Attributes:
        address: its Bluetooth address, upper case.
        name: the advertised name, empty when there is none.
        rssi_dbm: signal strength.
        services: advertised service UUIDs.
        drivers: names of the drivers whose ``Match`` fits.
    """

    address: str
    name: str
    rssi_dbm: int
    services: tuple[str, ...]
    drivers: tuple[str, ...]


def matches(match: Match, advertisement: AdvertisementData) -> bool:
    """Tell whether every given part of ``match`` fits; a match without parts fits nobody."""
    name = advertisement.local_name or ""
    parts = [
        any(name.startswith(prefix) for prefix in match.names) if match.names else None,
        any(uuid in match.services for uuid in advertisement.service_uuids) if match.services else None,
        any(company in match.manufacturers for company in advertisement.manufacturer_data)
        if match.manufacturers
        else None,
    ]
    given = [part for part in parts if part is not None]
    return bool(given) and all(given)


def _says_something(advertisement: AdvertisementData) -> bool:
    """Empty advertisements are how a dying adapter looks alive (home-assistant/core PR 77043)."""
    return bool(
        advertisement.local_name
        or advertisement.service_uuids
        or advertisement.manufacturer_data
        or advertisement.service_data
    )


class Scanner:
    """Hears everybody, tells whoever waits.

    Args:
        bleak_args: keyword arguments for bleak's scanner.
        timings: bounds.
    """

    def __init__(self, bleak_args: Mapping[str, Any], timings: Timings) -> None:
        self._bleak_args = bleak_args
        self._timings = timings
        self._bleak: BleakScanner | None = None
        self._quiet = 0
        self._lock = asyncio.Lock()
        self._waiting: dict[str, list[asyncio.Future[BLEDevice]]] = {}
        self._known: dict[str, tuple[float, int | None]] = {}
        self._listeners: list[Callable[[BLEDevice, AdvertisementData], None]] = []
        self._heard_at_s = float("-inf")
        self.heard = 0
        self.started = False
        """Whether it ever scanned."""

    # --- running -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start scanning afresh.

        Raises:
            BleError: the adapter or the service does not let us.
        """
        await self.stop()
        async with self._lock:
            if not self._quiet:
                await self._start()

    async def _start(self) -> None:
        bleak = BleakScanner(self._on_advertisement, **self._bleak_args)
        async with weather("scanner: start"), asyncio.timeout(self._timings.host_s):
            await bleak.start()
        self._bleak = bleak
        self.started = True
        self._heard_at_s = asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """Stop scanning; what cannot be stopped is let go, for the next start to show."""
        async with self._lock:
            await self._stop()

    async def _stop(self) -> None:
        bleak, self._bleak = self._bleak, None
        if bleak is not None:
            with suppress(BleError):
                async with weather("scanner: stop"), asyncio.timeout(self._timings.host_s):
                    await bleak.stop()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Do not scan meanwhile: some adapters (Pi Zero) abort a connect during a scan."""
        async with self._lock:
            self._quiet += 1
            scanning = self._bleak is not None
            await self._stop()
        try:
            yield
        finally:
            async with self._lock:
                self._quiet -= 1
                if scanning and not self._quiet and self._bleak is None:
                    with suppress(BleError):  # the silence of the scanner is noticed by whoever watches it
                        await self._start()

    # --- hearing -----------------------------------------------------------------------------------------------------

    def _on_advertisement(self, device: BLEDevice, advertisement: AdvertisementData) -> None:
        if advertisement.rssi == _NOT_HEARD or not _says_something(advertisement):
            return
        now_s = asyncio.get_running_loop().time()
        self._heard_at_s = now_s
        self.heard += 1
        address = device.address.upper()
        if address in self._known:
            self._known[address] = (now_s, advertisement.rssi)
        for future in self._waiting.pop(address, ()):
            if not future.done():
                future.set_result(device)
        for listener in tuple(self._listeners):
            listener(device, advertisement)

    def know(self, address: str) -> None:
        """Remember when and how loud this address is heard."""
        self._known.setdefault(address, (float("-inf"), None))

    async def sighting(self, address: str) -> BLEDevice:
        """Wait for the next advertisement of ``address``: without a bound, because a cuff may be off for days.

        That nobody waits in vain for a device that is there, only not shown, is the radio's care (``missing``).
        """
        future: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, []).append(future)
        try:
            return await future
        finally:
            left = [other for other in self._waiting.pop(address, ()) if other is not future]
            if left:
                self._waiting[address] = left

    @property
    def awaited(self) -> tuple[str, ...]:
        """Who is waited for."""
        return tuple(self._waiting)

    def silent_s(self) -> float:
        """How long nobody was heard, or since the scanner started."""
        return asyncio.get_running_loop().time() - self._heard_at_s

    def heard_at_s(self, address: str) -> float:
        """Give when ``address`` was heard last, minus infinity for never."""
        return self._known.get(address, (float("-inf"), None))[0]

    def fresh(self, address: str) -> bool:
        """Tell whether ``address`` was heard lately."""
        return asyncio.get_running_loop().time() - self.heard_at_s(address) <= self._timings.fresh_s

    def rssi_dbm(self, address: str) -> int | None:
        """Give how loud ``address`` was last; None when unknown."""
        return self._known.get(address, (0.0, None))[1]

    async def survey(self, seconds: float, drivers: Mapping[str, Match]) -> tuple[Sighting, ...]:
        """Listen for so long and give whom was heard, loudest first."""
        heard: dict[str, Sighting] = {}

        def note(device: BLEDevice, advertisement: AdvertisementData) -> None:
            address = device.address.upper()
            before = heard.get(address)
            fits = tuple(sorted(name for name, match in drivers.items() if matches(match, advertisement)))
            heard[address] = Sighting(
                address,
                advertisement.local_name or (before.name if before else ""),
                advertisement.rssi,
                tuple(advertisement.service_uuids) or (before.services if before else ()),
                fits or (before.drivers if before else ()),
            )

        with self._listening(note):
            await asyncio.sleep(seconds)
        return tuple(sorted(heard.values(), key=lambda sighting: (-sighting.rssi_dbm, sighting.address)))

    @contextmanager
    def _listening(self, listener: Callable[[BLEDevice, AdvertisementData], None]) -> Iterator[None]:
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
