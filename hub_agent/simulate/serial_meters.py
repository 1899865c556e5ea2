"""Virtual glucose meters for serial lines: they speak only when spoken to.

Owns: their dialogues, their clock and their memory.
Never: spells a byte; ``serial_encoders`` does.
"""

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hub_agent.simulate import serial_encoders as say
from hub_agent.simulate.firmware import Condition, Sent, Wall
from hub_agent.simulate.vitals import VitalsSource

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a meter knows no zone


class _Record(NamedTuple):
    taken: datetime
    glucose: int
    unread: bool = True


class _Meter:
    """What all of these are: a clock, a memory, newest first, and silence until asked.

    A reading is a stored value, when it is first asked for.
    """

    counts = "stored values, when first asked for"
    _MEMORY: int

    def __init__(self, source: VitalsSource, began: datetime) -> None:
        self.condition = Condition()
        self._source = source
        self._wall = Wall(began, self.condition)
        self._records: list[_Record] = []
        self._buffer = b""

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Say nothing unasked."""
        del at_s, listening
        return iter(())

    def measure(self, at_s: float) -> None:
        """Use a strip; with no blood on it (``off``) nothing is stored."""
        if not self.condition.off:
            record = _Record(self._wall.at(at_s), round(self._source.vitals(at_s).glucose))
            self._records = [record, *self._records][: self._MEMORY]


class TaiDoc(_Meter):
    """TD-42xx glucose meter (glucometer-protocols: src/taidoc/td42xx.md): eight bytes asked, eight answered.

    Its clock can be read and set.
    """

    _MODEL: Final = 0x4272
    _MEMORY = 450

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


class UltraEasy(_Meter):
    """OneTouch Ultra Easy (glucometerutils: drivers/otultraeasy.py): every packet is acknowledged, with counters.

    Link control: bit 0 the sender's own packet counter, bit 1 the one it expects, bit 2 acknowledge, bit 3 disconnect.
    A disconnect resets both counters and is answered in kind. A request is acknowledged, then answered.
    """

    _MEMORY = 500

    def __init__(self, source: VitalsSource, began: datetime) -> None:
        super().__init__(source, began)
        self._counter = 0

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Acknowledge and answer each whole packet; one with a wrong CRC is not there."""
        self._buffer += data
        while (start := self._buffer.find(b"\x02")) >= 0:
            self._buffer = self._buffer[start:]
            size = max(6, self._buffer[1]) if len(self._buffer) > 1 else 0
            if not size or len(self._buffer) < size:
                return
            packet, message = self._buffer[:size], self._buffer[3 : size - 3]
            if packet != say.lifescan_frame(packet[2], message):
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[size:]
            yield from self._packet(packet[2], message, at_s)

    def _packet(self, link: int, message: bytes, at_s: float) -> Iterator[Sent]:
        if link & 0x08:
            self._counter = 0
            yield Sent(say.lifescan_frame(0x0C, b""))
        elif link & 0x04:
            self._counter ^= 1  # the answer has arrived
        else:
            expected = ~link & 0x01
            yield Sent(say.lifescan_frame(0x04 | expected << 1 | self._counter, b""))
            answer, readings = self._answer(message, at_s)
            yield Sent(say.lifescan_frame(expected << 1 | self._counter, answer), readings)

    def _answer(self, message: bytes, at_s: float) -> tuple[bytes, int]:
        """Give the answer's message and how many readings it holds; 05 06 is success, 05 09 is not."""
        match message[:3]:
            case b"\x05\x0d\x02":
                return b"\x05\x06\x11P02.00.0025/05/07", 0
            case b"\x05\x20\x02":
                return b"\x05\x06" + self._stamp(self._wall.at(at_s)), 0
            case b"\x05\x20\x01" if len(message) == 7:  # noqa: PLR2004 - command and four bytes of time
                told = _EPOCH + timedelta(seconds=int.from_bytes(message[3:], "little"))
                self._wall.set(told, at_s)
                return b"\x05\x06" + message[3:], 0
            case head if head[:2] == b"\x05\x1f" and len(message) == 4:  # noqa: PLR2004 - command and record number
                return self._record(int.from_bytes(message[2:], "little"))
            case b"\x05\x1a":
                self._records.clear()
                return b"\x05\x06", 0
            case _:
                return b"\x05\x09", 0

    def _record(self, index: int) -> tuple[bytes, int]:
        if index > self._MEMORY:  # 501 asks for the count
            return b"\x05\x0f" + struct.pack("<H", len(self._records)), 0
        if index >= len(self._records):
            return b"\x05\x09", 0
        record = self._records[index]
        self._records[index] = record._replace(unread=False)
        return b"\x05\x06" + self._stamp(record.taken) + struct.pack("<I", record.glucose), int(record.unread)

    def _stamp(self, at: datetime) -> bytes:
        return struct.pack("<I", int((at - _EPOCH).total_seconds()))
