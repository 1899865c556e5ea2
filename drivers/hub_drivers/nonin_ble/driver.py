"""The driver of Nonin's own oximetry service.

Owns: how values become readings. Never: parses bytes.
"""

from collections.abc import Iterable
from typing import Final

from hub_agent.driver import Action, BleLink, Chunk, DecodeOnly, Driver, Match, Moment, Session, Write
from hub_agent.model import Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.nonin_ble import frame
from hub_drivers.nonin_ble.frame import Oximetry

__all__ = ["DRIVER", "decode", "oximetry_reading"]

SERVICE: Final = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY: Final = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
CONTROL: Final = "1447af80-0d60-11e2-88b6-0002a5d5c51b"


def oximetry_reading(found: Oximetry) -> Reading:
    """Make the reading of a value."""
    quality = Quality.GOOD
    for bit, flag in (
        (frame.WEAK_SIGNAL, Quality.WEAK_SIGNAL),
        (frame.SEARCHING, Quality.SEARCHING),
        (frame.LOW_BATTERY, Quality.LOW_BATTERY),
    ):
        if found.status & bit:
            quality |= flag
    if not found.status & frame.SENSOR_CONNECTED:
        quality |= Quality.SENSOR_OFF
    return oximetry(found.spo2, found.pulse_rate, quality, more=(perfusion(found.pai_percent or None, quality),))


def decode(data: bytes) -> Reading:
    """Decode a value into its reading.

    Raises:
        DecodeError: not of this format.
    """
    return oximetry_reading(frame.decode(data))


class NoninSession:
    """Listens; ``complete`` tells the device that it may switch off."""

    def __init__(self) -> None:
        self._values = DecodeOnly({OXIMETRY: decode})

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Ask for nothing: it streams by itself."""
        return self._values.opened(moment)

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Decode."""
        return self._values.received(chunk)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Silence is the runner's to judge."""
        return self._values.silent(moment)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``complete``: the measurement is done."""
        del moment
        return (Write(CONTROL, frame.COMPLETE),) if name == "complete" else ()


def _session(options: object) -> Session:
    del options
    return NoninSession()


DRIVER: Final = Driver(
    name="nonin-ble",
    title="Nonin 3230, 3150 BLE, 8500 (Nonin's own oximetry service)",
    link=BleLink(notify=(OXIMETRY,), match=Match(names=("Nonin",), services=(SERVICE,))),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX)),
    session=_session,
    commands=frozenset(("complete",)),
    cadence_s=1.0,
    quirks=(
        "Its battery is told in volts; only the low-battery bit is used.",
        "Models with the Bluetooth SIG pulse-oximeter service can be read by that driver instead.",
    ),
)
"""Configure it as ``nonin-ble``."""
