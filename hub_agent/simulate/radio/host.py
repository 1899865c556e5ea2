"""The virtual Bluetooth stack: what BlueZ and the kernel are to the real radio.

Owns: the hub's virtual adapter as ``hub_agent.devices.ble.Host``, and the faults of adapters and services.
Never: is used by the daemon outside the demo.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

from bleak.exc import BleakDBusError

from hub_agent.devices.ble.host import AskPasskey, Change
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.client import VirtualClient
from hub_agent.simulate.radio.hub import Cure, Hub
from hub_agent.simulate.radio.scanner import VirtualScanner


class VirtualHost:
    """A host on the air.

    Args:
        air: where the devices are.
        may_restart: whether the service may be restarted.

    Attributes:
        hub: the adapter.
    """

    def __init__(self, air: Air, *, may_restart: bool = True) -> None:
        self.hub = Hub(air)
        self._may_restart = may_restart
        self._changed: Change | None = None

    # --- faults ------------------------------------------------------------------------------------------------------

    def numb(self, cure: Cure) -> None:
        """Let the adapter hear nobody, until the named step is taken."""
        self.hub.numb = cure

    def busy(self, times: int) -> None:
        """Let the next connects fail with "in progress"; a power cycle ends that too."""
        self.hub.faults.extend(
            BleakDBusError("org.bluez.Error.InProgress", ["Operation already in progress"]) for _ in range(times)
        )

    async def switch_off(self) -> None:
        """Let somebody switch the adapter off."""
        await self.hub.power_off()
        self._tell("adapter_off")

    async def crash(self) -> None:
        """Let the Bluetooth service die and be started again by its supervisor; bonds are on disk and survive."""
        await self.hub.power_off()
        self.hub.seen.clear()
        self._tell("bluetooth_gone")
        self._tell("bluetooth_back")

    def _tell(self, code: str) -> None:
        if self._changed is not None:
            self._changed(code)

    def _cured_by(self, step: Cure) -> None:
        if self.hub.numb == step:
            self.hub.numb = None

    # --- Host --------------------------------------------------------------------------------------------------------

    @property
    def scanner_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's scanner."""
        return {"backend": VirtualScanner, "hub": self.hub}

    @property
    def client_args(self) -> Mapping[str, Any]:
        """Keyword arguments for bleak's client."""
        return {"backend": VirtualClient, "hub": self.hub}

    @asynccontextmanager
    async def watch(self, changed: Change) -> AsyncIterator[None]:
        """Report changes; on exit the adapter goes off."""
        self._changed = changed
        try:
            yield
        finally:
            self._changed = None
            await self.hub.power_off()

    async def ready(self) -> None:
        """Power the adapter."""
        if not self.hub.powered:
            await self.hub.power_on()
            self._tell("adapter_on")

    async def release(self, address: str) -> None:
        """Do nothing: a virtual link does not outlive its process."""

    async def bonded(self, address: str) -> bool:
        """Tell whether there is a bond with this address."""
        return await self.hub.bonded(address)

    async def forget(self, address: str) -> None:
        """Remove the bond and the object."""
        await self.hub.forget(address)

    def pairing(self, address: str, ask: AskPasskey | None) -> AbstractContextManager[None]:
        """Allow pairing with this address meanwhile."""
        return self.hub.expect(address, ask)

    async def power_cycle(self) -> None:
        """Switch the adapter off and on."""
        await self.switch_off()
        await asyncio.sleep(0)
        await self.ready()
        self.hub.faults.clear()
        self._cured_by("power_cycle")

    async def restart(self) -> bool:
        """Restart the service."""
        if self._may_restart:
            await self.crash()
            self._cured_by("restart")
            self._cured_by("power_cycle")
        return self._may_restart
