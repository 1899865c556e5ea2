"""Glucose Measurement Context (2A34): Bluetooth Glucose Service 1.0.1, section 3.2.

Owns: its layout, and what a patient's notes are called.
Never: joins a context to its measurement; the session does.

Flags: 0 carbohydrate, 1 meal, 2 tester and health, 3 exercise, 4 medication, 5 medication in litres (else kilograms),
6 HbA1c, 7 extended flags, which come first.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from hub_agent import nomenclature as mdc
from hub_agent.model import Code, Measurement
from hub_agent.registry import Fields
from hub_drivers.codec.layout import Layout
from hub_drivers.codec.made import maker
from hub_drivers.codec.medfloat import MedicalFloat, Special, measured, sfloat

MEASURES: Final = frozenset(
    {
        mdc.CARBOHYDRATE,
        *mdc.CARBOHYDRATES,
        *mdc.MEALS,
        *mdc.TESTERS,
        *mdc.HEALTH,
        mdc.EXERCISE,
        mdc.MEDICATION,
        *mdc.MEDICATIONS,
        mdc.HBA1C,
    }
)

_LAYOUT: Final = Layout(
    "BH",
    (0x80, "B"),
    (0x01, "3s"),
    (0x02, "B"),
    (0x04, "B"),
    (0x08, "3s"),
    (0x10, "3s"),
    (0x40, "H"),
    name="glucose context",
)
_OVERRUN_S: Final = 0xFFFF


class Amount(NamedTuple):
    """How much of what.

    Attributes:
        kind: the enumeration's number.
        amount: kilograms, or litres.
    """

    kind: int
    amount: MedicalFloat


_noted: Final = maker(Amount)


class ContextFrame(NamedTuple):
    """One value of 2A34; None where the flags leave a field out.

    Attributes:
        sequence: of the measurement it belongs to.
        extended_flags: reserved.
        carbohydrate: kind of meal and kilograms.
        meal: 1 before, 2 after, 3 fasting, 4 casual, 5 bedtime.
        tester: 1 patient, 2 professional, 3 laboratory, 15 unknown.
        health: 1 minor, 2 major issues, 3 menses, 4 stress, 5 none, 15 unknown.
        exercise: seconds (65535: that or more) and percent of what one can.
        medication: kind and amount.
        medication_litres: whether that amount is in litres.
        hba1c: percent.
    """

    sequence: int
    extended_flags: int | None
    carbohydrate: Amount | None
    meal: int | None
    tester: int | None
    health: int | None
    exercise: tuple[int, int] | None
    medication: Amount | None
    medication_litres: bool
    hba1c: MedicalFloat | None


_frame: Final = maker(ContextFrame)


def _amount(raw: bytes) -> Amount | None:
    return _noted((raw[0], sfloat(raw[1] | raw[2] << 8))) if raw else None


def decode(data: bytes) -> ContextFrame:
    """Take a value apart.

    Raises:
        DecodeError: shorter than the flags call for.
    """
    flags, sequence, extended, carbohydrate, meal, people, exercise, medication, hba1c = _LAYOUT.unpack(data)
    return _frame(
        (
            sequence,
            extended if flags & 0x80 else None,
            _amount(carbohydrate),
            meal if flags & 0x02 else None,
            people & 0x0F if flags & 0x04 else None,
            people >> 4 if flags & 0x04 else None,
            (exercise[0] | exercise[1] << 8, exercise[2]) if exercise else None,
            _amount(medication),
            flags & 0x20 != 0,
            sfloat(hba1c) if flags & 0x40 else None,
        )
    )


def fields(frame: ContextFrame) -> Fields:
    """Give the fields of ``ble.2a34``, pairs as on the wire.

    Carbohydrate is kind and kilograms; medication kind and kilograms, or litres where flag 5 says so; exercise seconds
    and percent.
    """
    found: dict[str, Any] = {
        "sequence": frame.sequence,
        "extended_flags": frame.extended_flags,
        "carbohydrate": None if frame.carbohydrate is None else list(frame.carbohydrate),
        "meal": frame.meal,
        "exercise": None if frame.exercise is None else list(frame.exercise),
        "medication": None if frame.medication is None else list(frame.medication),
        "hba1c_percent": frame.hba1c,
    }
    if frame.tester is not None:
        found |= {"tester": frame.tester, "health": frame.health}
    return found


def _scaled(value: MedicalFloat, power: int) -> MedicalFloat:
    return value if isinstance(value, Special) else value.scaleb(power)


def _chosen(codes: Sequence[Code], choice: int | None) -> Iterator[Measurement]:
    """Name a choice; one that is reserved or unknown says nothing."""
    if choice is not None and 1 <= choice <= len(codes):
        yield Measurement(codes[choice - 1], "1", Decimal(1))


def measurements(frame: ContextFrame) -> Iterator[Measurement]:
    """Code what the patient noted."""
    if frame.carbohydrate is not None:
        kind, amount = frame.carbohydrate
        code = mdc.CARBOHYDRATES[kind - 1] if 1 <= kind <= len(mdc.CARBOHYDRATES) else mdc.CARBOHYDRATE
        yield measured(code, "g", _scaled(amount, 3))
    yield from _chosen(mdc.MEALS, frame.meal)
    yield from _chosen(mdc.TESTERS, frame.tester)
    yield from _chosen(mdc.HEALTH, frame.health)
    if frame.exercise is not None:
        duration_s, percent = frame.exercise
        yield Measurement(mdc.EXERCISE, "%", Decimal(percent))
        if duration_s == _OVERRUN_S:
            yield measured(mdc.EXERCISE, "s", Special.POSITIVE_INFINITY)
        else:
            yield Measurement(mdc.EXERCISE, "s", Decimal(duration_s))
    if frame.medication is not None:
        kind, amount = frame.medication
        code = mdc.MEDICATIONS[kind - 1] if 1 <= kind <= len(mdc.MEDICATIONS) else mdc.MEDICATION
        if frame.medication_litres:
            yield measured(code, "mL", _scaled(amount, 3))
        else:
            yield measured(code, "mg", _scaled(amount, 6))
    if frame.hba1c is not None:
        yield measured(mdc.HBA1C, "%", frame.hba1c)
