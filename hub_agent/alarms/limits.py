"""Judges a value against a limit: a pure function of the value, the time and the state before.

Owns: what a limit is, condition delay, hysteresis, inhibition.
Never: reads a clock, keeps state, decides what follows when a limit is crossed.

The words are those of IEC 60601-1-8 (alarm limit, alarm condition delay). A value *equal* to a limit is within it. A
condition is pending while every usable value since its first violation violates too, and starts when that has lasted
``delay_s``; it ends when a value is back inside by the hysteresis. An unusable value holds everything as it is.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

from hub_agent.alarms.units import convert, scale
from hub_agent.errors import ConfigError
from hub_agent.model import Code, Unit


class Priority(IntEnum):
    """How soon somebody must react; the larger, the sooner (IEC 60601-1-8, 6.1.2)."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Side(StrEnum):
    """Which of its two bounds a value has crossed."""

    LOW = "low"
    HIGH = "high"


class LimitKey(NamedTuple):
    """What makes two limits the same one: a new revision of a limit replaces the one with its key."""

    measure: Code
    device: str | None
    priority: Priority


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value of one quantity may be.

    Attributes:
        measure: MDC code.
        unit: UCUM unit of ``low``, ``high`` and ``hysteresis``.
        low: values below it violate; None: no lower bound.
        high: values above it violate; None: no upper bound.
        device: alias of the one device it is for; None: any. A device's own limit replaces the general one of the same
            measure and priority.
        delay_s: how long a violation must last before it is a condition.
        hysteresis: how far back inside a value must come before the condition ends.
        priority: of the condition.
        latching: whether the alarm stays after its condition has ended, until somebody acknowledges.
        enabled: False: kept, not judged.
        revision: of the set of limits that this one came with; 0 is the configuration file's.

    Raises:
        ConfigError: no bound, bounds or hysteresis that contradict each other, or a number that is none.
    """

    measure: Code
    unit: Unit
    low: Decimal | None
    high: Decimal | None
    device: str | None = None
    delay_s: float = 0.0
    hysteresis: Decimal = Decimal(0)
    priority: Priority = Priority.MEDIUM
    latching: bool = False
    enabled: bool = True
    revision: int = 0

    def __post_init__(self) -> None:
        """Refuse what no value could ever be judged by."""
        numbers = [number for number in (self.low, self.high, self.hysteresis) if number is not None]
        if not all(number.is_finite() for number in numbers):
            raise ConfigError("a limit's low, high and hysteresis are plain numbers")
        if self.low is None and self.high is None:
            raise ConfigError("the limit has neither low nor high", hint="give at least one of them")
        if self.hysteresis < 0 or not 0 <= self.delay_s < float("inf"):
            raise ConfigError("hysteresis and delay_s cannot be negative")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ConfigError("low must be below high")
            if self.hysteresis > self.high - self.low:
                raise ConfigError("hysteresis is wider than the room between low and high")

    @property
    def key(self) -> LimitKey:
        """What this limit is known by from revision to revision."""
        return LimitKey(self.measure, self.device, self.priority)

    def bound(self, side: Side) -> Decimal | None:
        """Give the bound on one side."""
        return self.low if side is Side.LOW else self.high

    def in_unit(self, unit: Unit) -> "Limit":
        """Express the same limit in another unit of its quantity.

        Raises:
            ConfigError: the unit does not measure the same thing.
        """
        if unit == self.unit:
            return self
        return replace(
            self,
            unit=unit,
            low=None if self.low is None else convert(self.low, self.unit, unit),
            high=None if self.high is None else convert(self.high, self.unit, unit),
            hysteresis=scale(self.hysteresis, self.unit, unit),
        )


class LimitState(NamedTuple):
    """What one limit remembers of one device.

    Attributes:
        side: the bound that is being violated; None while all is well.
        since_ns: monotonic time of the first violating value.
        on: the condition delay is over: this is an alarm condition.
        inhibited: the last value could not be judged: time alone starts nothing.
    """

    side: Side | None = None
    since_ns: int = 0
    on: bool = False
    inhibited: bool = False


CLEAR: Final = LimitState()
"""Nothing is violated."""


class Transition(NamedTuple):
    """A condition started (``active``) or ended."""

    side: Side
    active: bool


_NONE: Final[tuple[Transition, ...]] = ()


def _violated(limit: Limit, value: Decimal) -> Side | None:
    if limit.low is not None and value < limit.low:
        return Side.LOW
    if limit.high is not None and value > limit.high:
        return Side.HIGH
    return None


def _back_inside(limit: Limit, side: Side, value: Decimal) -> bool:
    if side is Side.LOW:
        return limit.low is None or value >= limit.low + limit.hysteresis
    return limit.high is None or value <= limit.high - limit.hysteresis


def due_ns(limit: Limit, state: LimitState) -> int | None:
    """Tell when a pending violation becomes a condition by itself; None when nothing is pending."""
    if state.side is None or state.on or state.inhibited:
        return None
    return state.since_ns + round(limit.delay_s * 1e9)


def elapse(limit: Limit, state: LimitState, at_ns: int) -> tuple[LimitState, tuple[Transition, ...]]:
    """Let time pass without a value: a pending violation whose delay is over becomes a condition."""
    due = due_ns(limit, state)
    if due is None or at_ns < due or state.side is None:
        return state, _NONE
    return state._replace(on=True), (Transition(state.side, active=True),)


def inhibit(state: LimitState) -> LimitState:
    """Take note of a value that cannot be judged: nothing starts, nothing ends, nothing is forgotten."""
    return state if state.side is None else state._replace(inhibited=True)


def judge(limit: Limit, state: LimitState, value: Decimal, at_ns: int) -> tuple[LimitState, tuple[Transition, ...]]:
    """Judge one live, usable value.

    Args:
        limit: in the unit of the value.
        state: what the same call returned for the value before; ``CLEAR`` at first.
        value: a finite decimal.
        at_ns: monotonic time of the value, not before that of the last one.
    """
    side = _violated(limit, value)
    if state.side is None and side is None:
        return CLEAR, _NONE
    if state.inhibited:
        state = state._replace(inhibited=False)
    ended = _NONE
    if state.side is not None and side is not state.side:
        if state.on:
            if not _back_inside(limit, state.side, value):
                return state, _NONE
            ended = (Transition(state.side, active=False),)
        state = CLEAR
    if side is None:
        return CLEAR, ended
    if state.side is None:
        state = LimitState(side, at_ns)
    after, started = elapse(limit, state, at_ns)
    return after, ended + started
