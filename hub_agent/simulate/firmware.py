"""What is inside a virtual serial device: the part that has a protocol, and no cable.

Owns: the contract between a device's firmware and its cable, and what firmwares share.
Never: does I/O or waits; time is an argument, bytes are returned.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from hub_agent.simulate.physiology import PlethSource
from hub_agent.simulate.serial_encoders import Shown
from hub_agent.simulate.vitals import Vitals


class Sent(NamedTuple):
    """A frame, and how many readings are whole once it has gone over."""

    data: bytes
    readings: int = 0


@dataclass
class Condition:
    """What is the matter with the device.

    Attributes:
        off: its sensor is on nobody.
        low_battery: it says so.
        clock_offset_s: its clock is so far ahead of the scene's.
    """

    off: bool = False
    low_battery: bool = False
    clock_offset_s: float = 0.0


class Firmware(Protocol):
    """A device without its cable."""

    condition: Condition
    counts: str
    """What one of its readings is."""

    def heard(self, data: bytes, at_s: float) -> Iterable[Sent]:
        """Answer what the hub wrote."""
        ...

    def due(self, at_s: float, *, listening: bool) -> Iterable[Sent]:
        """Say what is to be said of one's own accord by now; asked some twenty times a second."""
        ...

    def measure(self, at_s: float) -> None:
        """Let somebody use it now; a device that always measures does nothing."""
        ...


class Beat:
    """Something that happens so many times a second, counted off against the scene's time."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._done = 0

    def due(self, at_s: float) -> Iterator[float]:
        """Give the instants that have come since the last call; what is more than a second late is left out."""
        until = int(at_s * self._rate_hz + 1e-9)
        first = max(self._done, until - int(self._rate_hz))
        self._done = until
        for number in range(first + 1, until + 1):
            yield number / self._rate_hz


class Wall:
    """The device's own clock, with no idea of a time zone.

    Args:
        began: what an honest clock said when the scene began.
        condition: how wrong it is.
    """

    def __init__(self, began: datetime, condition: Condition) -> None:
        self._began = began
        self._condition = condition

    def at(self, at_s: float) -> datetime:
        """Read it."""
        return self._began + timedelta(seconds=at_s + self._condition.clock_offset_s)

    def set(self, told: datetime, at_s: float) -> None:
        """Set it."""
        self._condition.clock_offset_s = (told - self._began).total_seconds() - at_s


class Sensor:
    """An oximeter's eye on a patient: what its display shows, and the pulse wave.

    The values are new three times a second, the wave whenever it is looked at.

    Args:
        source: the patient.
        condition: whether there is a finger in it.
    """

    _NEW_HZ: Final = 3

    def __init__(self, source: PlethSource, condition: Condition) -> None:
        self._source = source
        self._condition = condition
        self._turn = -1
        self._shown = Shown(None, None)

    def shown(self, at_s: float) -> Shown:
        """Give the values as a display rounds them."""
        if self._condition.off:
            return Shown(None, None)
        turn = int(at_s * self._NEW_HZ + 1e-9)
        if turn != self._turn:
            self._turn, self._shown = turn, display(self._source.vitals(turn / self._NEW_HZ))
        return self._shown

    def wave(self, at_s: float, largest: int) -> int:
        """Give the pulse wave, 0 to ``largest``; flat without a finger."""
        return 0 if self._condition.off else round(self._source.pleth(at_s) * largest)


def display(vitals: Vitals) -> Shown:
    """Round as an oximeter does."""
    return Shown(min(100, round(vitals.spo2)), round(vitals.pulse), round(vitals.perfusion, 2))
