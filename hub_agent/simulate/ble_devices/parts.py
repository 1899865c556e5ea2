"""Parts of virtual BLE devices: a clock, a screen, an advertisement, the ways to misbehave.

Owns: small values and functions without a radio.
Never: knows a format of measurements.
"""

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bumble.core import AdvertisingData
from bumble.pairing import PairingDelegate

_SHORT_UUID: Final = 4


class Fault(StrEnum):
    """How a device misbehaves."""

    NONE = "none"
    SILENT = "silent"
    NAN = "nan"
    GARBAGE = "garbage"


class DeviceClock:
    """A device's own wall clock: right, wrong or never set, until somebody sets it.

    Args:
        local: what it shows at the start.
        now_s: seconds on the scene's clock.
    """

    def __init__(self, local: datetime, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._local, self._at_s = local, now_s()
        self.settings = 0

    def local(self) -> datetime:
        """What it shows now, in whole seconds."""
        return (self._local + timedelta(seconds=self._now_s() - self._at_s)).replace(microsecond=0)

    def set(self, local: datetime) -> None:
        """Set it."""
        self._local, self._at_s = local, self._now_s()
        self.settings += 1


def parse_date_time(value: bytes) -> datetime:
    """Read a Date Time (0x2A08) that the hub writes to set a clock."""
    return datetime(*struct.unpack("<H5B", value[:7]))  # noqa: DTZ001 - devices know no time zone


class Screen(PairingDelegate):
    """A device's side of a pairing: shows the same six digits each time, or has nothing to show them on."""

    def __init__(self, passkey: int | None, *, accepts: bool) -> None:
        super().__init__(PairingDelegate.NO_OUTPUT_NO_INPUT if passkey is None else PairingDelegate.DISPLAY_OUTPUT_ONLY)
        self._passkey = passkey or 0
        self._accepts = accepts

    async def accept(self) -> bool:
        """Tell whether the device is in pairing mode."""
        return self._accepts

    async def generate_passkey(self) -> int:
        """Give Bumble the digits."""
        return self._passkey


def spoil(value: bytes) -> bytes:
    """Make bytes that no decoder accepts: the first one, inverted, alone."""
    return bytes([value[0] ^ 0xFF])


def advertisement(name: str, uuid: str) -> bytes:
    """Flags, name and service, in the 31 bytes there are; a long UUID leaves no room for flags."""
    short = len(uuid) == _SHORT_UUID
    kind = (
        AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
        if short
        else AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
    )
    flags = [(AdvertisingData.FLAGS, b"\x06")] if short else []
    services = bytes.fromhex(uuid.replace("-", ""))[::-1]
    return bytes(AdvertisingData([*flags, (AdvertisingData.COMPLETE_LOCAL_NAME, name.encode()), (kind, services)]))
