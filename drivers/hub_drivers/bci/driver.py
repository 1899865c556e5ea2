"""The serial drivers of the BCI format, one for each maker's meaning of the spare bits.

Owns: how frames become readings, one a second. Never: parses bytes; :mod:`hub_drivers.bci.frame` does.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import SERIAL, Action, Driver, Emit, SerialLink, Session
from hub_agent.model import Quality, Reading
from hub_agent.nomenclature import PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.bci import frame
from hub_drivers.bci.frame import Bci
from hub_drivers.codec.oximetry import oximetry, pleth
from hub_drivers.codec.stream import Deframer, StreamSession

__all__ = ["BERRY", "CONTEC", "BciFrames", "berry_quality", "contec_quality"]

_WEAK: Final = 2  # of 8


def _common(found: Bci) -> Quality:
    quality = Quality.SEARCHING if found.searching else Quality.GOOD
    return quality | Quality.WEAK_SIGNAL if 0 < found.signal_strength <= _WEAK else quality


def contec_quality(found: Bci) -> Quality:
    """Read the spare bits as Contec's CMS50D does: finger out, saturation falling, probe error."""
    quality = _common(found)
    if found.b0_bit4:
        quality |= Quality.SENSOR_OFF
    if found.b2_bit4:
        quality |= Quality.SENSOR_FAULT
    return quality


def berry_quality(found: Bci) -> Quality:
    """Read the spare bits as Berry does: no signal, probe unplugged, no finger."""
    quality = _common(found)
    if found.b0_bit5 or found.b2_bit4:
        quality |= Quality.SENSOR_OFF
    if found.b0_bit4:
        quality |= Quality.SEARCHING
    return quality


class BciFrames:
    """Frames to readings: one a second, counted, and on request a second of pleth.

    Args:
        quality: the maker's meaning of the spare bits.
        rate_hz: frames a second.
        waveform: whether to keep the pleth.
    """

    def __init__(self, quality: Callable[[Bci], Quality], rate_hz: int, *, waveform: bool) -> None:
        self._quality = quality
        self._rate_hz = rate_hz
        self._waveform = waveform
        self._period_s = (Decimal(1) / rate_hz).quantize(Decimal("1e-9"))
        self._count = -1
        self._samples: list[int] = []

    def reading(self, found: Bci) -> Reading:
        """Make the reading of one frame."""
        return oximetry(found.spo2, found.pulse_rate, self._quality(found))

    def __call__(self, data: bytes) -> Iterable[Action]:
        """Handle a frame."""
        self._count = (self._count + 1) % self._rate_hz
        if self._waveform:
            self._samples.append(data[1])
            if len(self._samples) == self._rate_hz:
                yield Emit(pleth(self._samples, self._period_s))
                self._samples.clear()
        if self._count == 0:
            yield Emit(self.reading(frame.decode(data)))


def _contec(options: Mapping[str, Any]) -> Session:
    frames = BciFrames(contec_quality, 60, waveform=options.get("waveform") is True)
    return StreamSession(SERIAL, Deframer(frame.measure, frame.SIZE), frames)


def _berry(options: Mapping[str, Any]) -> Session:
    frames = BciFrames(berry_quality, 100, waveform=options.get("waveform") is True)
    return StreamSession(SERIAL, Deframer(frame.measure, frame.SIZE), frames)


_MEASURES: Final = frozenset((SPO2, PULSE_RATE_OXIMETER, PLETH))
_OPTIONS: Final = {"waveform": "true to keep the pleth"}

CONTEC: Final = Driver(
    name="contec-cms50d-serial",
    title="Contec CMS50D and CMS50E with old firmware (5-byte BCI format)",
    link=SerialLink(19200, parity="O"),
    measures=_MEASURES,
    session=_contec,
    options=_OPTIONS,
    cadence_s=1.0,
    quirks=("One frame in 60 is reported, 1 Hz.", "No checksum: only sync bits tell a frame."),
)
"""Configure it as ``contec-cms50d-serial``."""

BERRY: Final = Driver(
    name="berry-serial",
    title="Berry oximeter modules on a serial line (5-byte BCI format)",
    link=SerialLink(115200),
    measures=_MEASURES,
    session=_berry,
    options=_OPTIONS,
    cadence_s=1.0,
    quirks=("One frame in 100 is reported, 1 Hz.", "No checksum: only sync bits tell a frame."),
)
"""Configure it as ``berry-serial``."""
