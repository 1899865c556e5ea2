"""Weight Measurement (2A9D): Bluetooth Weight Scale Service 1.0, section 3.2.

Owns: its layout. Never: converts a unit; pounds stay pounds.

Flags: 0 imperial, 1 time, 2 user, 3 body mass index and height. A weight of 0xFFFF is a measurement that failed.
"""

from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Measurement, Quality, Reading, ReadingClass
from hub_agent.registry import Fields
from hub_drivers.codec.layout import Layout
from hub_drivers.codec.made import maker
from hub_drivers.codec.plausibility import amount, assess, gated
from hub_drivers.codec.sig_time import SigTime, dated, read_date_time

MEASURES: Final = frozenset({mdc.WEIGHT, mdc.BMI, mdc.HEIGHT})

KG: Final = Decimal("0.005")
LB: Final = Decimal("0.01")
METRE: Final = Decimal("0.001")
INCH: Final = Decimal("0.1")
TENTH: Final = Decimal("0.1")
FAILED: Final = 0xFFFF

_LAYOUT: Final = Layout("BH", (0x02, "7s"), (0x04, "B"), (0x08, "4s"), name="weight")
_UNKNOWN_USER: Final = 0xFF


class WeightFrame(NamedTuple):
    """One value of 2A9D.

    Attributes:
        imperial: pounds and inches; otherwise kilograms and metres.
        weight: None when the measurement failed.
        time: when the scale took it.
        user: its user index; None when not sent or unknown (255).
        bmi: kg/m2; None when not sent.
        height: None when not sent.
    """

    imperial: bool
    weight: Decimal | None
    time: SigTime | None
    user: int | None
    bmi: Decimal | None
    height: Decimal | None


_frame: Final = maker(WeightFrame)


def decode(data: bytes) -> WeightFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, weight, time, user, body = _LAYOUT.unpack(data)
    imperial = flags & 0x01 != 0
    return _frame(
        (
            imperial,
            None if weight == FAILED else weight * (LB if imperial else KG),
            read_date_time(time) if time else None,
            user if flags & 0x04 and user != _UNKNOWN_USER else None,
            (body[0] | body[1] << 8) * TENTH if body else None,
            (body[2] | body[3] << 8) * (INCH if imperial else METRE) if body else None,
        )
    )


def reading(frame: WeightFrame, *, stored: bool = False) -> Reading:
    """Make a reading of a frame. A failed or zero weight is absent; a failed one makes the reading invalid."""
    unit, length = ("[lb_av]", "[in_i]") if frame.imperial else ("kg", "m")
    quality = Quality.GOOD
    if frame.weight is None:
        weight = Measurement(mdc.WEIGHT, unit, None, Absent.ERROR)
        quality = Quality.INVALID
    else:
        weight = amount(mdc.WEIGHT, unit, frame.weight)
    measurements: tuple[Measurement, ...] = (weight,)
    if frame.bmi is not None:
        measurements += (amount(mdc.BMI, "kg/m2", frame.bmi),)
    if frame.height is not None:
        measurements += (amount(mdc.HEIGHT, length, frame.height),)
    time, unset = dated(frame.time)
    if unset:
        quality |= Quality.CLOCK_NOT_SET
    return assess(ReadingClass.EPISODIC, measurements, quality, time, stored=stored, user=frame.user)


def fields(frame: WeightFrame) -> Fields:
    """Give the fields of ``ble.2a9d``."""
    found: dict[str, Any] = {
        "unit": "lb" if frame.imperial else "kg",
        "weight": frame.weight,
        "timestamp": None if frame.time is None else str(frame.time),
        "user_id": frame.user,
    }
    if frame.bmi is not None:
        found |= {"bmi": frame.bmi, "height": frame.height}
    return gated(found, reading(frame))
