"""Wires the parts of one hub to each other.

Owns: who is told what. Never: runs anything (``app`` does), or holds logic of its own.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from hub_agent import mqtt
from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.annunciator import SHOW_S, Annunciator, Output
from hub_agent.alarms.book import AlarmBook
from hub_agent.backlog import BacklogWatch
from hub_agent.builder import Builder
from hub_agent.clock import Clock
from hub_agent.commands.desk import Desk
from hub_agent.commands.keys import command_keys
from hub_agent.commands.verify import Context
from hub_agent.config import Config
from hub_agent.deaths import Deaths
from hub_agent.devices.runner import DeviceState
from hub_agent.forwarder import Forwarder
from hub_agent.health import Health, Uplink
from hub_agent.housekeeping import Notes, keep_house
from hub_agent.intake import COMMIT_S, STATE, Intake
from hub_agent.latency import Latency
from hub_agent.logs import get_logger
from hub_agent.machine import Machine
from hub_agent.model import ReadingClass
from hub_agent.orders import Orders
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.ledger import CommandLedger
from hub_agent.outbox.outbox import Outbox
from hub_agent.reporter import Reporter, to_wire
from hub_agent.sources import Sources, Ways
from hub_agent.storage import ReplayBar, Salvager, StorageWatch
from hub_agent.uplink import BrokerSession

_log = get_logger("hub")


OnRadioEvent = Callable[[str, Mapping[str, Any]], None]
OpenWays = Callable[[Config, Clock, OnRadioEvent, Outbox], AbstractAsyncContextManager[Ways]]
"""Opens the ways to devices; the outbox keeps what must be known of them after a restart."""


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


class Parts:
    """The parts of one hub, each told of those it works with.

    Args:
        build: makes what needs only the configuration.
        outbox: open.
        book: not yet restored.
        deaths: restored.
        outputs: show and sound the annunciator's signal.
    """

    _after: str  # what became of the life before; known when that is restored

    def __init__(
        self, build: Builder, outbox: Outbox, book: AlarmBook, deaths: Deaths, outputs: Sequence[Output]
    ) -> None:
        config, clock = build.config, build.clock
        self._build = build
        self._book = book
        self._outbox = outbox
        self._uplink = Uplink(down_s=clock.monotonic_s())
        self._annunciator = Annunciator(
            outputs, unmonitored_after_s=config.annunciator.unmonitored_after_s, at_ns=clock.stamp().monotonic_ns
        )
        self.reporter = Reporter(book, build.gaps(), clock)
        self.forwarder = self._make_forwarder()
        self.intake = self.reporter.taker = self._make_intake()
        self.sources = Sources(build.registry, clock, self.reporter, self.intake.take, deaths)
        self._lag = Latency()
        self._backlog = BacklogWatch(outbox, self._uplink, clock, self.reporter.backlog)
        machine = Machine(config.hub.state_dir)
        self.notes = Notes(outbox, build.floor, clock, machine.wear, self.intake.waits_for_room)
        self.health = self._make_health(machine)
        self.orders = Orders(
            book, clock, self.intake.raise_now, self.intake.keep_state, self.health.snapshot, build.restart.set
        )
        self._keys = command_keys(build.trust)
        self.desk = self._make_desk()
        self._bar = ReplayBar(outbox, clock, build.floor, self._keys)
        self._storage = StorageWatch(outbox, self.forwarder, self.reporter.storage)
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
            self.sources.states,
            build.restart,
        )

    def _make_health(self, machine: Machine) -> Health:
        return Health(
            self._build.config.hub.id,
            self._build.session,
            self._build.clock,
            self._outbox,
            self.forwarder,
            self.intake,
            self.sources.states,
            self._book,
            self._uplink,
            self._backlog.oldest_s,
            machine,
            self._lag,
            lambda: self.reporter.security_events,
        )

    def _make_forwarder(self) -> Forwarder:
        return Forwarder(
            self._outbox,
            self._build.topics,
            [] if self._build.trust is None else [self._build.trust.confirm.key()],
            self._build.policy(),
            self._build.clock,
            self.reporter.delivery,
            self.reporter.trouble,
            self._noc_spoke,
            form=self._build.form(self._outbox),
        )

    def _make_intake(self) -> Intake:
        commit = self._build.config.commit
        return Intake(
            self._outbox,
            self._book,
            self._build.clock,
            to_wire=to_wire,
            announce=self._announce,
            offer=self.forwarder.offer,
            commit_s={
                **COMMIT_S,
                ReadingClass.CONTINUOUS: commit.continuous_s,
                ReadingClass.WAVEFORM: commit.waveform_s,
            },
        )

    def _make_desk(self) -> Desk:
        build, outbox, keys = self._build, self._outbox, self._keys

        def context() -> Context:
            return Context(
                hub_id=build.config.hub.id,
                topic=build.topics.commands,
                keys=keys,
                now=build.floor.now(),
                clock=build.clock.stamp().clock,
                session=build.session,
                limits=self.orders.settings(),
                limits_revision=self._book.revision,
            )

        return Desk(
            context=context,
            ledger=CommandLedger(lambda work: outbox.run(lambda store: store.on_connection(work)), LocalBox(build.key)),
            handlers=self.orders.handlers,
            results=self.reporter.result,
            events=self.reporter.security,
            monotonic_s=build.clock.monotonic_s,
        )

    async def restore(self) -> None:
        """Take up what an earlier life of the process left: alarms with their limits, the clock floor."""
        alive, self._after = await self.notes.read()
        if alive is not None:
            self.reporter.hub_was_off(alive)
        self.reporter.alarms_kept(await self._outbox.state(STATE))
        await self._bar.restore()
        await self._storage.restore(self._build.clock.monotonic_s())
        self.reporter.storage_found(self._build.damage, self._build.suspected, ledger_lost=self._bar.lost)

    async def obey(self) -> None:
        """Answer the commands that an earlier life of the process left open, then carry out what comes, for ever.

        Begun before the broker session: a command that came before would be taken for one of the earlier life.
        """
        await self.desk.recover()
        await self.desk.run()

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
            build.clock,
            self._uplink,
            self.reporter.uplink,
        )

    async def keep_house(self) -> None:
        """Do what must be done now and then, for ever."""
        watches = self._storage.turn, self._backlog.turn
        build = self._build
        await keep_house(self._outbox, build.floor, build.clock, self.notes, self.reporter.turn, watches, self._lag)

    async def keep_showing(self) -> None:
        """Show how the alarms stand, each second and for ever: also what waits for a card that takes its time."""
        while True:
            self._announce()
            await asyncio.sleep(SHOW_S)

    def started(self) -> None:
        """Say that the hub is here."""
        self.reporter.started(self._build.start(self._after))

    async def salvage(self) -> None:
        """Bring what can be saved of damaged outboxes to the NOC; returns when that is done."""
        build = self._build
        await Salvager(self._outbox, self.forwarder, build.clock, build.salvage).run(build.set_aside)

    async def _command(self, message: mqtt.Message) -> None:
        await self._bar.close()
        await self.desk.receive(message.payload, message.topic, retained=message.retained, duplicate=message.duplicate)

    def _noc_spoke(self, wall_ns: int | None) -> None:
        """Take the NOC's signed time: it is there, and it cannot be earlier than that."""
        if wall_ns is not None:
            self._build.floor.raise_to(wall_ns)
        self._annunciator.noc_reached(self._build.clock.stamp().monotonic_ns)

    def _announce(self, _events: Sequence[AlarmEvent] = ()) -> None:
        """Show how the alarms stand; a broken lamp is reported and keeps nothing else from sounding."""
        for error in self._annunciator.show(self._book, self._build.clock.stamp().monotonic_ns):
            _log.error("annunciator_output_failed", error=type(error).__name__, why=str(error))
