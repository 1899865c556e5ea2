"""The driver of Contec protocol 7: live values with a keep-alive, and the memory on command.

Owns: the dialogue, and how live and stored payloads become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import (
    SERIAL,
    Action,
    Chunk,
    Driver,
    Emit,
    Moment,
    SerialLink,
    Session,
    Wait,
    Warn,
    Write,
)
from hub_agent.model import DeviceTime, Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.number import hundredths
from hub_drivers.codec.oximetry import oximetry, perfusion, pleth
from hub_drivers.codec.stream import Deframer, Pace, framed
from hub_drivers.contec_v7 import frame
from hub_drivers.contec_v7.frame import Live, Packet, StoredSample

__all__ = ["DRIVER", "ContecSession", "live_reading", "stored_reading"]

_RATE_HZ: Final = 60
_PERIOD_S: Final = Decimal("0.016666667")
_KEEP_ALIVE_S: Final = 5.0
_MEMORY_END_S: Final = 2.0
_WEAK: Final = 2  # of 8


def live_reading(found: Live) -> Reading:
    """Make the reading of a live payload."""
    quality = Quality.GOOD
    if found.searching or found.searching_too_long:
        quality |= Quality.SEARCHING
    if found.probe_error:
        quality |= Quality.SENSOR_FAULT
    if 0 < found.signal_strength <= _WEAK:
        quality |= Quality.WEAK_SIGNAL
    return oximetry(found.spo2, found.pulse_rate, quality, more=(perfusion(found.pi_percent, quality),))


def stored_reading(found: StoredSample, at: datetime | None) -> Reading:
    """Make the reading of a stored second; a segment without a readable start has no time."""
    more = () if found.pi is None else (perfusion(hundredths(found.pi)),)
    quality = Quality.GOOD if at else Quality.CLOCK_NOT_SET
    return oximetry(
        found.spo2,
        found.pulse_rate,
        quality,
        more=more,
        measured=DeviceTime(at) if at else None,
        stored=True,
    )


class ContecSession:
    """Streams live values; on ``read_memory`` reads the stored segment first and then streams again."""

    def __init__(self, *, waveform: bool) -> None:
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._pace = Pace(_RATE_HZ)
        self._waveform = waveform
        self._samples: list[int] = []
        self._kept_alive_s = float("-inf")
        self._reading_memory = False
        self._start_date: Packet | None = None
        self._stored_at: datetime | None = None

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Ask for live values."""
        self._kept_alive_s = moment.monotonic_s
        return (Write(SERIAL, frame.command(frame.START_LIVE)), Wait(_KEEP_ALIVE_S))

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Handle the packets, keep the device awake."""
        yield from framed(chunk, SERIAL, self._deframer, lambda data: self._packet(frame.decode_packet(data)))
        if chunk.channel != SERIAL or self._reading_memory:
            return
        if chunk.moment.monotonic_s - self._kept_alive_s >= _KEEP_ALIVE_S:
            self._kept_alive_s = chunk.moment.monotonic_s
            yield Write(SERIAL, frame.command(frame.KEEP_ALIVE))

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Ask again for live values: memory has ended, or the device was switched off."""
        self._reading_memory = False
        return self.opened(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``read_memory``, ``set_time``."""
        if name == "read_memory":
            self._reading_memory = True
            self._start_date = self._stored_at = None
            yield Write(SERIAL, frame.command(frame.STOP_LIVE))
            yield Write(SERIAL, frame.command(frame.STORED_START_TIME))
            yield Wait(_MEMORY_END_S)
        elif name == "set_time" and moment.local is None:
            yield Warn("hub_clock_not_set")
        elif name == "set_time" and moment.local is not None:
            yield from (Write(SERIAL, data) for data in frame.set_time(moment.local))

    def _packet(self, packet: Packet) -> Iterable[Action]:
        if packet.type == frame.LIVE:
            yield from self._live(frame.decode_live(packet.payload))
        elif packet.type in {frame.STORED, frame.STORED_WITH_PI}:
            for sample in frame.decode_stored(packet):
                yield Emit(stored_reading(sample, self._stored_at))
                self._stored_at = self._stored_at and self._stored_at + timedelta(seconds=1)
        elif packet.type == frame.START_DATE:
            self._start_date = packet
        elif packet.type == frame.START_TIME and self._start_date is not None:
            self._stored_at = frame.decode_start(self._start_date, packet)
            yield Write(SERIAL, frame.command(frame.START_STORED))
        elif packet.type == frame.DISCONNECT and not self._reading_memory:
            yield Write(SERIAL, frame.command(frame.START_LIVE))

    def _live(self, found: Live) -> Iterable[Action]:
        if self._waveform:
            self._samples.append(found.pleth)
            if len(self._samples) == _RATE_HZ:
                yield Emit(pleth(self._samples, _PERIOD_S))
                self._samples.clear()
        if self._pace.due():
            yield Emit(live_reading(found))


def _session(options: Mapping[str, Any]) -> Session:
    return ContecSession(waveform=options.get("waveform") is True)


DRIVER: Final = Driver(
    name="contec-v7",
    title="Contec CMS50D+ (firmware 4.6 on), CMS50E, CMS50F, CMS50FW, CMS50IW",
    link=SerialLink(115200, usb=((0x10C4, 0xEA60),)),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX, PLETH)),
    session=_session,
    commands=frozenset(("read_memory", "set_time")),
    options={"waveform": "true to keep the pleth"},
    cadence_s=1.0,
    quirks=(
        "One packet in 60 is reported, 1 Hz; it stops streaming without a keep-alive every 5 s.",
        "Bit 4 beside the bar graph means that the perfusion index is invalid, not valid.",
        "Stored samples carry no time of their own: it is counted in seconds from the segment's start.",
    ),
)
"""Configure it as ``contec-v7``."""
