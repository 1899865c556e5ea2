"""Drives one device: connects, feeds its session, performs what the session asks for.

Owns: the loop between a connection and a session, and what is known of the device's link.
Never: decodes, judges, stores, or lets one device's trouble reach another.

A session that raises, gives actions without end, emits what its driver did not declare, or computes too long again and
again, breaks the driver contract: its device is parked. One that computes for ever holds up the whole hub, and the
watchdog ends the process; what the runner has noted in the mark tells the next life which device it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, Literal, assert_never

from hub_agent.clock import Clock
from hub_agent.contract import flaw
from hub_agent.devices.guard import Guard
from hub_agent.devices.link import Connection, Connector
from hub_agent.devices.mark import Mark
from hub_agent.driver import (
    Action,
    BleLink,
    Chunk,
    Driver,
    Emit,
    Finished,
    Moment,
    Read,
    Rejected,
    Session,
    Wait,
    Warn,
    Write,
)
from hub_agent.errors import DeviceRefusedError, DriverError, HubError
from hub_agent.model import Reading, Stamp
from hub_agent.nomenclature import BATTERY, battery_alone
from hub_agent.telling import Telling

REJECTED_KEPT: Final = 64
"""Bytes of a rejected frame that are kept for diagnosis."""
REJECTED_PER_MINUTE: Final = 6
"""Rejected frames a minute that are kept; all are counted."""

ACTIONS_MAX: Final = 100_000
"""Actions that one chunk may cause: more than a full serial buffer of the shortest frames."""

_MINUTE_S: Final = 60.0

State = Literal["waiting", "connected", "parked"]


class _Done(Exception):  # noqa: N818 - not an error: the session said Finished
    """The device has given all it has."""


@dataclass(slots=True)
class DeviceState:
    """What is known of one device's link, for status and health. No value, no identity.

    Attributes:
        state: waiting for it, connected, or parked because its driver broke the contract.
        since_s: monotonic time of the last change.
        readings: emitted since the start.
        rejected: frames that no decoder accepted.
        connections: how often it connected.
        drops: how often the link was lost before the session was finished.
        last_reading_s: monotonic time of the last reading of more than a battery.
        rssi_dbm: signal strength, where there is one.
        battery_percent: the newest that it told, where it does.
        why: the reason why it is not connected: not there yet, how the link was lost, or why it is parked.
        warnings: code → how often.
    """

    state: State = "waiting"
    since_s: float = 0.0
    readings: int = 0
    rejected: int = 0
    connections: int = 0
    drops: int = 0
    last_reading_s: float | None = None
    rssi_dbm: int | None = None
    battery_percent: int | None = None
    why: str = ""
    warnings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a runner's findings go.

    Attributes:
        take: (device, reading, stamp): returns when the device may be told "received"; False: it was known before.
        rejected: (device, reason, bytes): a frame that no decoder accepted, for diagnosis.
        event: (device, code): something technicians should know.
        connection: (device, connected, why): a transition of the link.
    """

    take: Callable[[str, Reading, Stamp], Awaitable[bool]]
    rejected: Callable[[str, str, bytes], None]
    event: Callable[[str, str], None]
    connection: Callable[[str, bool, str], None]


class Runner:
    """Runs one configured device.

    Args:
        name: the device's alias.
        driver: what it is.
        options: of the configuration, for the session.
        connector: the way to it.
        clock: stamps.
        outlet: where readings and findings go.
        mark: is told while the driver is at work.
        command: one of the driver's commands, given once, as soon as a session has opened; empty for none.
    """

    def __init__(
        self,
        name: str,
        driver: Driver,
        options: Mapping[str, Any],
        connector: Connector,
        clock: Clock,
        outlet: Outlet,
        mark: Mark | None = None,
        command: str = "",
    ) -> None:
        self.name = name
        self.driver = driver
        self._options = options
        self._connector = connector
        self._clock = clock
        self._outlet = outlet
        self._guard = Guard(name, driver.name, clock, mark or Mark(), self._slow)
        self._tell = Telling(lambda code, _fields: outlet.event(name, code), clock.monotonic_s)
        self._command = command
        self._patience_s: float | None = None
        self._quiet_since_s = 0.0
        self._received_s = 0.0
        self._kept_at: list[float] = []
        why = "not heard on the air yet" if isinstance(driver.link, BleLink) else "its port is not there"
        self.state = DeviceState(since_s=clock.monotonic_s(), why=why)

    async def run(self) -> None:
        """Run one connection from connect to loss; returns when the session says that it is finished.

        Raises:
            LinkError: the link failed or was lost.
            DriverError: the driver broke its contract.
        """
        try:
            async with self._connector.connect() as connection:
                self._change("connected", "")
                self.state.connections += 1
                self._outlet.connection(self.name, True, "")
                await self._converse(connection)
        except _Done:
            self._lost("finished")
        except Exception as error:
            self._lost(str(error) if isinstance(error, HubError) else type(error).__name__)
            raise

    def park(self, why: str) -> None:
        """Note that this device needs a person."""
        self._change("parked", why)

    def _lost(self, why: str) -> None:
        if self.state.state == "connected":
            self._change("waiting", why)
            self.state.drops += why != "finished"
            self._outlet.connection(self.name, False, why)
        self.state.why = why

    def _change(self, state: State, why: str) -> None:
        self.state.state, self.state.why = state, why
        self.state.since_s = self._clock.monotonic_s()

    async def _converse(self, connection: Connection) -> None:
        self._received_s = self._clock.monotonic_s()
        session = self._guard.call(lambda: self.driver.session(self._options))
        link = self.driver.link
        self._patience_s = None
        if isinstance(link, BleLink):
            # What was read on connecting tells the session whom it deals with; some must know before they open.
            while connection.waiting():
                await self._perform(connection, await self._next(connection, session))
        if isinstance(link, BleLink) and link.open_before_subscribe:
            await self._perform(connection, self._ask(session.opened, self._clock.moment()))
            await asyncio.sleep(link.subscribe_gap_s)
            await connection.subscribe()
        else:
            await connection.subscribe()
            await self._perform(connection, self._ask(session.opened, self._clock.moment()))
        if self._command:
            command, self._command = partial(session.command, self._command), ""
            await self._perform(connection, self._ask(command, self._clock.moment()))
        while True:
            await self._perform(connection, await self._next(connection, session))
            self.state.rssi_dbm = connection.rssi_dbm()

    async def _next(self, connection: Connection, session: Session) -> list[Action]:
        """Wait for a chunk, or for the silence that the session asked to hear of: each chunk begins it anew."""
        if self._patience_s is None:
            chunk = await connection.receive()
        else:
            left_s = self._quiet_since_s + self._patience_s - self._clock.monotonic_s()
            try:
                async with asyncio.timeout(max(0.0, left_s)):
                    chunk = await connection.receive()
            except TimeoutError:
                self._patience_s = None
                return self._ask(session.silent, self._clock.moment())
        self._received_s = chunk.moment.monotonic_s
        self._quiet_since_s = max(self._quiet_since_s, self._received_s)
        return self._ask(session.received, chunk)

    def _ask(self, method: Callable[[Any], Iterable[Action]], argument: Chunk | Moment) -> list[Action]:
        actions: list[Action] = self._guard.call(lambda: list(islice(method(argument), ACTIONS_MAX + 1)))
        if len(actions) > ACTIONS_MAX:
            raise DriverError(f"driver {self.driver.name!r} gives actions without end", hint="its device is parked")
        return actions

    def _slow(self) -> None:
        """Count each call that held the hub up; tell it now and then, or the telling would be the flood."""
        self.state.warnings["driver_slow"] = self.state.warnings.get("driver_slow", 0) + 1
        self._tell("driver_slow", {})

    async def _perform(self, connection: Connection, actions: Iterable[Action]) -> None:
        """Perform actions strictly in order: an emitted reading is durable before the device hears of it."""
        for action in actions:
            match action:
                case Emit(reading):
                    await self._emit(reading)
                case Write(channel, data, response):
                    await self._attempt("write_refused", connection.write(channel, data, response=response))
                case Read(channel):
                    await self._attempt("read_refused", connection.read(channel))
                case Wait(seconds):
                    self._patience_s, self._quiet_since_s = seconds, self._clock.monotonic_s()
                case Warn(code):
                    self._warn(code)
                case Rejected(reason, data):
                    self._reject(reason, data)
                case Finished():
                    raise _Done
                case _:
                    assert_never(action)
        self._guard.check()

    async def _attempt(self, code: str, call: Awaitable[None]) -> None:
        """Ask something of the device; its no is worth a warning, not the link."""
        try:
            await call
        except DeviceRefusedError:
            self._warn(code)

    def _warn(self, code: str) -> None:
        self.state.warnings[code] = self.state.warnings.get(code, 0) + 1
        self._outlet.event(self.name, code)

    async def _emit(self, reading: Reading) -> None:
        wrong = flaw(reading, self.driver.measures)
        if wrong is not None:
            raise DriverError(f"driver {self.driver.name!r}: {wrong}", hint="its device is parked")
        for measurement in reading.measurements:
            if measurement.code == BATTERY and measurement.value is not None:
                self.state.battery_percent = int(measurement.value)
        self.state.readings += 1
        if not battery_alone(reading.measurements):  # which does not tell that it measures
            self.state.last_reading_s = self._clock.monotonic_s()
        await self._outlet.take(self.name, reading, self._stamp())

    def _stamp(self) -> Stamp:
        """Stamp with the arrival of the chunk that is being worked on."""
        stamp = self._clock.stamp()
        late_ns = max(0, stamp.monotonic_ns - round(self._received_s * 1e9))
        return stamp._replace(monotonic_ns=stamp.monotonic_ns - late_ns, wall_ns=stamp.wall_ns - late_ns)

    def _reject(self, reason: str, data: bytes) -> None:
        self.state.rejected += 1
        now_s = self._clock.monotonic_s()
        self._kept_at = [at_s for at_s in self._kept_at if now_s - at_s < _MINUTE_S]
        if len(self._kept_at) < REJECTED_PER_MINUTE:
            self._kept_at.append(now_s)
            self._outlet.rejected(self.name, reason, data[:REJECTED_KEPT])
