"""The radio: keeps one scanner running, shares the adapter among devices, and heals it.

Owns: the scanner's life, the turn to connect, the live links, the recovery ladder.
Never: knows a driver's session, decodes, or stores.

Events (fields): ``radio_up``; ``radio_down`` (reason); ``radio_silent``; ``radio_heard``; ``radio_step`` (step, done);
``device_found`` (device, step: what brought back a device that was hidden); ``adapter_on``, ``adapter_off``,
``bluetooth_gone``, ``bluetooth_back``; and from the connectors, with the device's alias, ``bond_made``, ``bond_lost``,
``bond_renewed``, ``pairing_refused``, ``serial_changed``, ``table_outdated``, ``chunks_dropped`` (count).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, NoReturn

from hub_agent.clock import Clock
from hub_agent.devices.ble.connection import BleConnection
from hub_agent.devices.ble.connector import BleConnector
from hub_agent.devices.ble.host import AskPasskey, Host, OnEvent
from hub_agent.devices.ble.ladder import Ladder, Step
from hub_agent.devices.ble.missing import Missing
from hub_agent.devices.ble.scanner import Scanner, Sighting
from hub_agent.devices.ble.serial_numbers import SerialNumbers
from hub_agent.devices.ble.streak import Streak
from hub_agent.devices.ble.timings import Timings
from hub_agent.devices.ble.trouble import BleError, Trouble, weather
from hub_agent.driver import BleLink, Match

_CUTTING: Final = {"adapter_off": Trouble.ADAPTER_OFF, "bluetooth_gone": Trouble.SERVICE}
"""Changes of the stack that end every link, whether or not bleak notices."""

_FRUITLESS: Final = {Trouble.TIMEOUT, Trouble.TRANSIENT, Trouble.MISSING, Trouble.SLOTS}
"""How a connect fails on an adapter that can complete none; no answer of a device is among them."""

_LOOKS: Final = 4
"""So many looks at the scanner in the time after which silence counts."""


class Radio:
    """One adapter. Use as ``async with Radio(...) as radio`` and let a TaskGroup run ``radio.run()``.

    Args:
        host: the Bluetooth stack.
        clock: stamps chunks.
        on_event: takes events.
        timings: durations.
        serial_numbers: by which devices are recognised; None takes whoever has the address.
    """

    def __init__(
        self,
        host: Host,
        clock: Clock,
        on_event: OnEvent,
        timings: Timings | None = None,
        serial_numbers: SerialNumbers | None = None,
    ) -> None:
        self.host = host
        self.clock = clock
        self.on_event = on_event
        self.timings = timings or Timings()
        self.serial_numbers = serial_numbers
        self.scanner = Scanner(host.scanner_args, self.timings)
        self.turn = asyncio.Lock()
        self.connections: set[BleConnection] = set()
        self._deaf = Ladder(self.timings.rest_s)
        self._stuck = Ladder(self.timings.rest_s)
        self._missing = Missing(self.timings.silence_s, self.timings.rest_s, self.scanner.heard_at_s)
        self._streak = Streak(2 * self.timings.silence_s)
        self._aliases: dict[str, str] = {}
        self._disturbed = asyncio.Event()
        self._suspected = False
        self._down = ""
        self._silent = False
        self._step: Step | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Radio"]:
        """Watch the stack; on exit stop scanning. Connectors must be done by then."""
        async with self.host.watch(self._on_change):
            try:
                yield self
            finally:
                await self.scanner.stop()

    # --- for the app -------------------------------------------------------------------------------------------------

    def connector(self, alias: str, address: str, link: BleLink, *, ask: AskPasskey | None = None) -> BleConnector:
        """Make the connector of one configured device."""
        self._aliases[address.upper()] = alias
        return BleConnector(self, alias, address, link, ask)

    async def survey(self, seconds: float, drivers: Mapping[str, Match]) -> tuple[Sighting, ...]:
        """Listen for so long while ``run`` runs, and give who was heard, loudest first."""
        return await self.scanner.survey(seconds, drivers)

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self) -> NoReturn:
        """Keep scanning, for ever."""
        pause_s = self.timings.retry_s
        while True:
            self._disturbed.clear()
            try:
                await self._start()
            except BleError as error:
                self._report_down(error.trouble.value)
                if error.trouble is not Trouble.ADAPTER_OFF:
                    await self._heal(self._stuck)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._disturbed.wait()
                pause_s = min(pause_s * 2, self.timings.retry_max_s)
            else:
                pause_s = self.timings.retry_s
                ladder = await self._watch()
                if ladder is not None:
                    await self._heal(ladder)

    async def _start(self) -> None:
        """Prepare the stack and scan."""
        async with weather("radio: prepare"), asyncio.timeout(self.timings.host_s):
            await self.host.ready()
        await self._scan()
        if self._down:
            self._down = ""
            self.on_event("radio_up", {})

    async def _scan(self) -> None:
        """Scan afresh; BlueZ may hold links of an earlier life, or of an earlier bluetoothd, which hide devices."""
        for address in self.scanner.awaited:
            with suppress(BleError):  # whom BlueZ will not let go is no reason not to hear the others
                async with weather("radio: release"), asyncio.timeout(self.timings.host_s):
                    await self.host.release(address)
        await self.scanner.start()

    async def _watch(self) -> Ladder | None:
        """Watch the scanner until it must be restarted; give the ladder to climb when that alone may not do."""
        heard = self.scanner.heard
        while not self._disturbed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.timings.silence_s / _LOOKS):
                    await self._disturbed.wait()
            step = self._seek()
            if step is Step.POWER_CYCLE:
                await self._free()
                return None
            if self.scanner.heard != heard:
                heard = self.scanner.heard
                self._hears()
                if step is Step.RESCAN and not await self._rescan():
                    return None
            elif self.scanner.awaited and self.scanner.silent_s() >= self.timings.silence_s:
                if not self._silent:
                    self._silent = True
                    self.on_event("radio_silent", {})
                return self._deaf
        suspected, self._suspected = self._suspected, False
        return self._stuck if suspected else None

    # --- who is missing ----------------------------------------------------------------------------------------------

    def gave_up(self, address: str, trouble: Trouble | None) -> None:
        """Say that a connect came to nothing: the device may be linked with nobody, or the adapter reach nobody."""
        now_s = asyncio.get_running_loop().time()
        self._missing.gave_up(address, now_s)
        if trouble in _FRUITLESS and self._streak.failed(now_s):
            self.suspect()

    def _seek(self) -> Step | None:
        """Tell whom the last step brought back, and choose the next for those who are awaited in vain."""
        awaited = self.scanner.awaited
        for address, step in self._missing.over(awaited):
            self.on_event("device_found", {"device": self._aliases[address], "step": step.value})
        return self._missing.next(asyncio.get_running_loop().time(), awaited, links=len(self.connections))

    async def _rescan(self) -> bool:
        """Scan afresh for those who are missing, but not amid a connect, which would hold it up. False: it failed."""
        try:
            async with self.turn:
                await self._scan()
        except BleError:
            return False
        self._missing.took(Step.RESCAN, asyncio.get_running_loop().time())
        return True

    async def _free(self) -> None:
        """Reset the controller, which ends links that nobody knows of."""
        async with self.turn:
            done = await self._take(Step.POWER_CYCLE)
        self._missing.took(Step.POWER_CYCLE, asyncio.get_running_loop().time(), done=done)
        self.on_event("radio_step", {"step": Step.POWER_CYCLE.value, "done": int(done)})

    # --- healing -----------------------------------------------------------------------------------------------------

    def suspect(self) -> None:
        """Say that the adapter seems stuck: the scanner is restarted, and the ladder climbed."""
        self._suspected = True
        self._disturbed.set()

    def connected(self, address: str) -> None:
        """Take note that a connect succeeded: nothing is stuck."""
        self._missing.reached(address)
        self._stuck.calm()
        self._streak.broken()
        self._step = None

    def _hears(self) -> None:
        self._deaf.calm()
        if self._silent:
            self._silent = False
            self._step = None
            self.on_event("radio_heard", {})

    async def _heal(self, ladder: Ladder) -> None:
        """Take the next step of a ladder, not amid a connect, and report it unless it is the last one again."""
        async with self.turn:
            step = ladder.climb(asyncio.get_running_loop().time(), links=len(self.connections))
            done = await self._take(step)
        if step is not self._step:
            self._step = step
            self.on_event("radio_step", {"step": step.value, "done": int(done)})

    async def _take(self, step: Step) -> bool:
        """Take a step; False when it failed or is not allowed."""
        done = True
        try:
            async with weather("radio: heal"), asyncio.timeout(self.timings.host_s):
                if step is Step.POWER_CYCLE:
                    await self.host.power_cycle()
                    self._missing.reset(asyncio.get_running_loop().time())
                elif step is Step.RESTART:
                    done = await self.host.restart()
        except BleError:
            done = False
        return done

    def _report_down(self, reason: str) -> None:
        if reason != self._down:
            self._down = reason
            self.on_event("radio_down", {"reason": reason})

    def _on_change(self, code: str) -> None:
        """Take a change of the stack: links may be gone without bleak's noticing, and the scanner surely is."""
        self.on_event(code, {})
        if code in _CUTTING:
            for connection in tuple(self.connections):
                connection.lose(_CUTTING[code])
        self._disturbed.set()
