"""bleak's scanner on the virtual hub.

Owns: the translation of Bumble's advertisements into bleak's.
Never: keeps or judges what it hears.

Use: ``BleakScanner(callback, backend=VirtualScanner, hub=hub)``.
"""

from typing import Any, Final

from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.uuids import normalize_uuid_str
from bumble.core import AdvertisingData
from bumble.device import Advertisement

from hub_agent.simulate.radio.hub import Hub, plain

_UUID_LISTS: Final = (
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


def full_uuid(value: Any) -> str:  # noqa: ANN401 - Bumble's UUID class is untyped
    """Spell Bumble's UUID in full, lower case, as bleak does."""
    return normalize_uuid_str(value.to_hex_str("-"))


class VirtualScanner(BaseBleakScanner):
    """A scanner of ``hub``; several may run at once."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str,
        *,
        hub: Hub,
        **_: Any,  # noqa: ANN401 - options of other platforms
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._hub = hub

    async def start(self) -> None:
        """Start scanning."""
        self.seen_devices = {}
        await self._hub.listen(self._on_advertisement, active=self._active)

    async def stop(self) -> None:
        """Stop scanning."""
        await self._hub.unlisten(self._on_advertisement)

    def _on_advertisement(self, heard: Advertisement) -> None:
        advertisement = translate(heard)
        if self.is_allowed_uuid(advertisement.service_uuids):
            address, name = plain(heard.address), advertisement.local_name
            device = self.create_or_update_device(address, address, name, {}, advertisement)
            self.call_detection_callbacks(device, advertisement)


def translate(heard: Advertisement) -> AdvertisementData:
    """Say Bumble's advertisement in bleak's words."""
    data = heard.data
    groups = (group for kind in _UUID_LISTS for group in data.get_all(kind))
    return AdvertisementData(
        local_name=data.get(AdvertisingData.COMPLETE_LOCAL_NAME) or data.get(AdvertisingData.SHORTENED_LOCAL_NAME),
        manufacturer_data={
            int(company): bytes(value) for company, value in data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
        },
        service_data={
            full_uuid(uuid): bytes(value) for uuid, value in data.get_all(AdvertisingData.SERVICE_DATA_16_BIT_UUID)
        },
        service_uuids=list(dict.fromkeys(full_uuid(uuid) for group in groups for uuid in group)),
        tx_power=data.get(AdvertisingData.TX_POWER_LEVEL),
        rssi=heard.rssi,
        platform_data=(heard,),
    )
