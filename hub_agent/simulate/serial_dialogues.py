"""Virtual devices for serial lines that speak only when spoken to: a blood-pressure module, a glucose meter.

Owns: their dialogues and their memory.
Never: spells a byte; ``serial_encoders`` does.
"""

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from hub_agent.simulate import serial_encoders as say
from hub_agent.simulate.firmware import Condition, Sent, Wall
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


class _Record(NamedTuple):
    taken: datetime
    glucose: int
    unread: bool = True


class TaiDoc:
    """TD-42xx glucose meter (glucometer-protocols: src/taidoc/td42xx.md): eight bytes asked, eight answered.

    It has a clock that can be read and set, and a memory, newest first. A reading is a stored value, when it is first
    asked for.
    """

    counts = "stored values, when first asked for"
    _MODEL: Final = 0x4272
    _MEMORY: Final = 450

    def __init__(self, source: VitalsSource, began: datetime) -> None:
        self.condition = Condition()
        self._source = source
        self._wall = Wall(began, self.condition)
        self._records: list[_Record] = []
        self._buffer = b""

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Answer each request; one with a wrong sum is not answered."""
        self._buffer += data
        while (start := self._buffer.find(b"\x51")) >= 0 and len(self._buffer) >= start + 8:
            request = self._buffer[start : start + 8]
            if request[6] != 0xA3 or sum(request[:7]) & 0xFF != request[7]:  # noqa: PLR2004 - to the meter
                self._buffer = self._buffer[start + 1 :]
                continue
            self._buffer = self._buffer[start + 8 :]
            yield from self._answer(request[1], request[2:6], at_s)
        self._buffer = self._buffer[-8:]

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Say nothing unasked."""
        del at_s, listening
        return iter(())

    def measure(self, at_s: float) -> None:
        """Use a strip; with no blood on it (``off``) nothing is stored."""
        if not self.condition.off:
            record = _Record(self._wall.at(at_s), round(self._source.vitals(at_s).glucose))
            self._records = [record, *self._records][: self._MEMORY]

    def _answer(self, command: int, message: bytes, at_s: float) -> Iterator[Sent]:
        index = int.from_bytes(message[:2], "little")
        record = self._records[index] if index < len(self._records) else None
        match command:
            case 0x22:
                yield Sent(say.taidoc_answer(command, b""))
            case 0x23:
                yield Sent(say.taidoc_answer(command, say.taidoc_time(self._wall.at(at_s))))
            case 0x24:
                yield Sent(say.taidoc_answer(command, struct.pack("<H", self._MODEL)))
            case 0x25 if record is not None:
                yield Sent(say.taidoc_answer(command, say.taidoc_time(record.taken)))
            case 0x26 if record is not None:
                self._records[index] = record._replace(unread=False)
                yield Sent(say.taidoc_answer(command, struct.pack("<H", record.glucose)), int(record.unread))
            case 0x2B:
                count = len(self._records)
                yield Sent(say.taidoc_answer(command, struct.pack("<HH", count, count or 0xFFFF)))
            case 0x33:
                yield from self._set_clock(message, at_s)
            case 0x52:
                self._records.clear()
                yield Sent(say.taidoc_answer(command, b""))
            case _:
                pass  # the meter does not answer what it does not know

    def _set_clock(self, message: bytes, at_s: float) -> Iterator[Sent]:
        day, minute, hour = struct.unpack("<HBB", message)
        try:
            told = datetime(2000 + (day >> 9), day >> 5 & 0x0F, day & 0x1F, hour, minute)  # noqa: DTZ001 - no zone
        except ValueError:
            return
        self._wall.set(told, at_s)
        yield Sent(say.taidoc_answer(0x33, message))
