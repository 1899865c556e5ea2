"""Turns what the parts notice into alarms and sealed events.

Owns: which finding is a technical alarm, which an event, and what each says.
Never: judges a reading, stores, sends, or names a device by anything but its alias.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hub_agent.alarms.alarm import AlarmEvent
from hub_agent.alarms.book import AlarmBook
from hub_agent.clock import Clock
from hub_agent.clock_watch import ClockWatch
from hub_agent.commands.record import CommandResult, SecurityEvent
from hub_agent.commands.refusal import ATTACKS
from hub_agent.delivery import Trouble
from hub_agent.errors import StorageError
from hub_agent.gaps import Gaps, hub_off
from hub_agent.logs import get_logger
from hub_agent.model import ClockState, ReadingClass, Stamp
from hub_agent.outbox.recovery import Damage
from hub_agent.wire import Event

_log = get_logger("hub")


class Taker(Protocol):
    """Where findings go: the intake."""

    def note(self, event: Event, cls: ReadingClass = ReadingClass.ALARM) -> None:
        """Take an event."""
        ...

    async def keep_state(self) -> None:
        """Make durable what was taken; returns when it is.

        Raises:
            StorageError: it could not be stored.
        """
        ...

    def raise_now(self, events: Sequence[AlarmEvent]) -> None:
        """Take alarm events."""
        ...


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


class Reporter:
    """Hears of everything that is not a reading.

    Args:
        book: raises and clears technical alarms.
        gaps: follows the devices that are due at intervals.
        clock: stamps.

    Attributes:
        taker: the intake; the wiring sets it once, since the intake itself is made with callbacks of this object.
        security_events: how many messages and devices came, since the start, that should not have come.
    """

    taker: Taker

    def __init__(self, book: AlarmBook, gaps: Gaps, clock: Clock) -> None:
        self._book = book
        self._gaps = gaps
        self._clock_watch = ClockWatch()
        self._clock = clock
        self.security_events = 0

    def technical(self, code: str, fields: Mapping[str, Any]) -> None:
        """Tell the NOC's technicians something that is no alarm.

        Args:
            code: what; ``docs/operations.md`` lists them.
            fields: what belongs to it.
        """
        self.taker.note(Event("technical", self._clock.stamp(), {**fields, "code": code}))

    def alarm(self, code: str, device: str = "", *, active: bool) -> None:
        """Raise or clear a technical alarm of the table in :mod:`hub_agent.alarms.technical`."""
        self.taker.raise_now(self._book.technical(code, device, self._clock.stamp(), active=active))

    # --- storage ------------------------------------------------------------------------------------------------------

    def storage(self, code: str, active: bool) -> None:  # noqa: FBT001 - one condition, one word
        """Storage is filling up, or has room again."""
        _log.warning("storage_fill", condition=code, active=active)
        self.alarm(code, active=active)

    def storage_found(self, damage: Damage | None, suspected: bool, *, ledger_lost: bool) -> None:  # noqa: FBT001 - a finding
        """Tell how a start found the outbox: damaged, so that a fresh one took its place, or failed and yet sound.

        Args:
            damage: the first; None where the file is sound.
            suspected: an earlier life of the process could not read or write it.
            ledger_lost: what commands were obeyed before is not known whole.
        """
        if damage is not None:
            _log.error("storage_corrupt", why=damage.why, file=damage.aside.name)
            fields = {"why": damage.why, "file": damage.aside.name, "ledger_lost": ledger_lost}
            self.technical("storage_corrupt", fields)
            self.alarm("storage_corrupt", active=True)
        elif suspected:
            _log.error("storage_failed")
            self.technical("storage_failed", {})

    def alarms_kept(self, kept: bytes | None) -> None:
        """Take up what the life before left of alarms and limits; None on the very first start.

        Where that cannot be used the hub watches all the same, by the limits of its configuration, and says so: one
        that does not start watches nobody.
        """
        if kept is None:
            return
        try:
            events = self._book.restore(json.loads(kept), self._clock.stamp())
        except (ValueError, StorageError) as error:
            why = str(error) if isinstance(error, StorageError) else type(error).__name__
            _log.error("alarm_state_lost", why=why)
            self.technical("alarm_state_lost", {"why": why})
            self.alarm("storage_corrupt", active=True)
        else:
            self.taker.raise_now(events)

    # --- devices ------------------------------------------------------------------------------------------------------

    def parked(self, device: str, why: str) -> None:
        """A device needs a person."""
        self._gaps.park(device)
        _log.error("device_parked", device=device, why=why)
        self.technical("device_parked", {"device": device, "why": why})

    def driver_stuck(self, device: str, deaths: int, *, parked: bool) -> None:
        """A driver stopped the whole hub.

        Args:
            device: whose.
            deaths: how often the process died of it, lately.
            parked: the device is left alone from now on; else it is tried once more.
        """
        _log.error("driver_stuck", device=device, count=deaths, state="parked" if parked else "tried again")
        self.technical("driver_stuck", {"device": device, "deaths": deaths, "parked": parked})
        self.alarm("driver_stuck", device, active=parked)

    def rejected(self, device: str, reason: str, data: bytes) -> None:
        """A frame that no decoder accepted: kept for diagnosis, in the class that is shed first."""
        fields = {"device": device, "reason": reason, "bytes": data}
        self.taker.note(Event("rejected", self._clock.stamp(), fields), ReadingClass.WAVEFORM)

    def device_event(self, device: str, code: str) -> None:
        """A driver warns, or is warned of."""
        _log.warning("device_warning", device=device, code=code)
        self.technical("device_warning", {"device": device, "why": code})

    def connection(self, device: str, up: bool, why: str) -> None:  # noqa: FBT001 - one transition, one word
        """A device's link came or went."""
        _log.info("device_connected" if up else "device_lost", device=device, why=why)
        self._gaps.link(device, connected=up)
        self.alarm("link_lost", device, active=not up and why != "finished")

    def radio(self, code: str, fields: Mapping[str, Any]) -> None:
        """The radio has something to say; somebody who poses as a device is an attack."""
        _log.warning("radio_event", code=code)
        self.technical(code, fields)
        if code == "serial_changed":
            self.security_events += 1
            self.alarm("security", active=True)

    # --- delivery -----------------------------------------------------------------------------------------------------

    def delivery(self, code: str, fields: Mapping[str, Any]) -> None:
        """Delivery met something that technicians should know."""
        _log.warning("delivery_event", code=code)
        self.technical(code, fields)

    def trouble(self, trouble: Trouble, active: bool) -> None:  # noqa: FBT001 - begins or ends
        """The broker begins or ceases to refuse what is sent."""
        _log.warning("delivery_trouble", code=trouble, state="begun" if active else "over")
        self.alarm(trouble, active=active)

    def backlog(self, late: bool) -> None:  # noqa: FBT001 - begins or ends
        """The oldest unconfirmed batch is too old although the broker is there, or no longer so."""
        self.alarm("backlog_age", active=late)

    def uplink(self, up: bool, _why: str) -> None:  # noqa: FBT001 - one transition, one word
        """The broker link came or went."""
        self.alarm("uplink_down", active=not up)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def result(self, result: CommandResult) -> None:
        """A command was answered; the answer is durable when this returns.

        Raises:
            StorageError: it could not be stored.
        """
        fields = {"jti": result.jti, "op": result.op, "outcome": result.outcome, "result": dict(result.result)}
        self.taker.note(Event("result", self._clock.stamp(), fields))
        await self.taker.keep_state()

    async def security(self, event: SecurityEvent) -> None:
        """Something came that should not have come; an alarm where it means an attack. Durable when this returns.

        Raises:
            StorageError: it could not be stored.
        """
        _log.warning("security_event", code=event.code)
        self.security_events += event.times
        fields = {
            "code": event.code,
            "kids": list(event.kids),
            "jti": event.jti,
            "op": event.op,
            "times": event.times,
        }
        self.taker.note(Event("security", self._clock.stamp(), fields))
        if event.code in ATTACKS:
            self.alarm("security", active=True)
        await self.taker.keep_state()

    # --- the hub itself -----------------------------------------------------------------------------------------------

    def started(self, fields: Mapping[str, Any]) -> None:
        """Say that the hub is here, and what it is: the first event of every life of the process."""
        stamp = self._clock.stamp()
        _log.info("hub_started", version=fields["release"], clock=stamp.clock.value)
        self.taker.note(Event("start", stamp, dict(fields)))

    def heard(self, device: str, stamp: Stamp) -> None:
        """A device gave a live reading: a gap that was open is over."""
        gap = self._gaps.heard(device, stamp)
        if gap is not None:
            self.taker.note(gap)

    def hub_was_off(self, last: Stamp) -> None:
        """Tell the gap since the newest instant that is known of the life before."""
        gap = hub_off(last, self._gaps.start)
        if gap is not None:
            self.taker.note(gap)

    def turn(self, stamp: Stamp) -> None:
        """Look at what only time changes: the gaps, and how good the clock is; called once a second.

        What was stamped before the clock was good is dated by its record at the NOC.
        """
        for gap in self._gaps.tick(stamp):
            self.taker.note(gap)
        turn = self._clock_watch.look(stamp)
        if turn.changed:
            self.alarm("clock_unsynced", active=stamp.clock is ClockState.UNSYNCED)
        if turn.record is not None:
            self.taker.note(turn.record)
