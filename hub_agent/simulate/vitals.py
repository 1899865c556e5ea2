"""What a virtual patient shows to virtual devices.

Owns: the values of one instant and the protocol of whoever makes them up or replays them.
Never: encodes, knows a device, or reads a clock; time is an argument.
"""

from typing import NamedTuple, Protocol


class Vitals(NamedTuple):
    """A patient's true state at one instant, before any device rounds, loses or spoils it.

    Attributes:
        spo2: arterial oxygen saturation, %.
        pulse: pulse rate, /min.
        perfusion: pulse amplitude (perfusion index), %.
        systolic: arterial pressure, mm[Hg].
        diastolic: arterial pressure, mm[Hg].
        mean: mean arterial pressure, mm[Hg].
        temperature: body temperature, Cel.
        weight: body weight, kg.
        glucose: concentration in capillary plasma, mg/dL.
        respiration: respiratory rate, /min.
        rr_ms: intervals between the latest heart beats, oldest first, ms.
    """

    spo2: float
    pulse: float
    perfusion: float
    systolic: float
    diastolic: float
    mean: float
    temperature: float
    weight: float
    glucose: float
    respiration: float
    rr_ms: tuple[int, ...]


class VitalsSource(Protocol):
    """A patient, generated or replayed."""

    def vitals(self, at_s: float) -> Vitals:
        """Give the state at ``at_s`` seconds since the scene began; the same instant gives the same answer."""
        ...
