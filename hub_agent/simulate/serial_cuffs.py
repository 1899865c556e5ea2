"""Virtual blood-pressure devices for serial lines.

Owns: their dialogues, and how long a measurement takes.
Never: spells a byte; ``serial_encoders`` does.
"""

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hub_agent.simulate import serial_encoders as say
from hub_agent.simulate.firmware import Condition, Sent
from hub_agent.simulate.vitals import Vitals, VitalsSource


class SunTech:
    """Advantage blood-pressure module (com.ak suntech NIBPRequest.java; VX_DATA CmdNibpReply.java).

    Told 20 it answers O (accepted), pumps, lets air out, and says K (done); 79 03 then gives the result, 79 05 the
    cuff's pressure at any time, 79 01 stops it (A). Told to start while it is busy, it says B; what it does not know is
    N. With the sensor off (a loose cuff) the result is zeroes and error 1 (weak signal).

    A reading is a result, when it is first asked for.
    """

    counts = "results, when first asked for"
    _PUMP_MMHG_S: Final = 20.0
    _RELEASE_MMHG_S: Final = 4.0
    _TARGET_MMHG: Final = 160.0
    _END_MMHG: Final = 50.0

    def __init__(self, source: VitalsSource, began: datetime) -> None:
        del began  # it has no clock
        self.condition = Condition()
        self._source = source
        self._started_s: float | None = None
        self._result: bytes | None = None
        self._fresh = 0
        self._buffer = b""

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Answer each command."""
        self._buffer += data
        while (start := self._buffer.find(b"\x3a")) >= 0:
            self._buffer = self._buffer[start:]
            size = self._size()
            if size is None or len(self._buffer) < size:
                return
            command, self._buffer = self._buffer[1 : size - 1], self._buffer[size:]
            yield self._answer(command, at_s)
        self._buffer = b""

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Say K when a measurement is done."""
        del listening
        if self._started_s is not None and at_s >= self._started_s + self._lasts_s():
            self._started_s = None
            self._result, self._fresh = self._measured(self._source.vitals(at_s)), 1
            yield Sent(say.suntech_packet(b"K"))

    def measure(self, at_s: float) -> None:
        """Do nothing: only the hub can start it."""
        del at_s

    def _size(self) -> int | None:
        """Give the size of the command that begins here: the first prefix whose sum is zero."""
        for size in range(3, min(len(self._buffer), 8) + 1):
            if not sum(self._buffer[:size]) & 0xFF:
                return size
        return 8 if len(self._buffer) >= 8 else None  # noqa: PLR2004 - no command is longer

    def _answer(self, command: bytes, at_s: float) -> Sent:
        busy, readings = self._started_s is not None, 0
        match command:
            case b"\x20" if not busy:
                self._started_s, self._result, self._fresh = at_s, None, 0
                packet = say.suntech_packet(b"O")
            case b"\x79\x01\x00":
                self._started_s = None
                packet = say.suntech_packet(b"A")
            case b"\x79\x05\x00":
                packet = say.suntech_packet(struct.pack("<H", round(self._cuff_mmhg(at_s))))
            case b"\x79\x03\x00" if self._result is not None:
                packet, readings, self._fresh = self._result, self._fresh, 0
            case b"\x20" | b"\x79\x03\x00" if busy:
                packet = say.suntech_packet(b"B")
            case _:
                packet = say.suntech_packet(b"N")
        return Sent(packet, readings)

    def _lasts_s(self) -> float:
        return self._TARGET_MMHG / self._PUMP_MMHG_S + (self._TARGET_MMHG - self._END_MMHG) / self._RELEASE_MMHG_S

    def _cuff_mmhg(self, at_s: float) -> float:
        if self._started_s is None:
            return 0.0
        since_s = at_s - self._started_s
        top_s = self._TARGET_MMHG / self._PUMP_MMHG_S
        return min(since_s * self._PUMP_MMHG_S, self._TARGET_MMHG - max(0.0, since_s - top_s) * self._RELEASE_MMHG_S)

    def _measured(self, vitals: Vitals) -> bytes:
        if self.condition.off:
            return say.suntech_result((0, 0, 0), 0, 0, error=1)
        pressures = (round(vitals.systolic), round(vitals.diastolic), round(vitals.mean))
        return say.suntech_result(pressures, round(vitals.pulse), beats=round(vitals.pulse / 3))


class Ua767:
    """A&D UA-767PC: asleep until told CPC05, which it does not answer; awake, it answers, and tells each measurement.

    CPC10 starts a measurement, as the button does. It sleeps again after two minutes without either (our assumption).
    With the sensor off (a loose cuff) the result is an error.

    A reading is a result.
    """

    counts = "results"
    _LASTS_S: Final = 30.0
    _AWAKE_S: Final = 120.0

    def __init__(self, source: VitalsSource, began: datetime) -> None:
        del began  # it has no clock
        self.condition = Condition()
        self._source = source
        self._awake_until_s = float("-inf")
        self._open = False
        self._ready_s: float | None = None
        self._buffer = b""

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Wake, or answer each command: 02, five letters, their sum."""
        self._buffer += data
        while (start := self._buffer.find(b"\x02")) >= 0 and len(self._buffer) >= start + 7:
            command, self._buffer = self._buffer[start + 1 : start + 7], self._buffer[start + 7 :]
            asleep = at_s >= self._awake_until_s
            self._awake_until_s = at_s + self._AWAKE_S
            if asleep:
                self._open = False
                continue
            well = sum(command[:5]) & 0xFF == command[5] and command[:5] in {b"CPC05", b"CPC10"}
            self._open = self._open or (well and command[:5] == b"CPC05")
            if well and command[:5] == b"CPC10":
                self.measure(at_s)
            yield Sent(say.ua767_answer(well=well))
        self._buffer = self._buffer[-7:]

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Tell a measurement when it is done, if the line was opened."""
        del listening
        if self._ready_s is None or at_s < self._ready_s:
            return
        self._ready_s = None
        if not self._open:
            return
        if self.condition.off:
            yield Sent(say.ua767_result((0, 0, 0), 0, code=0x81), 1)
            return
        vitals = self._source.vitals(at_s)
        pressures = (round(vitals.systolic), round(vitals.diastolic), round(vitals.mean))
        yield Sent(say.ua767_result(pressures, round(vitals.pulse)), 1)

    def measure(self, at_s: float) -> None:
        """Press the button: it pumps, and stays awake until it is done."""
        self._ready_s = at_s + self._LASTS_S
        self._awake_until_s = max(self._awake_until_s, self._ready_s + self._AWAKE_S)
