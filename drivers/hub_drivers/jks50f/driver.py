"""The driver of the JKS50F.

Owns: how frames become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import Action, BleLink, Driver, Emit, Match, Session, sig_uuid
from hub_agent.model import Quality, Reading
from hub_agent.nomenclature import PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.codec.stream import Deframer, StreamSession
from hub_drivers.jks50f import frame
from hub_drivers.jks50f.frame import Value

__all__ = ["DRIVER", "value_reading"]

SERVICE: Final = sig_uuid(0xFFE0)
STREAM: Final = sig_uuid(0xFFE1)


def value_reading(found: Value) -> Reading:
    """Make the reading of a frame."""
    quality = Quality.GOOD if found.finger else Quality.SENSOR_OFF
    return oximetry(found.spo2, found.pulse_rate, quality, more=(perfusion(found.pi or None, quality),))


def _handle(data: bytes) -> Iterable[Action]:
    return (Emit(value_reading(frame.decode(data))),)


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return StreamSession(STREAM, Deframer(frame.measure, frame.SIZE), _handle)


DRIVER: Final = Driver(
    name="jks50f",
    title="JKS50F oximeters and clones",
    link=BleLink(notify=(STREAM,), match=Match(names=("OXIMETER",), services=(SERVICE,)), streams=(STREAM,)),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX)),
    session=_session,
    cadence_s=1.0,
    quirks=(
        "127 stands for a missing rate; it is believed as 127 /min while the saturation is there.",
        "Advertises as OXIMETER; clones under many names: configure the address.",
    ),
)
"""Configure it as ``jks50f``."""
