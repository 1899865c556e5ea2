"""Gaps are data: from when to when nothing came of a device, and why. Pure.

Owns: what is expected of each device that is due at intervals, and the ``gap`` events of ``docs/wire.md``.
Never: reads a clock, alarms (``no_data`` does), or counts a device that is used now and then.

A gap is told when it opens, with no end, and again, whole, when it closes. One that never closes was ended by a gap of
the hub itself, ``hub_off``, which the next start tells: from the last instant that is known of the life before. What
storage shed is told by the outbox.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from hub_agent.errors import StorageError
from hub_agent.model import ClockState, Stamp
from hub_agent.wire import Event

Away = Literal["out_of_range", "unplugged"]
"""How a device that cannot be reached is away: off the air, or off its line."""

Why = Literal["silent", "out_of_range", "unplugged", "parked", "hub_off"]

_MS: Final = 1_000_000


class Expected(NamedTuple):
    """What is expected of a device.

    Attributes:
        patience_s: the silence that is a gap.
        away: what it means when it is not connected.
    """

    patience_s: float
    away: Away


@dataclass(slots=True)
class _Device:
    expected: Expected
    last: Stamp
    connected: bool = False
    parked: bool = False
    open: Why | None = None

    def why(self) -> Why:
        if self.parked:
            return "parked"
        return "silent" if self.connected else self.expected.away


class Gaps:
    """Follows every device that is due at intervals.

    Args:
        devices: what is expected, by alias.
        at: the start; silence counts from here.
    """

    def __init__(self, devices: Mapping[str, Expected], at: Stamp) -> None:
        self.start = at
        """Where the gap of the hub itself ends, so that not an instant is in neither or in both."""
        self._devices = {name: _Device(expected, at) for name, expected in devices.items()}

    def link(self, device: str, *, connected: bool) -> None:
        """Take note of a transition of a device's link."""
        if device in self._devices:
            self._devices[device].connected = connected

    def park(self, device: str) -> None:
        """Take note that nobody tries to reach this device any more."""
        if device in self._devices:
            self._devices[device].parked = True

    def heard(self, device: str, at: Stamp) -> Event | None:
        """Take note of a live reading, of more than a battery; give the gap that it ends."""
        one = self._devices.get(device)
        if one is None:
            return None
        why, since = one.open, one.last
        one.last, one.open = at, None
        if why is None and not _longer(since, at, one.expected.patience_s):
            return None
        return _gap(device, why or one.why(), since, at, at)

    def tick(self, at: Stamp) -> Iterator[Event]:
        """Let time pass; give the gaps that have opened."""
        for name, one in self._devices.items():
            if one.open is None and _longer(one.last, at, one.expected.patience_s):
                one.open = one.why()
                yield _gap(name, one.open, one.last, None, at)


def hub_off(last: Stamp | None, start: Stamp) -> Event | None:
    """Tell the gap between two lives of the hub, of all its devices; None on the very first start."""
    return None if last is None else _gap("", "hub_off", last, start, start)


def _longer(since: Stamp, at: Stamp, patience_s: float) -> bool:
    return at.monotonic_ns - since.monotonic_ns > patience_s * 1e9


def _gap(device: str, why: Why, since: Stamp, until: Stamp | None, at: Stamp) -> Event:
    fields = {
        "device": device,
        "why": why,
        "from": instant(since),
        "to": None if until is None else instant(until),
    }
    return Event("gap", at, fields)


def instant(stamp: Stamp) -> list[Any]:
    """Spell a stamp so that the NOC can date it like any other: of which boot, both clocks, how good."""
    return [stamp.boot, stamp.monotonic_ns // _MS, stamp.wall_ns // _MS, stamp.clock is ClockState.SYNCED]


def to_bytes(stamp: Stamp) -> bytes:
    """Spell a stamp for the hub's own state."""
    return json.dumps(list(stamp)).encode()


def from_bytes(kept: bytes) -> Stamp:
    """Read what :func:`to_bytes` wrote.

    Raises:
        StorageError: it is something else.
    """
    try:
        boot, monotonic_ns, wall_ns, clock = json.loads(kept)
        return Stamp(str(boot), int(monotonic_ns), int(wall_ns), ClockState(clock))
    except (ValueError, TypeError) as error:
        raise StorageError("the kept instant cannot be read", hint="it is of another release") from error
