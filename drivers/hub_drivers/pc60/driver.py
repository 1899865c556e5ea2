"""The drivers of the PC-60 family: the same frames over the Nordic UART service and over a serial line.

Owns: how values and pleth become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import SERIAL, Action, BleLink, Driver, Emit, Match, SerialLink, Session
from hub_agent.model import Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, perfusion, pleth
from hub_drivers.codec.stream import Deframer, StreamSession
from hub_drivers.pc60 import frame
from hub_drivers.pc60.frame import Param

__all__ = ["BLE", "LINE", "param_reading"]

UART: Final = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
STREAM: Final = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

_PERIOD_S: Final = Decimal("0.02")
_BLOCK: Final = 50


def param_reading(found: Param) -> Reading:
    """Make the reading of a frame of values."""
    quality = Quality.GOOD
    if found.b5 & frame.PROBE_OFF:
        quality |= Quality.SENSOR_OFF
    if found.b5 & frame.SEARCHING:
        quality |= Quality.SEARCHING
    return oximetry(found.spo2, found.pulse_rate, quality, more=(perfusion(found.pi or None, quality),))


class _Frames:
    """Values to readings, and on request a second of pleth."""

    def __init__(self, *, waveform: bool) -> None:
        self._waveform = waveform
        self._samples: list[int] = []

    def __call__(self, data: bytes) -> Iterable[Action]:
        found = frame.decode_frame(data)
        values = frame.decode(found)
        if values is not None:
            yield Emit(param_reading(values))
        if self._waveform:
            self._samples += (sample & 0x7F for sample in frame.decode_wave(found) or ())
            while len(self._samples) >= _BLOCK:
                yield Emit(pleth(self._samples[:_BLOCK], _PERIOD_S))
                del self._samples[:_BLOCK]


def _over(channel: str, options: Mapping[str, Any]) -> Session:
    frames = _Frames(waveform=options.get("waveform") is True)
    return StreamSession(channel, Deframer(frame.measure, frame.LONGEST), frames)


_MEASURES: Final = frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX, PLETH))
_OPTIONS: Final = {"waveform": "true to keep the pleth"}
_QUIRKS: Final = ("Bit 7 of a pleth sample marks a beat and is taken off.",)

BLE: Final = Driver(
    name="pc60-ble",
    title="Viatom/Wellue PC-60FW",
    link=BleLink(notify=(STREAM,), match=Match(names=("PC-60",), services=(UART,)), streams=(STREAM,)),
    measures=_MEASURES,
    session=lambda options: _over(STREAM, options),
    options=_OPTIONS,
    cadence_s=1.0,
    quirks=_QUIRKS,
)
"""Configure it as ``pc60-ble``."""

LINE: Final = Driver(
    name="pc60-serial",
    title="Creative PC-60NW and other PC-60 on a serial line or Bluetooth SPP",
    link=SerialLink(115200),
    measures=_MEASURES,
    session=lambda options: _over(SERIAL, options),
    options=_OPTIONS,
    cadence_s=1.0,
    quirks=(*_QUIRKS, "The speed does not matter over Bluetooth SPP."),
)
"""Configure it as ``pc60-serial``."""
