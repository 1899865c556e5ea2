"""The parts of one hub and the small pieces of glue between them.

Owns: how each part is made from the configuration, and who is told what.
Never: runs anything; ``app`` does.
"""

import asyncio
import json
import os
import secrets
import sqlite3
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from hub_agent import gaps, identity, mqtt, seal, tls, trust
from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.annunciator import Annunciator, Output
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.watch import AlarmBook
from hub_agent.clock import BUILT_NS, Clock, Floor
from hub_agent.clock_watch import ClockWatch
from hub_agent.commands.desk import Desk
from hub_agent.commands.keys import command_keys
from hub_agent.commands.record import CommandResult, SecurityEvent
from hub_agent.commands.verify import Context
from hub_agent.config import Config, Device
from hub_agent.devices.link import Connector
from hub_agent.devices.runner import DeviceState, Outlet, Runner
from hub_agent.driver import Driver, SerialLink
from hub_agent.errors import HubError
from hub_agent.forwarder import Forwarder, Policy, Trouble
from hub_agent.health import RELEASE, Health, Uplink, status
from hub_agent.intake import COMMIT_S, STATE, Intake
from hub_agent.logs import get_logger
from hub_agent.model import ClockState, Reading, ReadingClass, Stamp
from hub_agent.orders import Orders
from hub_agent.outbox import ledger
from hub_agent.outbox.ledger import CommandLedger
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.store import Store
from hub_agent.registry import Registry
from hub_agent.supervise import keep_running
from hub_agent.topics import Topics
from hub_agent.uplink import BrokerSession
from hub_agent.wire import Event

_log = get_logger("app")

SETTLE_S: Final = 60.0
ALIVE: Final = "alive"
"""The name, among the outbox's local state, of the newest instant that is known of this life."""

T = TypeVar("T")


class Ways(Protocol):
    """How devices are reached: real radios and ports, or virtual ones."""

    def connector(self, device: Device, driver: Driver) -> Connector:
        """Give the way to a configured device.

        Raises:
            ConfigError: the device cannot be reached in the way its driver needs.
        """
        ...

    async def run(self) -> None:
        """Keep the shared parts (the scanner) going; returns when there are none."""
        ...


OnRadioEvent = Callable[[str, Mapping[str, Any]], None]
OpenWays = Callable[[Config, Clock, OnRadioEvent], AbstractAsyncContextManager[Ways]]


@dataclass(slots=True)
class Agent:
    """The parts of a running hub, for those who show it: the control socket, the demo, tests."""

    config: Config
    clock: Clock
    outbox: Outbox
    book: AlarmBook
    intake: Intake
    forwarder: Forwarder
    orders: Orders
    uplink: Uplink
    health: Health
    session: str
    devices: dict[str, DeviceState] = field(default_factory=dict)
    restart: asyncio.Event = field(default_factory=asyncio.Event)


def to_wire(event: AlarmEvent) -> Event:
    """Spell an alarm event as it travels, sealed; see ``docs/wire.md``."""
    fields = {
        "id": event.alarm_id,
        "condition": event.condition,
        "kind": event.kind.value,
        "priority": event.priority.name.lower(),
        "presence": event.presence.value,
        "escalated": event.escalated,
        "device": event.device,
        "measure": event.measure,
        "value": None if event.value is None else str(event.value),
        "unit": event.unit,
        "limit": None if event.limit is None else str(event.limit),
        "revision": event.limit_revision,
    }
    return Event("alarm", event.stamp, fields)


class Builder:
    """Builds one hub's parts, in order; each method is one part."""

    def __init__(self, config: Config, registry: Registry, clock: Clock) -> None:
        self.config = config
        self.registry = registry
        self.clock = clock
        self.topics = Topics(config.hub.id, config.broker.topic_prefix)
        self.trust = trust.load(config.noc.trust)
        self.key = identity.load(config.identity.key.path(os.environ))
        self.session = secrets.token_hex(16)
        self.floor = Floor(clock, BUILT_NS)
        self.restart = asyncio.Event()

    def sealer(self, journal: bytes) -> seal.Sealer:
        """Make the sealer of a journal."""
        recipients = [seal.Recipient(who.kid, who.suite, who.key()) for who in self.trust.recipients]
        return seal.Sealer(self.config.hub.id, journal, self.key, recipients)

    def store(self) -> Store:
        """Open the database file."""
        self.config.hub.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Store(self.config.hub.state_dir / "outbox.db", os.urandom(16))

    def cadence(self, device: Device) -> Cadence:
        """Say how often a device is due: by its configuration, else by its driver."""
        driver = self.registry.drivers.get(device.driver)
        return Cadence(device.cadence_s or (driver.cadence_s if driver else None), device.tolerance)

    def book(self) -> AlarmBook:
        """Make the alarm book from the file's limits and devices."""
        devices = {device.name: self.cadence(device) for device in self.config.devices}
        return AlarmBook(
            self.config.alarm_limits(), devices, self.clock.stamp(), escalate_s=self.config.annunciator.escalate_s
        )

    def gaps(self) -> gaps.Gaps:
        """Make what follows the devices that are due at intervals."""
        expected = {}
        for device in self.config.devices:
            patience_ns = self.cadence(device).patience_ns()
            driver = self.registry.drivers.get(device.driver)
            if patience_ns is not None and driver is not None:
                away: Any = "unplugged" if isinstance(driver.link, SerialLink) else "out_of_range"
                expected[device.name] = gaps.Expected(patience_ns / 1e9, away)
        return gaps.Gaps(expected, self.clock.stamp())

    def profile(self) -> mqtt.Profile:
        """Say how to connect to the broker."""
        config = self.config
        return mqtt.Profile(
            client_id=config.hub.id,
            host=config.broker.host,
            port=config.broker.port,
            tls=self.tls(),
            protocol=config.broker.protocol,
            keepalive_s=config.broker.keepalive_s,
            will=(self.topics.status, self.birth("offline")),
            subscriptions=(self.topics.confirm, self.topics.commands),
            window=config.delivery.window,
        )

    def tls(self) -> ssl.SSLContext | None:
        """Make the TLS context; None where the configuration allows a plain connection.

        Raises:
            ConfigError: a file is missing or is not what it should be.
        """
        files = self.config.broker.tls
        if files is None:
            return None
        return tls.context_of(files.ca, files.certificate, files.key.path(os.environ), self.floor)

    def birth(self, state: str) -> bytes:
        """Make the retained status."""
        since = self.clock.now().isoformat(timespec="seconds")
        return status(self.config.hub.id, state, self.session, self.clock.stamp().boot, since)


class Parts:
    """The built parts and the small pieces of glue between them."""

    def __init__(self, build: Builder, outbox: Outbox, book: AlarmBook, outputs: Sequence[Output]) -> None:
        config, clock = build.config, build.clock
        self._build = build
        self._config = config
        self._clock = clock
        self._outbox = outbox
        self._book = book
        self._clock_watch = ClockWatch()
        self._gaps = build.gaps()
        self._ledger = CommandLedger(self._on_connection)
        self._annunciator = Annunciator(
            outputs,
            unmonitored_after_s=config.annunciator.unmonitored_after_s,
            at_ns=clock.stamp().monotonic_ns,
        )
        self.devices: dict[str, DeviceState] = {}
        self._uplink = Uplink(down_s=clock.monotonic_s())
        policy = Policy(
            config.delivery.confirm, config.delivery.on_no_subscribers, config.delivery.resend_s, config.delivery.window
        )
        self.forwarder = Forwarder(
            outbox,
            build.topics,
            [build.trust.confirm.key()],
            policy,
            clock,
            self._delivery_event,
            self._delivery_trouble,
            self._noc_spoke,
        )
        self.intake = Intake(
            outbox,
            book,
            clock,
            to_wire=to_wire,
            announce=self._announce,
            offer=self.forwarder.offer,
            commit_s={
                **COMMIT_S,
                ReadingClass.CONTINUOUS: config.commit.continuous_s,
                ReadingClass.WAVEFORM: config.commit.waveform_s,
            },
        )
        self.orders = Orders(
            book,
            clock,
            self.intake.raise_now,
            self.intake.keep_state,
            self._snapshot,
            build.restart.set,
        )
        self._keys = command_keys(build.trust)
        self.desk = Desk(
            context=self._context,
            ledger=self._ledger,
            handlers=self.orders.handlers,
            results=self._result,
            events=self._security_event,
            monotonic_s=clock.monotonic_s,
        )
        self.health: Health = Health(
            config.hub.id,
            build.session,
            clock,
            outbox,
            self.forwarder,
            self.intake,
            self.devices,
            self._alarm_figures,
            self._uplink,
        )
        self.agent = Agent(
            config,
            clock,
            outbox,
            book,
            self.intake,
            self.forwarder,
            self.orders,
            self._uplink,
            self.health,
            build.session,
            self.devices,
            build.restart,
        )

    async def restore(self) -> None:
        """Take up what an earlier life of the process left: alarms with their limits, the clock floor, commands."""
        floor = await self._outbox.state("floor")
        if floor is not None:
            self._build.floor.raise_to(int.from_bytes(floor, "big"))
        alive = await self._outbox.state(ALIVE)
        if alive is not None and (gap := gaps.hub_off(gaps.from_bytes(alive), self._clock.stamp())):
            self.intake.note(gap)
        alarms = await self._outbox.state(STATE)
        if alarms is not None:
            self.intake.raise_now(self._book.restore(json.loads(alarms), self._clock.stamp()))
        await self.desk.recover()  # before a command can come: it would be taken for one of the earlier life

    def broker(self) -> BrokerSession:
        """Make the broker session."""
        build = self._build
        return BrokerSession(
            build.profile(),
            build.topics,
            self.forwarder,
            self.health,
            self._command,
            build.birth,
            self._clock,
            self._uplink,
            self._uplink_changed,
        )

    def _snapshot(self) -> Mapping[str, Any]:
        return self.health.snapshot()

    async def _on_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a piece of the command ledger on the outbox's thread."""
        return await self._outbox.run(lambda store: store.on_connection(work))

    # --- devices ------------------------------------------------------------------------------------------------------

    def runner(self, device: Device, ways: Ways) -> Runner | None:
        """Make a device's runner; a device that cannot be run is parked, and said so."""
        state = DeviceState(since_s=self._clock.monotonic_s())
        try:
            driver = self._build.registry.driver(device.driver)
            connector = ways.connector(device, driver)
        except HubError as error:
            state.state, state.why = "parked", str(error)
            self.devices[device.name] = state
            self._gaps.park(device.name)
            _log.error("device_parked", device=device.name, driver=device.driver, why=str(error))
            self._technical("device_parked", {"device": device.name, "why": str(error)})
            return None
        outlet = Outlet(self._take, self._rejected, self._device_event, self._connection)
        runner = Runner(device.name, driver, device.options, connector, self._clock, outlet)
        self.devices[device.name] = runner.state
        return runner

    async def keep(self, runner: Runner) -> None:
        """Keep one device running until it is parked."""

        def failed(error: BaseException) -> None:
            if isinstance(error, HubError) and error.retry == "never":
                runner.park(str(error))
                self._gaps.park(runner.name)
                self._technical("device_parked", {"device": runner.name, "why": str(error)})

        await keep_running(runner.name, runner.run, clock=self._clock, cap_s=lambda: 10.0, on_failure=failed)

    async def _take(self, device: str, reading: Reading, stamp: Stamp) -> bool:
        if not reading.stored and (gap := self._gaps.heard(device, stamp)):
            self.intake.note(gap)
        return await self.intake.take(device, reading, stamp)

    def _rejected(self, device: str, reason: str, data: bytes) -> None:
        event = Event("rejected", self._clock.stamp(), {"device": device, "reason": reason, "bytes": data})
        self.intake.note(event, ReadingClass.WAVEFORM)

    def _device_event(self, device: str, code: str) -> None:
        _log.warning("device_warning", device=device, code=code)
        self._technical("device_warning", {"device": device, "code": code})

    def _connection(self, device: str, up: bool, why: str) -> None:  # noqa: FBT001 - the outlet's protocol
        _log.info("device_connected" if up else "device_lost", device=device, why=why)
        self._gaps.link(device, connected=up)
        stamp = self._clock.stamp()
        self.intake.raise_now(self._book.technical("link_lost", device, stamp, active=not up and why != "finished"))

    def radio_event(self, code: str, fields: Mapping[str, Any]) -> None:
        """Take an event of the radio: a technical event for the NOC."""
        _log.warning("radio_event", code=code)
        self._technical(code, dict(fields))

    # --- delivery -----------------------------------------------------------------------------------------------------

    def _technical(self, code: str, fields: Mapping[str, Any]) -> None:
        self.intake.note(Event("technical", self._clock.stamp(), {"code": code, **fields}))

    def _delivery_event(self, code: str, fields: Mapping[str, Any]) -> None:
        _log.warning("delivery_event", code=code)
        self._technical(code, fields)

    def _delivery_trouble(self, trouble: Trouble, active: bool) -> None:  # noqa: FBT001 - begins or ends
        _log.warning("delivery_trouble", code=trouble, state="begun" if active else "over")
        stamp = self._clock.stamp()
        self.intake.raise_now(self._book.technical(trouble, "", stamp, active=active))

    def _uplink_changed(self, up: bool, why: str) -> None:  # noqa: FBT001 - one transition, one word
        del why
        stamp = self._clock.stamp()
        self.intake.raise_now(self._book.technical("uplink_down", "", stamp, active=not up))

    def _alarm_figures(self) -> Mapping[str, Any]:
        alarms = self._book.alarms()
        return {
            "live": len(alarms),
            "by_priority": {
                name: sum(alarm.condition.priority.name.lower() == name for alarm in alarms)
                for name in ("high", "medium", "low")
            },
            "limits_revision": self._book.revision,
        }

    def _noc_spoke(self, wall_ns: int) -> None:
        """Take the NOC's signed time: it is there, and it cannot be earlier than that."""
        self._build.floor.raise_to(wall_ns)
        self._annunciator.noc_reached(self._clock.stamp().monotonic_ns)

    def _announce(self, _events: Sequence[AlarmEvent] = ()) -> None:
        """Show how the alarms stand; a broken lamp is reported and keeps nothing else from sounding."""
        for error in self._annunciator.show(self._book, self._clock.stamp().monotonic_ns):
            _log.error("annunciator_output_failed", error=type(error).__name__, why=str(error))

    # --- commands -----------------------------------------------------------------------------------------------------

    def _context(self) -> Context:
        return Context(
            hub_id=self._config.hub.id,
            topic=self._build.topics.commands,
            keys=self._keys,
            now=self._build.floor.now(),
            clock=self._clock.stamp().clock,
            session=self._build.session,
            limits=self.orders.settings(),
            limits_revision=self._book.revision,
        )

    async def _command(self, message: mqtt.Message) -> None:
        await self.desk.receive(message.payload, message.topic, retained=message.retained, duplicate=message.duplicate)

    async def _result(self, result: CommandResult) -> None:
        fields = {"jti": result.jti, "op": result.op, "outcome": result.outcome, "result": dict(result.result)}
        self.intake.note(Event("result", self._clock.stamp(), fields))

    async def _security_event(self, event: SecurityEvent) -> None:
        _log.warning("security_event", code=event.code)
        fields = {
            "code": event.code,
            "kids": list(event.kids),
            "jti": event.jti,
            "op": event.op,
            "times": event.times,
        }
        self.intake.note(Event("security", self._clock.stamp(), fields))

    # --- housekeeping -------------------------------------------------------------------------------------------------

    def started(self) -> None:
        """Say that the hub is here: the first event of every life of the process."""
        _log.info("hub_started", version=RELEASE, clock=self._clock.stamp().clock.value)
        stamp = self._clock.stamp()
        self.intake.note(Event("start", stamp, {"release": RELEASE, "session": self._build.session}))

    async def keep_house(self) -> None:
        """Settle the outbox now and then, watch the clock, persist the floor."""
        settled_s = self._clock.monotonic_s()
        while True:
            stamp = self._clock.stamp()
            self._watch_clock(stamp)
            for gap in self._gaps.tick(stamp):
                self.intake.note(gap)
            self._announce()
            now_s = self._clock.monotonic_s()
            if now_s - settled_s >= SETTLE_S:
                settled_s = now_s
                await self._outbox.settle()
                await self.keep_time()
                await self._on_connection(partial(ledger.prune, now=self._build.floor.now()))
            await asyncio.sleep(1.0)

    async def keep_time(self) -> None:
        """Make durable what the next life must know of the time: the floor, and until when this one was alive.

        Raises:
            StorageError: it could not be stored.
        """
        stamp = self._clock.stamp()
        await self._outbox.commit({}, state={"floor": self._build.floor.persistable(), ALIVE: gaps.to_bytes(stamp)})

    def _watch_clock(self, stamp: Stamp) -> None:
        """Say how good the clock is: what was stamped before it was is dated by this record at the NOC."""
        turn = self._clock_watch.look(stamp)
        if turn.changed:
            unsynced = stamp.clock is ClockState.UNSYNCED
            self.intake.raise_now(self._book.technical("clock_unsynced", "", stamp, active=unsynced))
        if turn.record is not None:
            self.intake.note(turn.record)
