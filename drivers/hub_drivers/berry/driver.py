"""The driver of Berry oximeters over BLE, in whichever of its two formats the device sends.

Owns: how frames become readings, one a second. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import Action, BleLink, Driver, Emit, Match, Session
from hub_agent.model import Measurement, Quality, Reading
from hub_agent.nomenclature import BATTERY, PERFUSION_INDEX, PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.bci.driver import BciFrames, berry_quality
from hub_drivers.berry import frame
from hub_drivers.berry.frame import Berry
from hub_drivers.codec.number import whole
from hub_drivers.codec.oximetry import oximetry, perfusion, pleth
from hub_drivers.codec.stream import Deframer, StreamSession

__all__ = ["DRIVER", "berry_reading"]

SERVICE: Final = "49535343-fe7d-4ae5-8fa9-9fafd205e455"
STREAM: Final = "49535343-1e4d-4bd9-ba61-23c647249616"

_LOW_BATTERY: Final = 10
_FULL: Final = 100
_MOST_HZ: Final = 200


def berry_reading(found: Berry) -> Reading:
    """Make the reading of a 20-byte frame, from the averaged values."""
    quality = Quality.GOOD
    if found.sensor_off or found.no_finger:
        quality |= Quality.SENSOR_OFF
    if found.no_pulse:
        quality |= Quality.SEARCHING
    if found.battery <= _LOW_BATTERY:
        quality |= Quality.LOW_BATTERY
    more: tuple[Measurement, ...] = (perfusion(found.pi, quality),)
    if found.battery <= _FULL:
        more += (Measurement(BATTERY, "%", whole(found.battery)),)
    return oximetry(found.spo2, found.pulse_rate, quality, more=more)


class _Frames:
    """Frames of both lengths to readings; how many make a second, the 20-byte ones say themselves."""

    def __init__(self, *, waveform: bool) -> None:
        self._bci = BciFrames(berry_quality, 100, waveform=waveform)
        self._waveform = waveform
        self._count = 0
        self._freq = 0
        self._samples: list[int] = []

    def __call__(self, data: bytes) -> Iterable[Action]:
        if len(data) != frame.SIZE:
            yield from self._bci(data)
            return
        found = frame.decode(data)
        if not isinstance(found, Berry):
            return
        if found.freq != self._freq:
            self._freq = found.freq
            self._count = 0
            self._samples.clear()
        if self._waveform and 1 < found.freq <= _MOST_HZ:
            self._samples.append(found.pleth)
            if len(self._samples) >= found.freq:
                period_s = (Decimal(1) / found.freq).quantize(Decimal("1e-9"))
                yield Emit(pleth(self._samples, period_s))
                self._samples.clear()
        if self._count == 0:
            yield Emit(berry_reading(found))
        self._count = (self._count + 1) % max(1, min(found.freq, _MOST_HZ))


def _session(options: Mapping[str, Any]) -> Session:
    frames = _Frames(waveform=options.get("waveform") is True)
    return StreamSession(STREAM, Deframer(frame.measure, frame.SIZE), frames)


DRIVER: Final = Driver(
    name="berry-ble",
    title="Berry BM1000 (BerryMed) over BLE",
    link=BleLink(notify=(STREAM,), match=Match(names=("BerryMed",), services=(SERVICE,)), streams=(STREAM,)),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX, BATTERY, PLETH)),
    session=_session,
    options={"waveform": "true to keep the pleth"},
    cadence_s=1.0,
    quirks=(
        "Sends 5-byte BCI frames or its own 20-byte frames: both are read, and told apart by their bytes.",
        "BCI frames carry neither battery nor perfusion index.",
    ),
)
"""Configure it as ``berry-ble``."""
