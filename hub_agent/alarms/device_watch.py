"""Watches one device: its limits, the worth of its readings, its silence.

Owns: what the last readings of one device mean for its conditions.
Never: keeps alarms or waits for condition delays of technical conditions; the alarm book does.

This is the hot path, run for every reading. While no limit is violated and no trouble is known, each measurement that
was judged and found well is remembered; a good reading made only of such measurements is not judged again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from hub_agent.alarms import technical
from hub_agent.alarms.alarm import LIMIT_CODES, Cause, Condition
from hub_agent.alarms.limits import CLEAR, Limit, LimitState, Priority, Transition, due_ns, elapse, inhibit, judge
from hub_agent.model import UNUSABLE, Absent, Code, Measurement, Quality, Reading, ReadingClass, Unit
from hub_agent.nomenclature import BATTERY, QUANTITIES, battery_alone

MIN_PATIENCE_S: Final = 10.0
"""No device is called silent sooner: reconnecting takes a few seconds and is no alarm."""

BATTERY_LOW: Final = Decimal(15)
BATTERY_FINE: Final = Decimal(20)
"""Per cent of charge: low below the first, fine again from the second on; in between it stays what it was."""

_UNUSABLE: Final = int(UNUSABLE)  # plain ints: an IntFlag's operators cost more than the judgement
_SENSOR_OFF: Final = int(Quality.SENSOR_OFF)
_LOW_BATTERY: Final = int(Quality.LOW_BATTERY)
_NOTED: Final = _UNUSABLE | _LOW_BATTERY
_WELL_MAX: Final = 1024
"""Measurements of one device that are remembered as having been well; few devices give so many different ones."""
_NOWHERE: Final = Code(0)  # where a reading without measurements keeps its trouble
_EPISODE: Final = Code(1)  # where an episodic one does

_BEYOND: Final[Mapping[Absent | None, Decimal]] = {
    Absent.POSITIVE_INFINITY: Decimal("Infinity"),
    Absent.NEGATIVE_INFINITY: Decimal("-Infinity"),
}
"""What a device found beyond its range has no number, and yet lies beyond every limit on that side."""

Slot = tuple[Code, Priority]
"""What tells the limits of one device apart."""


class Change(NamedTuple):
    """A condition that now holds, or no longer does."""

    condition: Condition
    active: bool
    cause: Cause = Cause()
    latching: bool = False


class Cadence(NamedTuple):
    """How often a device is expected to give a reading.

    Attributes:
        cadence_s: seconds between two readings; None for a device that is used now and then.
        tolerance: how many of them it may miss.
    """

    cadence_s: float | None
    tolerance: float = 3.0

    def patience_ns(self) -> int | None:
        """Give the silence that is an alarm; None: no silence is."""
        return None if self.cadence_s is None else round(max(self.cadence_s * self.tolerance, MIN_PATIENCE_S) * 1e9)


class Watch:
    """One limit of one device, in every unit that its quantity may come in, with what it remembers."""

    __slots__ = ("limit", "limits", "state", "unit", "value")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.limits = {unit: limit.in_unit(unit) for unit in QUANTITIES[limit.measure].units}
        self.state: LimitState = CLEAR
        self.value: Decimal | None = None
        self.unit: Unit = limit.unit

    def changes(self, device: str, transitions: Iterable[Transition]) -> Iterator[Change]:
        """Say what a judgement means for the condition."""
        limit = self.limits[self.unit]
        for side, active in transitions:
            condition = Condition(LIMIT_CODES[side], limit.priority, device, limit.measure)
            cause = Cause(self.value, self.unit, limit.bound(side), limit.revision)
            yield Change(condition, active, cause, limit.latching)


class DeviceWatch:
    """Everything that is remembered of one device.

    Args:
        name: the hub's alias.
        cadence: how often it is due.
        limits: all limits of the hub.
        at_ns: monotonic time from which its silence counts.
    """

    def __init__(self, name: str, cadence: Cadence, limits: Sequence[Limit], at_ns: int) -> None:
        self.name = name
        self.patience_ns = cadence.patience_ns()
        self.seen_ns = at_ns
        self.silent = False
        self.dirty = False
        self.troubles: dict[str, set[Code]] = {}
        self.watches: Mapping[Slot, Watch] = {}
        self._by_code: dict[Code, list[Watch]] = {}
        self._well: set[Measurement] = set()
        self._clear = True
        self.set_limits(limits)

    def set_limits(self, limits: Sequence[Limit]) -> list[Change]:
        """Judge by other limits from now on; what is being violated stays so where its bound still exists."""
        mine = {(limit.measure, limit.priority): limit for limit in limits if limit.device is None}
        mine |= {(limit.measure, limit.priority): limit for limit in limits if limit.device == self.name}
        before = self.watches
        self.watches = {slot: Watch(limit) for slot, limit in mine.items() if limit.enabled}
        self._by_code = {}
        for (code, _), watch in self.watches.items():
            self._by_code.setdefault(code, []).append(watch)
        self._well.clear()
        changes: list[Change] = []
        for slot, old in before.items():
            side, new = old.state.side, self.watches.get(slot)
            if side is None:
                continue
            if new is not None and new.limit.bound(side) is not None:
                new.state, new.value, new.unit = old.state, old.value, old.unit
            elif old.state.on:
                changes.extend(old.changes(self.name, [Transition(side, active=False)]))
        self._clear = self._is_clear()
        return changes

    def _is_clear(self) -> bool:
        """Tell whether no limit remembers anything."""
        return all(watch.state is CLEAR for watch in self.watches.values())

    def reading(self, reading: Reading, at_ns: int) -> Sequence[Change]:
        """Judge one live reading; the level of a battery alone ends no silence."""
        if battery_alone(reading.measurements):
            battery: list[Change] = []
            self._note(reading, int(reading.quality), (), battery)
            return battery
        self.seen_ns = at_ns
        calm = self._clear and not (int(reading.quality) & _NOTED or self.troubles or self.silent)
        if calm and self._well.issuperset(reading.measurements):
            return ()
        changes = self._weigh(reading)
        self._clear = self._is_clear()
        if calm and self._clear and not (self.troubles or changes):
            if len(self._well) > _WELL_MAX:
                self._well.clear()
            self._well.update(reading.measurements)
        return changes

    def _weigh(self, reading: Reading) -> list[Change]:
        """Judge a reading with all that it may change."""
        changes: list[Change] = []
        if self.silent:
            self.silent, self.dirty = False, True
            changes.append(Change(technical.condition("no_data", self.name), active=False))
        quality = int(reading.quality)
        usable = not quality & _UNUSABLE
        absent: list[Code] = []
        noted = bool(quality & _NOTED or self.troubles)
        for code, unit, value, why in reading.measurements:
            watches = self._by_code.get(code)
            if watches is None:
                noted = noted or code == BATTERY
            elif usable and value is not None and unit in watches[0].limits and value.is_finite():
                for watch in watches:
                    changes.extend(self._judge(watch, value, unit))
            elif usable and why in _BEYOND:
                for watch in watches:
                    changes.extend(self._judge(watch, _BEYOND[why], watch.limit.unit))
            else:
                absent.append(code)
                self._inhibit(watches)
        if noted or absent:
            self._note(reading, quality, absent, changes)
        return changes

    def _judge(self, watch: Watch, value: Decimal, unit: Unit) -> Iterable[Change]:
        state, transitions = judge(watch.limits[unit], watch.state, value, self.seen_ns)
        if state is not CLEAR:
            watch.value, watch.unit = value if value.is_finite() else None, unit
        if state is not watch.state:
            watch.state, self.dirty = state, True
        return watch.changes(self.name, transitions)

    def _inhibit(self, watches: Iterable[Watch]) -> None:
        for watch in watches:
            state = inhibit(watch.state)
            if state != watch.state:
                watch.state, self.dirty = state, True

    def _note(self, reading: Reading, quality: int, absent: Sequence[Code], changes: list[Change]) -> None:
        """Remember, by measure, why values cannot be judged: another measure's good value says nothing about it.

        Of an episodic reading, as a whole: the measurement that is made again may hold other measures.
        """
        codes = {measurement.code for measurement in reading.measurements}
        whole = reading.cls is ReadingClass.EPISODIC
        places = {_EPISODE} if whole else codes or {_NOWHERE}
        if quality & _UNUSABLE and not codes:
            self._inhibit(self.watches.values())
        hit: dict[str, set[Code]] = {
            "sensor_off": places if quality & _SENSOR_OFF else set(),
            "unusable": places if quality & _UNUSABLE or (whole and absent) else set(absent),
            "low_battery": places if quality & _LOW_BATTERY else set(),
        }
        if quality & _SENSOR_OFF:
            hit["unusable"] = set()  # one trouble, one alarm
        for measurement in reading.measurements:
            if measurement.code == BATTERY and self._battery_low(measurement.value):
                hit["low_battery"] = hit["low_battery"] | {BATTERY}
        heard = places | codes & {BATTERY}
        if not (quality & _UNUSABLE or battery_alone(reading.measurements)):
            heard = heard | {_NOWHERE}
        for name, now in hit.items():
            before = self.troubles.get(name, set())
            after = before - heard | now
            if after == before:
                continue
            self.dirty = True
            if after:
                self.troubles[name] = after
            else:
                del self.troubles[name]
            if not (before and after):
                changes.append(Change(technical.condition(name, self.name), active=bool(after)))

    def _battery_low(self, charge: Decimal | None) -> bool:
        before = BATTERY in self.troubles.get("low_battery", set())
        if charge is None or not charge.is_finite():
            return before
        return charge < BATTERY_LOW or (before and charge < BATTERY_FINE)

    def elapse(self, at_ns: int) -> list[Change]:
        """Let time pass without a reading: delays run out, silence becomes an alarm."""
        changes: list[Change] = []
        for watch in self.watches.values():
            watch.state, transitions = elapse(watch.limit, watch.state, at_ns)
            if transitions:
                self.dirty = True
                changes.extend(watch.changes(self.name, transitions))
        if not self.silent and self.patience_ns is not None and at_ns >= self.seen_ns + self.patience_ns:
            self.silent, self.dirty = True, True
            changes.append(Change(technical.condition("no_data", self.name), active=True))
            for watch in self.watches.values():  # its alarms lapse; what was pending waits for a value
                watch.state = CLEAR if watch.state.on else inhibit(watch.state)
        return changes

    def recall(self, slot: Slot, remembered: LimitState, value: Decimal | None, unit: Unit) -> None:
        """Take up what a limit remembered before a restart, if the limit and its bound are still there."""
        watch = self.watches.get(slot)
        if watch is not None and remembered.side is not None and watch.limit.bound(remembered.side) is not None:
            watch.state, watch.value, watch.unit = remembered, value, unit
            self._clear = False

    def violates(self, condition: Condition) -> bool:
        """Tell whether a limit's condition holds."""
        for (code, priority), watch in self.watches.items():
            side = watch.state.side
            if (code, priority) == (condition.measure, condition.priority) and side is not None:
                return watch.state.on and LIMIT_CODES[side] == condition.code
        return False

    def refutes(self, condition: Condition, reading: Reading) -> bool:
        """Tell whether a live reading shows that a limit's condition does not hold, hysteresis and all."""
        if int(reading.quality) & _UNUSABLE:
            return False
        watch = self.watches.get((condition.measure or _NOWHERE, condition.priority))
        for code, unit, value, _ in reading.measurements:
            if code != condition.measure or value is None or not value.is_finite():
                continue
            if watch is None:
                return True  # nobody limits it any more
            if unit in watch.limits:
                side = next(side for side, name in LIMIT_CODES.items() if name == condition.code)
                _, transitions = judge(watch.limits[unit], LimitState(side, on=True), value, self.seen_ns)
                return Transition(side, active=False) in transitions
        return False

    def next_due(self) -> int | None:
        """Give the monotonic time at which ``elapse`` next has something to do; None: never."""
        violated = [watch for watch in self.watches.values() if watch.state is not CLEAR]
        dues = [due for watch in violated if (due := due_ns(watch.limit, watch.state)) is not None]
        if not self.silent and self.patience_ns is not None:
            dues.append(self.seen_ns + self.patience_ns)
        return min(dues, default=None)
