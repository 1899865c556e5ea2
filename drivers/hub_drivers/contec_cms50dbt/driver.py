"""The driver of the Contec CMS50D-BT.

Owns: how values become readings, and the start command that keeps it streaming. Never: parses bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import Action, BleLink, Driver, Emit, Match, Session, Write, sig_uuid
from hub_agent.model import Reading
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.oximetry import oximetry
from hub_drivers.codec.stream import Deframer, StreamSession
from hub_drivers.contec_cms50dbt import frame
from hub_drivers.contec_cms50dbt.frame import Numeric

__all__ = ["DRIVER", "numeric_reading"]

COMMAND: Final = sig_uuid(0xFF01)
STREAM: Final = sig_uuid(0xFF02)

_REPEAT_S: Final = 25.0
_SILENCE_S: Final = 5.0


def numeric_reading(found: Numeric) -> Reading:
    """Make the reading of a frame of values."""
    return oximetry(
        None if found.spo2 == frame.NO_SPO2 else found.spo2,
        None if found.pulse_rate == frame.NO_PULSE_RATE else found.pulse_rate,
    )


def _handle(data: bytes) -> Iterable[Action]:
    found = frame.decode(data)
    return (Emit(numeric_reading(found)),) if isinstance(found, Numeric) else ()


def _session(options: Mapping[str, Any]) -> Session:
    del options
    start = (Write(COMMAND, frame.START),)
    return StreamSession(
        STREAM,
        Deframer(frame.measure, frame.LONGEST),
        _handle,
        start=start,
        repeat=start,
        repeat_s=_REPEAT_S,
        silence_s=_SILENCE_S,
    )


DRIVER: Final = Driver(
    name="contec-cms50dbt",
    title="Contec CMS50D-BT",
    link=BleLink(notify=(STREAM,), match=Match(names=("SpO208", "CMS50D-BT")), streams=(STREAM,)),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER)),
    session=_session,
    cadence_s=1.0,
    quirks=(
        "Streams only while the start command is repeated, at least every 30 s.",
        "Advertises as SpO208 and a number. No finger shows as missing values only.",
    ),
)
"""Configure it as ``contec-cms50dbt``."""
