"""Whether the device at an address is the one that was there first, by its serial number.

An address proves nothing: whoever sends with it is taken for its owner, and a bond that was "lost" is made again with
whoever asks. A device that also gives a serial number (Device Information, 0x180A) must give the same one each time.

Owns: the digest of each device's first serial number, in the hub's sealed local state.
Never: asks a device, decides what follows, or keeps a serial number or an address that could be read.
"""

import json
from collections.abc import Collection
from contextlib import suppress
from hashlib import sha256
from typing import Final, Protocol

from hub_agent.driver import sig_uuid
from hub_agent.errors import StorageError

SERIAL_NUMBER: Final = sig_uuid(0x2A25)
"""The characteristic Serial Number String (Device Information Service 1.1, section 3.3)."""

STATE: Final = "serial_numbers"
"""The name among the hub's local state."""


class LocalState(Protocol):
    """Small values that survive a restart, sealed: the outbox."""

    async def state(self, name: str) -> bytes | None:
        """Read a value; None when there is none.

        Raises:
            StorageError: it does not open.
        """
        ...

    async def save(self, name: str, value: bytes) -> None:
        """Make a value durable.

        Raises:
            StorageError: it is not.
        """
        ...


class SerialNumbers:
    """What the configured devices were called by themselves when they were met.

    Args:
        local: where that is kept.
        first: alias → digests of the address and of the serial number.
    """

    def __init__(self, local: LocalState, first: dict[str, list[str]]) -> None:
        self._local = local
        self._first = first

    @classmethod
    async def load(cls, local: LocalState, devices: Collection[str]) -> "SerialNumbers":
        """Read what is kept, and forget the devices that are no longer configured.

        Raises:
            StorageError: it cannot be read, or what is forgotten cannot be stored.
        """
        kept = await local.state(STATE)
        first: dict[str, list[str]] = {} if kept is None else json.loads(kept)
        numbers = cls(local, {alias: digests for alias, digests in first.items() if alias in devices})
        if numbers._first != first:
            await numbers._save()
        return numbers

    def known(self, alias: str, address: str) -> bool:
        """Tell whether the device at this address ever gave a serial number."""
        return self._first.get(alias, [""])[0] == _digest(alias, address)

    async def agrees(self, alias: str, address: str, number: bytes | None) -> bool:
        """Tell whether this is the device that was met first; the first number is remembered.

        Args:
            alias: the hub's name of it.
            address: where it is; under another address it is another device.
            number: what it says its serial number is; None where it says nothing.
        """
        said = (number or b"").strip(b"\0 ")
        if self.known(alias, address):
            return self._first[alias][1] == _digest(address, said.hex())
        if said:
            self._first[alias] = [_digest(alias, address), _digest(address, said.hex())]
            with suppress(StorageError):  # a full card keeps no device from being read; this process remembers
                await self._save()
        return True

    async def _save(self) -> None:
        await self._local.save(STATE, json.dumps(self._first).encode())


def _digest(*parts: str) -> str:
    return sha256("|".join(parts).encode()).hexdigest()
