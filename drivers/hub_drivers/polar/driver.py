"""The driver of the Polar H10: heart rate and RR intervals, and ECG as a waveform.

Owns: how values become readings, and the start of ECG. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hub_agent.driver import (
    Action,
    BleLink,
    Chunk,
    DecodeError,
    Driver,
    Emit,
    Match,
    Moment,
    Rejected,
    Session,
    Warn,
    Write,
)
from hub_agent.model import DeviceTime, Reading, ReadingClass, Samples
from hub_agent.nomenclature import ECG
from hub_drivers.heart_rate.frame import decode as decode_heart_rate
from hub_drivers.heart_rate.reading import MEASUREMENT as HEART_RATE_MEASUREMENT
from hub_drivers.heart_rate.reading import MEASURES as HEART_RATE_MEASURES
from hub_drivers.heart_rate.reading import reading as heart_rate
from hub_drivers.polar import frame
from hub_drivers.polar.frame import Ecg

__all__ = ["DRIVER", "PolarSession", "ecg_reading"]

CONTROL: Final = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA: Final = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

_PERIOD_S: Final = Decimal("0.007692308")  # 130 samples a second
_MICROVOLT: Final = Decimal(1)
_EPOCH: Final = datetime(2000, 1, 1)
_LATEST_NS: Final = 10**18 * 3  # within the century, whatever the bytes say


def ecg_reading(found: Ecg) -> Reading:
    """Make the waveform reading of a frame; the strap's time is that of its last sample."""
    measured = None
    if 0 < found.timestamp_ns <= _LATEST_NS:
        measured = DeviceTime(_EPOCH + timedelta(microseconds=found.timestamp_ns // 1000))
    samples = (Samples(ECG, "uV", _PERIOD_S, _MICROVOLT, found.uv),)
    return Reading(ReadingClass.WAVEFORM, (), measured=measured, samples=samples)


class PolarSession:
    """Listens to the heart rate, and starts ECG unless told not to."""

    def __init__(self, *, ecg: bool) -> None:
        self._ecg = ecg

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Start ECG."""
        del moment
        return (Write(CONTROL, frame.START_ECG),) if self._ecg else ()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Decode by characteristic."""
        try:
            return self._decoded(chunk)
        except DecodeError as error:
            return (Rejected(str(error), chunk.data),)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Silence is the runner's to judge."""
        del moment
        return ()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """Know no command."""
        del name, moment
        return ()

    def _decoded(self, chunk: Chunk) -> tuple[Action, ...]:
        if chunk.channel == HEART_RATE_MEASUREMENT:
            return (Emit(heart_rate(decode_heart_rate(chunk.data))),)
        if chunk.channel == DATA:
            return (Emit(ecg_reading(frame.decode_ecg(chunk.data))),)
        if chunk.channel == CONTROL:
            return (Warn("ecg_refused"),) if frame.refused(chunk.data) else ()
        return (Rejected("channel", chunk.data),)


def _session(options: Mapping[str, Any]) -> Session:
    return PolarSession(ecg=options.get("ecg", True) is True)


DRIVER: Final = Driver(
    name="polar-h10",
    title="Polar H10 (heart rate, RR intervals, ECG)",
    link=BleLink(notify=(HEART_RATE_MEASUREMENT, CONTROL, DATA), match=Match(names=("Polar H10",))),
    measures=HEART_RATE_MEASURES | {ECG},
    session=_session,
    options={"ecg": "false for heart rate alone"},
    cadence_s=1.0,
    repeats=False,
    quirks=(
        "One ECG lead, 130 samples a second, sent in blocks of about half a second.",
        "Its clock starts anew whenever the strap has lain unused; ECG times are the strap's own.",
    ),
)
"""Configure it as ``polar-h10``."""
