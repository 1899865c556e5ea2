"""Body Composition Measurement (2A9C): Bluetooth Body Composition Service 1.0, section 3.2.

Owns: its layout, and joining the packets of one measurement.
Never: converts a unit.

Flags, two bytes: 0 imperial, 1 time, 2 user, 3 basal metabolism, 4 muscle share, 5 muscle mass, 6 fat-free mass, 7 soft
lean mass, 8 body water mass, 9 impedance, 10 weight, 11 height, 12 more than one packet. The fat share comes first;
0xFFFF there is a measurement that failed.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from hub_agent import nomenclature as mdc
from hub_agent.model import Absent, Code, DeviceTime, Measurement, Quality, Reading, ReadingClass, Unit
from hub_agent.registry import Fields
from hub_drivers.codec.layout import Layout
from hub_drivers.codec.made import maker
from hub_drivers.codec.plausibility import amount, assess, gated
from hub_drivers.codec.sig_time import SigTime, dated, read_date_time
from hub_drivers.weight_scale.frame import FAILED, INCH, KG, LB, METRE, TENTH

MEASURES: Final = frozenset(
    {
        mdc.BODY_FAT,
        mdc.BASAL_METABOLISM,
        mdc.MUSCLE_SHARE,
        mdc.MUSCLE_MASS,
        mdc.FAT_FREE_MASS,
        mdc.SOFT_LEAN_MASS,
        mdc.BODY_WATER,
        mdc.BODY_IMPEDANCE,
        mdc.WEIGHT,
        mdc.HEIGHT,
    }
)

_LAYOUT: Final = Layout(
    "HH",
    (0x0002, "7s"),
    (0x0004, "B"),
    *((1 << bit, "H") for bit in range(3, 12)),
    name="body composition",
    width=2,
)
_UNKNOWN_USER: Final = 0xFF


class CompositionFrame(NamedTuple):
    """One value of 2A9C; None where the flags leave a field out.

    Attributes:
        imperial: pounds and inches; otherwise kilograms and metres.
        fat_percent: None when the measurement failed.
        time: when the scale took it.
        user: its user index; None also when unknown (255).
        basal_kj: basal metabolism, kJ a day.
        muscle_percent: share of muscle.
        muscle: mass.
        fat_free: mass.
        soft_lean: mass.
        water: mass.
        impedance_ohm: of the body.
        weight: mass.
        height: length.
        multiple: the measurement is spread over more than one packet.
    """

    imperial: bool
    fat_percent: Decimal | None
    time: SigTime | None
    user: int | None
    basal_kj: int | None
    muscle_percent: Decimal | None
    muscle: Decimal | None
    fat_free: Decimal | None
    soft_lean: Decimal | None
    water: Decimal | None
    impedance_ohm: Decimal | None
    weight: Decimal | None
    height: Decimal | None
    multiple: bool


_frame: Final = maker(CompositionFrame)


def decode(data: bytes) -> CompositionFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for, or the time is impossible.
    """
    flags, fat, time, user, basal, share, muscle, fat_free, lean, water, impedance, weight, height = _LAYOUT.unpack(
        data
    )
    imperial = flags & 0x0001 != 0
    mass, length = (LB, INCH) if imperial else (KG, METRE)
    return _frame(
        (
            imperial,
            None if fat == FAILED else fat * TENTH,
            read_date_time(time) if time else None,
            user if flags & 0x0004 and user != _UNKNOWN_USER else None,
            basal if flags & 0x0008 else None,
            share * TENTH if flags & 0x0010 else None,
            muscle * mass if flags & 0x0020 else None,
            fat_free * mass if flags & 0x0040 else None,
            lean * mass if flags & 0x0080 else None,
            water * mass if flags & 0x0100 else None,
            impedance * TENTH if flags & 0x0200 else None,
            weight * mass if flags & 0x0400 else None,
            height * length if flags & 0x0800 else None,
            flags & 0x1000 != 0,
        )
    )


def joined(first: CompositionFrame, second: CompositionFrame) -> CompositionFrame:
    """Make one frame of the packets of one measurement: what the first leaves out, the second may hold."""
    return CompositionFrame._make(
        later if earlier is None else earlier for earlier, later in zip(first, second, strict=True)
    )


def _values(frame: CompositionFrame) -> Iterator[tuple[Code, Unit, Decimal | None]]:
    """List what a frame holds beside the fat share."""
    mass, length = ("[lb_av]", "[in_i]") if frame.imperial else ("kg", "m")
    yield mdc.BASAL_METABOLISM, "kJ", None if frame.basal_kj is None else Decimal(frame.basal_kj)
    yield mdc.MUSCLE_SHARE, "%", frame.muscle_percent
    yield mdc.MUSCLE_MASS, mass, frame.muscle
    yield mdc.FAT_FREE_MASS, mass, frame.fat_free
    yield mdc.SOFT_LEAN_MASS, mass, frame.soft_lean
    yield mdc.BODY_WATER, mass, frame.water
    yield mdc.BODY_IMPEDANCE, "Ohm", frame.impedance_ohm
    yield mdc.WEIGHT, mass, frame.weight
    yield mdc.HEIGHT, length, frame.height


def reading(
    frame: CompositionFrame, measured: DeviceTime | None = None, user: int | None = None, *, stored: bool = False
) -> Reading:
    """Make a reading of a frame. Zeros, which scales send for what they did not measure, are absent.

    A failed share is a failed measurement (Body Composition Service 1.0, section 3.2): nothing beside it counts.

    Args:
        frame: what the scale sent.
        measured: when, if the frame does not say.
        user: whose, if the frame does not say.
        stored: whether it comes from the scale's memory.
    """
    fat = (
        Measurement(mdc.BODY_FAT, "%", None, Absent.ERROR)
        if frame.fat_percent is None
        else amount(mdc.BODY_FAT, "%", frame.fat_percent)
    )
    others = [amount(code, unit, value) for code, unit, value in _values(frame) if value is not None]
    quality = Quality.GOOD if fat.value is not None else Quality.INCOMPLETE
    if frame.fat_percent is None:
        quality = Quality.INVALID
    time, unset = dated(frame.time)
    if unset:
        quality |= Quality.CLOCK_NOT_SET
    if frame.time is None:
        time = measured
    whose = user if frame.user is None else frame.user
    return assess(ReadingClass.EPISODIC, (fat, *others), quality, time, stored=stored, user=whose)


def fields(frame: CompositionFrame) -> Fields:
    """Give the fields of ``ble.2a9c``."""
    found = {
        "unit": "imperial" if frame.imperial else "SI",
        "body_fat_percent": frame.fat_percent,
        "timestamp": None if frame.time is None else str(frame.time),
        "user_id": frame.user,
        "basal_metabolism_kj": frame.basal_kj,
        "muscle_percent": frame.muscle_percent,
        "muscle_mass": frame.muscle,
        "fat_free_mass": frame.fat_free,
        "soft_lean_mass": frame.soft_lean,
        "body_water_mass": frame.water,
        "impedance_ohm": frame.impedance_ohm,
        "weight": frame.weight,
        "height": frame.height,
        "multiple_packet": frame.multiple,
    }
    return gated(found, reading(frame))
