"""The Nonin serial driver: asks for a data format, then reads it.

Owns: how packets, frames and spot checks become readings, and the short dialogue that selects a format.
Never: parses bytes; the family's codecs do.

Formats 2 and 7 bring three packets a second. Their values are averages over four beats or more, so one packet in three
is reported, 1 Hz like all oximeters here; with ``waveform`` every pleth sample is kept. The values without "-D" are
used, because those for display hold for 10 s after the finger is gone.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent.driver import (
    SERIAL,
    Action,
    Chunk,
    DecodeError,
    Driver,
    Emit,
    Moment,
    Rejected,
    SerialLink,
    Wait,
    Warn,
    Write,
)
from hub_agent.errors import ConfigError
from hub_agent.model import DeviceTime, Quality, Reading, ReadingClass
from hub_agent.nomenclature import PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, pleth
from hub_drivers.codec.stream import Deframer, Measure, Pace
from hub_drivers.nonin_serial import packet, summary
from hub_drivers.nonin_serial.packet import Packet
from hub_drivers.nonin_serial.summary import Live, Spot

__all__ = ["DRIVER", "live_reading", "packet_reading", "spot_reading"]

_PACKETS_A_SECOND: Final = 3
_PERIOD_S: Final = Decimal("0.013333333")  # 75 samples a second
_ANSWER_S: Final = 2.0
_SILENCE_S: Final = 10.0
_ASKED_BEFORE_WARNING: Final = 3
_NOISE_BEFORE_ASKING: Final = 4
_UNSUMMED: Final = frozenset((1, 8))
_RUN: Final = 2
"""Formats 1 and 8 have no checksum, and pieces of formats 2 and 7 look like their frames: there noise separates any
three that are not. So there a frame counts after two in a row, or after the device's answer."""


def _quality(status: int, *, low_battery: bool) -> Quality:
    """Translate the status bits of formats 2 and 7."""
    quality = Quality.LOW_BATTERY if low_battery else Quality.GOOD
    if status & (packet.ALARM | packet.DISCONNECTED):
        quality |= Quality.SENSOR_OFF
    if status & packet.OUT_OF_TRACK:
        quality |= Quality.QUESTIONABLE
    if status & packet.ARTEFACT:
        quality |= Quality.ARTEFACT
    if status & packet.RED:
        quality |= Quality.WEAK_SIGNAL if status & packet.GREEN else Quality.LOW_PERFUSION
    return quality


def packet_reading(found: Packet) -> Reading:
    """Make the reading of a packet of format 2 or 7."""
    return oximetry(found.spo2, found.hr, _quality(found.status, low_battery=bool(found.stat2 & 0x01)))


def live_reading(found: Live) -> Reading:
    """Make the reading of a frame of format 8 or 1; the alarm says that its held values are of the past."""
    quality = Quality.LOW_BATTERY if found.low_battery else Quality.GOOD
    for said, flag in (
        (found.sensor_alarm, Quality.SENSOR_OFF),
        (found.out_of_track, Quality.QUESTIONABLE),
        (found.artifact, Quality.ARTEFACT),
        (found.low_perfusion, Quality.LOW_PERFUSION),
        (found.marginal_perfusion, Quality.WEAK_SIGNAL),
    ):
        if said:
            quality |= flag
    return oximetry(found.spo2_d, found.hr_d, quality)


def spot_reading(found: Spot) -> Reading:
    """Make the reading of a spot check of format 13."""
    quality = Quality.LOW_BATTERY if found.low_battery else Quality.GOOD
    if found.no_measurement:
        quality |= Quality.INVALID
    if found.timestamp is None:
        quality |= Quality.CLOCK_NOT_SET
    return oximetry(
        found.spo2,
        found.hr,
        quality,
        cls=ReadingClass.EPISODIC,
        measured=DeviceTime(found.timestamp) if found.timestamp else None,
        stored=found.from_memory,
    )


class _Packets:
    """Packets to readings: one in three, and on request the pleth of all three."""

    def __init__(self, decode: Callable[[bytes], Packet], *, waveform: bool) -> None:
        self._decode = decode
        self._pace = Pace(_PACKETS_A_SECOND)
        self._waveform = waveform
        self._samples: list[int] = []

    def __call__(self, data: bytes) -> Iterable[Action]:
        found = self._decode(data)
        if self._waveform:
            self._samples += found.pleth
            if len(self._samples) >= _PACKETS_A_SECOND * packet.FRAMES:
                yield Emit(pleth(self._samples, _PERIOD_S))
                self._samples.clear()
        if self._pace.due():
            yield Emit(packet_reading(found))


class _Format(NamedTuple):
    measure: Measure
    longest: int
    handler: Callable[[bool], Callable[[bytes], Iterable[Action]]]


_FORMATS: Final[Mapping[int, _Format]] = {
    1: _Format(summary.measure_df1, 3, lambda _waveform: lambda data: (Emit(live_reading(summary.decode_df1(data))),)),
    2: _Format(
        packet.measure_packet2,
        packet.PACKET_SIZE,
        lambda waveform: _Packets(packet.decode_packet2, waveform=waveform),
    ),
    7: _Format(
        packet.measure_packet7,
        packet.PACKET_SIZE,
        lambda waveform: _Packets(packet.decode_packet7, waveform=waveform),
    ),
    8: _Format(summary.measure_df8, 4, lambda _waveform: lambda data: (Emit(live_reading(summary.decode_df8(data))),)),
    13: _Format(
        summary.measure_df13,
        summary.LONGEST_SPOT,
        lambda _waveform: lambda data: (Emit(spot_reading(summary.decode_df13(data))),),
    ),
}


class NoninSession:
    """Selects the format, sets the clock for spot checks, reads; asks again when the line is silent or all noise.

    Fixed-format sensors answer NAK or nothing: that is reported once, and what they send is read all the same.
    """

    def __init__(self, number: int, *, waveform: bool) -> None:
        chosen = _FORMATS[number]
        self._number = number
        self._handle = chosen.handler(waveform)
        self._deframer = Deframer(chosen.measure, chosen.longest, bytes((summary.ACK, summary.NAK)))
        self._answered = False
        self._refused = False
        self._asked = 0
        self._noisy = 0
        self._proof = _RUN if number in _UNSUMMED else 0
        self._run = 0

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Select the format."""
        return self._ask(moment)

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Read packets, frames or spot checks, and answers between them."""
        if chunk.channel != SERIAL:
            yield Rejected("channel", chunk.data)
            return
        for kind, data in self._deframer.feed(chunk.data):
            if kind == "frame":
                yield from self._frame(data)
            elif kind == "answer":
                self._run = self._proof
                yield from self._answer(data[0])
            else:
                self._run = 0
            if kind == "noise":
                yield Rejected("no frame", data)
                yield from self._noise()

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Ask again: it may have been switched off, and then speaks its default format.

        A spot-check device that has answered is silent until the next check.
        """
        if self._answered and self._number == 13:
            return
        if not self._answered and self._asked == _ASKED_BEFORE_WARNING:
            yield Warn("no_answer")
        yield from self._ask(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``set_time``: set the device's clock, if the hub's own is good."""
        if name == "set_time":
            yield Warn("hub_clock_not_set") if moment.local is None else Write(SERIAL, summary.set_time(moment.local))

    def _ask(self, moment: Moment) -> Iterable[Action]:
        self._asked += self._asked <= _ASKED_BEFORE_WARNING
        yield Write(SERIAL, summary.select_format(self._number))
        if self._number == 13 and moment.local is not None:
            yield Write(SERIAL, summary.set_time(moment.local))
        yield Wait(_ANSWER_S if self._asked <= _ASKED_BEFORE_WARNING else _SILENCE_S)

    def _frame(self, data: bytes) -> Iterable[Action]:
        if self._run < self._proof:
            self._run += 1
            yield Rejected("format not certain yet", data)
            return
        self._answered = True
        self._noisy = 0
        try:
            yield from self._handle(data)
        except DecodeError as error:
            yield Rejected(str(error), data)

    def _answer(self, byte: int) -> Iterable[Action]:
        self._answered = True
        if byte == summary.NAK and not self._refused:
            self._refused = True
            yield Warn("format_refused")

    def _noise(self) -> Iterable[Action]:
        """Ask again when nothing but noise comes: another format may be on."""
        self._noisy += 1
        if self._noisy == _NOISE_BEFORE_ASKING:
            self._noisy = 0
            yield Write(SERIAL, summary.select_format(self._number))


def _session(options: Mapping[str, Any]) -> NoninSession:
    number = options.get("format", 2)
    if isinstance(number, bool) or number not in _FORMATS:
        raise ConfigError("option 'format' of nonin-serial", hint=f"one of {', '.join(map(str, _FORMATS))}")
    return NoninSession(number, waveform=options.get("waveform") is True)


DRIVER: Final = Driver(
    name="nonin-serial",
    title="Nonin Xpod, OEM III, 9560 and 3150 oximeters (data formats 1, 2, 7, 8, 13)",
    link=SerialLink(9600),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PLETH)),
    session=_session,
    commands=frozenset(("set_time",)),
    options={
        "format": "data format to select: 2 (default) or 7 with pleth, 8 or 1 once a second, 13 spot checks",
        "waveform": "true to keep the pleth of formats 2 and 7",
    },
    cadence_s=1.0,
    quirks=(
        "Values for display hold for 10 s after the finger is gone; the sensor alarm makes them absent at once.",
        "One packet in three is reported, 1 Hz.",
        "Formats 1 and 8 have no checksum: after noise, or where no answer came, two frames are left out.",
        "Some Xpods have one fixed format: the option must name it; they answer NAK or nothing.",
        "Status bit 6 is taken as an unplugged sensor (OEM III); the 9560 reserves it.",
    ),
)
"""Configure it as ``nonin-serial``."""
