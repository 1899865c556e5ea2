"""The driver ``acme-ox1``.

Owns: its link, its start command, and how frames become readings. Never: takes bytes apart; ``frame`` does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from acme_ox1.frame import SIZE, START, Answer, Live, Perfusion, decode, measure
from hub_agent.driver import SERIAL, Action, Driver, Emit, SerialLink, Session, Wait, Write
from hub_agent.model import Quality, ReadingClass
from hub_agent.nomenclature import PERFUSION_INDEX, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.bits import Bit, StatusWord
from hub_drivers.codec.oximetry import oximetry, perfusion
from hub_drivers.codec.plausibility import assess
from hub_drivers.codec.stream import Deframer, StreamSession

STATUS = StatusWord(
    Bit(0, "no_finger", Quality.SENSOR_OFF),
    Bit(1, "searching", Quality.SEARCHING),
    Bit(2, "weak_signal", Quality.WEAK_SIGNAL),
    Bit(3, "low_battery", Quality.LOW_BATTERY),
    Bit(4, "motion", Quality.ARTEFACT),
    Bit(5, "sensor_defective", Quality.SENSOR_FAULT),
)


def handle(data: bytes) -> Iterable[Action]:
    """Say what follows from a frame."""
    frame = decode(data)
    if isinstance(frame, Live):
        yield Emit(oximetry(frame.spo2, frame.pulse_rate, STATUS.quality(frame.status)))
    elif isinstance(frame, Perfusion):
        yield Emit(assess(ReadingClass.CONTINUOUS, (perfusion(frame.percent),)))
    elif isinstance(frame, Answer) and not frame.done:
        yield Wait(2.0)  # its self-test; the session starts again


def session(options: Mapping[str, Any]) -> Session:
    """Make the state of one connection."""
    del options
    start = (Write(SERIAL, START),)
    return StreamSession(
        SERIAL, Deframer(measure, longest=SIZE), handle, start=start, repeat=start, repeat_s=20.0, silence_s=5.0
    )


DRIVER = Driver(
    name="acme-ox1",
    title="Acme OX-1 oximeter",
    link=SerialLink(38400, parity="E", usb=((0x16C0, 0x05E1),)),
    measures=frozenset({SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX}),
    session=session,
    cadence_s=1.0,
    quirks=(
        "Streams for 30 s after each start command.",
        'Says "not now" during its self-test; it is asked again after 2 s.',
    ),
)
