"""Virtual oximeters for serial lines: Nonin, Contec, BCI, Masimo, PC-60.

Owns: their habits: what they send, how often, and what they must be told first.
Never: spells a byte; ``serial_encoders`` does.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from hub_agent.simulate import serial_encoders as say
from hub_agent.simulate.firmware import Beat, Condition, Sensor, Sent, Wall
from hub_agent.simulate.physiology import PlethSource
from hub_agent.simulate.serial_encoders import NoninStatus, Shown

_PULSE: Final = 0.6
"""Above this part of the wave's height a device shows a heart beat."""


class _Oximeter:
    """What all of these are: a sensor, a clock, and faults."""

    counts = "frames"

    def __init__(self, source: PlethSource, began: datetime) -> None:
        self.condition = Condition()
        self._sensor = Sensor(source, self.condition)
        self._wall = Wall(began, self.condition)

    def heard(self, data: bytes, at_s: float) -> Iterable[Sent]:
        """Do not listen."""
        del data, at_s
        return ()

    def measure(self, at_s: float) -> None:
        """Do nothing: it always measures."""
        del at_s


class Nonin(_Oximeter):
    """Xpod, OEM III or 9560: formats 2, 7, 8 and 13, by command.

    A value for display outlasts the finger by ten seconds, with the alarm bit set. In format 13 a spot check is sent
    when it is made, or from memory when the hub comes.

    A reading is: formats 2 and 7, a packet of 25 frames (three a second); format 8, a frame (one a second); where the
    hub asks for it, from the third on, since it has no sum by which to know it; format 13, a spot check.
    """

    counts = "packets (formats 2 and 7, three a second), frames (8, one a second) or spot checks (13)"
    _HOLD_S: Final = 10.0
    _MEMORY: Final = 20

    def __init__(self, source: PlethSource, began: datetime, form: int = 2) -> None:
        super().__init__(source, began)
        self._form = form
        self._frames = Beat(75)
        self._seconds = Beat(1)
        self._frame = 0
        self._packets = 0
        self._floats = bytes(25)
        self._held = Shown(None, None)
        self._held_until_s = 0.0
        self._checks: list[tuple[datetime, Shown, bool]] = []
        self._buffer = b""
        self._commanded = False
        self._doubtful: int | None = 0  # frames of format 8 that do not count yet; None: until somebody asks again

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Obey select-format (70) and set-time (72); ACK what is understood, NAK what is not."""
        self._buffer += data
        while self._buffer:
            start = self._buffer.find(b"\x02")
            if start < 0:
                self._buffer = b""
                return
            self._buffer = self._buffer[start:]
            size = 4 + self._buffer[2] if len(self._buffer) > 2 else 0  # noqa: PLR2004 - STX, command, length
            if not size or len(self._buffer) < size:
                return
            command, self._buffer = self._buffer[:size], self._buffer[size:]
            yield Sent(b"\x06" if self._obey(command, at_s) else b"\x15")

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Send what the chosen format sends."""
        if self._commanded and not listening:
            self._doubtful = None
        if self._form in {2, 7}:
            for instant in self._frames.due(at_s):
                yield self._stream(instant)
        elif self._form == 8:  # noqa: PLR2004 - the format's number
            for instant in self._seconds.due(at_s):
                held = self._display(instant)
                off, low = self.condition.off, self.condition.low_battery
                frame = say.nonin_df8(held, alarm=off, out_of_track=off, low_battery=low)
                yield Sent(frame, int(self._doubtful == 0))
                if self._doubtful:
                    self._doubtful -= 1
        elif listening:
            for taken, shown, stored in self._checks:
                low = self.condition.low_battery
                yield Sent(say.nonin_df13(shown, taken, from_memory=stored, low_battery=low), 1)
            self._checks.clear()
        else:
            self._checks = [(taken, shown, True) for taken, shown, _ in self._checks]

    def measure(self, at_s: float) -> None:
        """Make a spot check; the oldest is forgotten when there are too many."""
        self._checks = [*self._checks, (self._wall.at(at_s), self._sensor.shown(at_s), False)][-self._MEMORY :]

    def _obey(self, command: bytes, at_s: float) -> bool:
        code, data, end = command[1], command[3:-1], command[-1]
        if end != 0x03:  # noqa: PLR2004 - ETX
            return False
        if code == 0x70 and len(data) == 2 and data[0] == 0x02 and data[1] in {2, 7, 8, 13}:  # noqa: PLR2004
            self._form, self._frame = data[1], 0
            self._commanded, self._doubtful = True, 2
            return True
        if code == 0x72 and len(data) == 6:  # noqa: PLR2004 - year, month, day, hour, minute, second
            try:
                told = datetime(2000 + data[0], *data[1:])  # noqa: DTZ001 - the device knows no zone
            except ValueError:
                return False
            self._wall.set(told, at_s)
            return True
        return False

    def _stream(self, at_s: float) -> Sent:
        live, held = self._sensor.shown(at_s), self._display(at_s)
        if self._frame == 0:
            self._packets += 1
            low = self.condition.low_battery
            self._floats = say.nonin_floats(live, held, self._packets & 0x3FFF, low_battery=low)
        beat = self._sensor.wave(at_s, 100) > 100 * _PULSE
        weak = live.perfusion is not None and live.perfusion < 1.0
        off = self.condition.off
        status = NoninStatus(self._frame == 0, green=beat, red=beat and weak, alarm=off, out_of_track=off)
        float_byte = self._floats[self._frame]
        if self._form == 2:  # noqa: PLR2004 - the format's number
            data = say.nonin_df2_frame(status, self._sensor.wave(at_s, 255), float_byte)
        else:
            data = say.nonin_df7_frame(status, self._sensor.wave(at_s, 65_535), float_byte)
        self._frame = (self._frame + 1) % 25
        return Sent(data, 1 if self._frame == 0 else 0)

    def _display(self, at_s: float) -> Shown:
        live = self._sensor.shown(at_s)
        if live.spo2 is not None:
            self._held, self._held_until_s = live, at_s + self._HOLD_S
        elif at_s >= self._held_until_s:
            self._held = live
        return self._held


class Bci5(_Oximeter):
    """CMS50D of the first generation, and whatever speaks BCI: 60 frames a second, unasked."""

    counts = "frames (60 a second)"

    def __init__(self, source: PlethSource, began: datetime, rate_hz: float = 60) -> None:
        super().__init__(source, began)
        self._frames = Beat(rate_hz)

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Send the frames of the time gone by."""
        del listening
        for instant in self._frames.due(at_s):
            shown, wave = self._sensor.shown(instant), self._sensor.wave(instant, 100)
            searching = shown.spo2 is None
            strength, beep = 0 if searching else 8, wave > 100 * _PULSE
            bar = wave * 15 // 100
            data = say.bci5(shown, strength=strength, pleth=wave, bar=bar, beep=beep, searching=searching)
            yield Sent(data, 1)


class ContecV7(_Oximeter):
    """CMS50D+, E, F, FW of the second generation: silent until told A1, and again without AF for ten seconds.

    The keep-alive's patience is our assumption; programs that work send it every five seconds.
    """

    counts = "live frames (60 a second)"
    _PATIENCE_S: Final = 10.0

    def __init__(self, source: PlethSource, began: datetime) -> None:
        super().__init__(source, began)
        self._frames = Beat(60)
        self._live_until_s = 0.0
        self._buffer = b""

    def heard(self, data: bytes, at_s: float) -> Iterator[Sent]:
        """Obey A1 (live), A2 (stop) and AF (keep alive); tell B1 and B2 (date, time) that they are done."""
        self._buffer += data
        while (start := self._buffer.find(b"\x7d\x81")) >= 0 and len(self._buffer) >= start + 9:
            command, self._buffer = self._buffer[start + 2] & 0x7F, self._buffer[start + 9 :]
            alive = at_s < self._live_until_s
            if command == 0x21 or (command == 0x2F and alive):  # noqa: PLR2004 - A1, AF less the sync bit
                self._live_until_s = at_s + self._PATIENCE_S
            elif command == 0x22:  # noqa: PLR2004 - A2
                self._live_until_s = 0.0
            elif command in {0x31, 0x32}:
                yield Sent(say.contec_v7(0x0B, bytes((0x80 | command, 0))))
        self._buffer = self._buffer[-9:]

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Send the frames of the time gone by, while anyone wants them."""
        if not listening:
            self._live_until_s = 0.0
        for instant in self._frames.due(at_s):
            if instant >= self._live_until_s:
                continue
            shown, wave = self._sensor.shown(instant), self._sensor.wave(instant, 100)
            strength, bar = 0 if shown.spo2 is None else 8, wave * 15 // 100
            off, beep = self.condition.off, wave > 100 * _PULSE
            yield Sent(say.contec_live(shown, strength=strength, pleth=wave, bar=bar, beep=beep, probe_off=off), 1)


class Masimo(_Oximeter):
    """Rad-8 or Radical-7 set to ASCII 1: a line a second."""

    counts = "lines (one a second)"
    _SENSOR_OFF: Final = 0x20

    def __init__(self, source: PlethSource, began: datetime) -> None:
        super().__init__(source, began)
        self._lines = Beat(1)

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Send the lines of the time gone by."""
        del listening
        for instant in self._lines.due(at_s):
            exceptions = self._SENSOR_OFF if self.condition.off else 0
            shown = self._sensor.shown(instant)
            yield Sent(say.masimo_line(shown, self._wall.at(instant), exceptions=exceptions), 1)


class Pc60(_Oximeter):
    """PC-60 on a serial line: values each second, five samples of the wave ten times a second."""

    counts = "value frames (one a second)"

    def __init__(self, source: PlethSource, began: datetime) -> None:
        super().__init__(source, began)
        self._waves = Beat(10)

    def due(self, at_s: float, *, listening: bool) -> Iterator[Sent]:
        """Send the waves and values of the time gone by; values are zeroes while there are none, as in the original."""
        del listening
        for instant in self._waves.due(at_s):
            samples = [self._sensor.wave(instant + step / 50, 127) for step in range(5)]
            yield Sent(say.pc60_frame(0x02, samples))
            if round(instant * 10) % 10 == 0:
                yield Sent(say.pc60_values(self._sensor.shown(instant)), 1)
