"""Reaches one configured BLE device, again and again.

Owns: the order of a connect (hear, take turns, connect, bond, settle, recognise), and what a lost bond
or an outdated table of characteristics leads to.
Never: scans, decodes, or decides how long to wait after a failure; the runner does.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final, Protocol

from bleak import BleakClient
from bleak.backends.device import BLEDevice

from hub_agent.clock import Clock
from hub_agent.devices.ble.connection import BleConnection
from hub_agent.devices.ble.host import AskPasskey, Host, OnEvent
from hub_agent.devices.ble.scanner import Scanner
from hub_agent.devices.ble.serial_numbers import SerialNumbers
from hub_agent.devices.ble.timings import Timings
from hub_agent.devices.ble.trouble import WEATHER, BleError, Trouble, failed, weather
from hub_agent.driver import BleLink

_DOUBTS: Final = 2
"""So many ambiguous failures since the device last said something, each right after it was heard, make a lost bond. A
time-out is never one: it may be distance, and a bond dropped wrongly costs a visit."""

_CLUES: Final = {Trouble.BOND_LOST, Trouble.BOND_DOUBTFUL}

_OUTDATED: Final = {Trouble.STALE, Trouble.UNSUITABLE}
"""What it looks like when BlueZ remembers characteristics that new firmware has moved or removed (measured on 5.66: it
keeps them on disk, also of devices without a bond, and looks again only where a device has a Database Hash)."""


class Shared(Protocol):
    """What all connectors of one radio share."""

    host: Host
    clock: Clock
    timings: Timings
    scanner: Scanner
    turn: asyncio.Lock
    connections: set[BleConnection]
    serial_numbers: SerialNumbers | None
    on_event: OnEvent

    def suspect(self) -> None:
        """Say that the adapter itself seems stuck."""
        ...

    def gave_up(self, address: str, trouble: Trouble | None) -> None:
        """Say that a connect to ``address`` came to nothing, and why; None for want of patience on this side."""
        ...

    def connected(self, address: str) -> None:
        """Say that a connect to ``address`` succeeded."""
        ...


class BleConnector:
    """A ``hub_agent.devices.link.Connector`` for one device.

    Args:
        shared: the radio.
        alias: the device's name in events and messages.
        address: its Bluetooth address; after pairing, its identity address.
        link: what the driver declares.
        ask: gets the passkey that the device shows, while somebody is there to read it.
    """

    def __init__(self, shared: Shared, alias: str, address: str, link: BleLink, ask: AskPasskey | None) -> None:
        self._shared = shared
        self._alias = alias
        self._address = address.upper()
        self._link = link
        self._ask = ask
        self._doubts = 0
        self._bond_lost = False
        self._rebonded = False
        self._outdated = False
        self._refreshed = False
        self._shy = False
        self._strange = False
        shared.scanner.know(self._address)

    # --- Connector ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[BleConnection]:
        """Wait for the device, connect, bond where the driver wants it, recognise it, and close on exit.

        Raises:
            BleError: the attempt failed.
        """
        async with AsyncExitStack() as stack:
            if self._link.pairing != "none":
                ask = self._ask if self._link.pairing == "passkey" else None
                stack.enter_context(self._shared.host.pairing(self._address, ask))
            connection = await self._attempt()
            stack.push_async_callback(self._close, connection)
            self._shared.connections.add(connection)
            stack.callback(self._shared.connections.discard, connection)
            await connection.prepare()
            await self._recognise(connection)
            yield connection

    async def _recognise(self, connection: BleConnection) -> None:
        """Hand out nothing of somebody who is not the device that was here first.

        A device that fails when it is asked, and has never answered, is not asked again: its readings matter more.

        Raises:
            BleError: it is somebody else; or the device that should answer does not.
        """
        numbers = self._shared.serial_numbers
        if numbers is None:
            return
        known = numbers.known(self._alias, self._address)
        if self._shy and not known:
            return
        try:
            number = await connection.serial_number()
        except BleError:
            if known:
                raise
            self._shy = True
            return
        if await numbers.agrees(self._alias, self._address, number):
            self._strange = False
            return
        if not self._refreshed and self._link.pairing == "none":
            self._outdated = True  # something else may now stand where the number stood
            raise failed(Trouble.STALE, f"{self._alias}: recognise")
        if not self._strange:
            self._strange = True
            self._event("serial_changed")
        raise failed(Trouble.STRANGER, f"{self._alias}: recognise")

    async def _close(self, connection: BleConnection) -> None:
        if connection.received:
            self._doubts, self._rebonded = 0, False
        if connection.notified:
            self._outdated = False
        if connection.dropped:
            self._event("chunks_dropped", count=connection.dropped)
        await connection.close()

    # --- one attempt -------------------------------------------------------------------------------------------------

    async def _attempt(self) -> BleConnection:
        """Connect once; when the bond turns out to be lost, renew it once and connect again."""
        with suppress(BleError):  # without a stack there is nothing to release, and nobody is heard either
            async with self._host_call("release"):
                await self._shared.host.release(self._address)
        bonded = await self._bonded()
        if self._bond_lost and bonded:
            await self._forget()
            bonded = False
        if self._outdated and not self._refreshed and not (bonded and self._link.pairing == "passkey"):
            await self._refresh()
            bonded = False
        try:
            return await self._connect_in_turn(bonded=bonded)
        except BleError as error:
            self._weigh(error.trouble, bonded=bonded)
            if not self._bond_lost:
                raise self._name(error, bonded=bonded) from None
        await self._forget()
        try:
            return await self._connect_in_turn(bonded=False)
        except BleError as error:
            raise self._name(error, bonded=False) from None

    def _weigh(self, trouble: Trouble, *, bonded: bool) -> None:
        """Judge a failure: is the bond lost? Only a bonded device can have lost it, and it is renewed only once."""
        if not bonded or self._rebonded or trouble not in _CLUES:
            return
        self._doubts = _DOUBTS if trouble is Trouble.BOND_LOST else self._doubts + 1
        self._bond_lost = self._doubts >= _DOUBTS

    def _name(self, error: BleError, *, bonded: bool) -> BleError:
        """Call a security failure without a bond, or after the bond was just renewed, by its right name."""
        if self._link.pairing != "none" and error.trouble in _CLUES and (self._rebonded or not bonded):
            self._event("pairing_refused")
            return failed(Trouble.PAIRING_REFUSED, f"{self._alias}: pair")
        return error

    async def _forget(self) -> None:
        self._bond_lost, self._doubts, self._rebonded = False, 0, True
        self._event("bond_lost")
        async with self._host_call("forget"):
            await self._shared.host.forget(self._address)

    async def _refresh(self) -> None:
        """Let BlueZ forget the device, so that it looks at its table again.

        With the device goes what BlueZ 5.66 keeps of its table on disk (measured).
        Once in the life of this process: the driver may simply not fit. A bond goes too, where it can be made again
        without anybody reading digits: a device that cannot be subscribed to is of no use with it.
        """
        self._outdated, self._refreshed = False, True
        self._event("table_outdated")
        async with self._host_call("forget"):
            await self._shared.host.forget(self._address)

    async def _bonded(self) -> bool:
        if self._link.pairing == "none":
            return False
        async with self._host_call("bond"):
            return await self._shared.host.bonded(self._address)

    @asynccontextmanager
    async def _host_call(self, call: str) -> AsyncIterator[None]:
        async with weather(f"{self._alias}: {call}"), asyncio.timeout(self._shared.timings.host_s):
            yield

    async def _connect_in_turn(self, *, bonded: bool) -> BleConnection:
        """Wait to hear the device and for the adapter to be free, then connect.

        One connect at a time: adapters and BlueZ do not take two. Who waited so long for the turn that the device may
        have left again, waits to hear it once more, without holding the turn.
        """
        connection: BleConnection | None = None
        while connection is None:
            device = await self._shared.scanner.sighting(self._address)
            async with self._shared.turn:
                if self._shared.scanner.fresh(self._address):
                    connection = await self._open(device, bonded=bonded)
        if self._link.pairing != "none" and not bonded:
            self._event("bond_renewed" if self._rebonded else "bond_made")
        return connection

    async def _open(self, device: BLEDevice, *, bonded: bool) -> BleConnection:
        """Connect, patiently while the adapter is busy; the last try is made with the scanner off.

        Raises:
            BleError: not connected.
        """
        timings = self._shared.timings
        for attempt in range(1, timings.busy_tries + 1):
            try:
                if attempt < timings.busy_tries:
                    return await self._open_once(device, bonded=bonded)
                async with self._shared.scanner.quiet():
                    return await self._open_once(device, bonded=bonded)
            except BleError as error:
                if error.trouble is not Trouble.BUSY:
                    raise
            await asyncio.sleep(timings.busy_s * 2 ** (attempt - 1))
        self._shared.suspect()
        raise failed(Trouble.BUSY, f"{self._alias}: connect")

    async def _open_once(self, device: BLEDevice, *, bonded: bool) -> BleConnection:
        shared = self._shared
        pair = self._link.pairing != "none" and not bonded
        patience_s = shared.timings.pair_s if pair else shared.timings.connect_s
        connection = BleConnection(
            self._alias,
            self._link,
            shared.clock,
            shared.timings,
            self._note,
            lambda: shared.scanner.rssi_dbm(self._address),
        )
        client = BleakClient(
            device,
            disconnected_callback=lambda _: connection.lose(),
            timeout=patience_s,
            pair=pair,
            **shared.host.client_args,
        )
        try:
            # Twice: bleak asks BlueZ to give a connect up, and would wait for the answer however long it takes.
            end_s = patience_s + shared.timings.disconnect_s
            async with weather(f"{self._alias}: connect"), asyncio.timeout(end_s), asyncio.timeout(patience_s):
                await client.connect()
        except BaseException as error:
            with suppress(*WEATHER):
                async with asyncio.timeout(shared.timings.disconnect_s):
                    await client.disconnect()
            shared.gave_up(self._address, error.trouble if isinstance(error, BleError) else None)
            raise
        connection.opened(client)
        shared.connected(self._address)
        return connection

    # --- reporting ---------------------------------------------------------------------------------------------------

    def _note(self, trouble: Trouble) -> None:
        """Weigh what goes wrong on an open link; a lost bond may show itself only at the first subscription."""
        self._outdated |= trouble in _OUTDATED
        if self._link.pairing != "none":
            self._weigh(trouble, bonded=True)

    def _event(self, code: str, **fields: str | int) -> None:
        values: Mapping[str, str | int] = {"device": self._alias, **fields}
        self._shared.on_event(code, values)
