"""Straps and watches of the Bluetooth Heart Rate Profile.

Owns: the driver ``gatt-heart-rate``.
Never: takes apart bytes (``frame`` does) or makes readings of them (``reading`` does).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, BleLink, Chunk, DecodeOnly, Driver, Match, Moment, Session, Write, sig_uuid
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.codec.options import choice
from hub_drivers.codec.plausibility import gated
from hub_drivers.heart_rate.frame import HeartRateFrame, decode
from hub_drivers.heart_rate.reading import MEASUREMENT, MEASURES, reading

CONTROL_POINT: Final = sig_uuid(0x2A39)

_RESET_ENERGY: Final = b"\x01"


class HeartRateSession:
    """Listens; resets the energy counter when asked."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        trust_contact = choice(options, "contact", "trust", "ignore") == "trust"
        self._listening = DecodeOnly(
            {
                MEASUREMENT: lambda data: reading(decode(data), trust_contact=trust_contact),
                BATTERY_LEVEL: battery,
            }
        )

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Ask for nothing."""
        return self._listening.opened(moment)

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return self._listening.received(chunk)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Silence is the runner's to judge."""
        return self._listening.silent(moment)

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know ``reset-energy``."""
        del moment
        return (Write(CONTROL_POINT, _RESET_ENERGY),) if name == "reset-energy" else ()


def _session(options: Mapping[str, Any]) -> Session:
    return HeartRateSession(options)


DRIVER: Final = Driver(
    name="gatt-heart-rate",
    title="Bluetooth heart-rate sensors: Polar, Garmin, Wahoo straps, watches that broadcast",
    link=BleLink(
        notify=(MEASUREMENT, BATTERY_LEVEL),
        match=Match(services=(sig_uuid(0x180D),)),
        read=(BATTERY_LEVEL,),
    ),
    measures=MEASURES | {mdc.BATTERY},
    session=_session,
    commands=frozenset({"reset-energy"}),
    options={"contact": '"ignore" for a strap that denies skin contact while it is worn; default "trust"'},
    cadence_s=1.0,
    level="decoded",
    quirks=(
        "A strap taken off repeats its last rate for seconds with the contact bit cleared.",
        "Some straps (Wahoo) deny contact while worn: set contact to ignore.",
    ),
)


def fields(frame: HeartRateFrame) -> Fields:
    """Give the fields of ``ble.2a37``."""
    return gated(
        {
            "heart_rate_bpm": frame.bpm,
            "contact_supported": frame.contact_supported,
            "contact_detected": frame.contact,
            "energy_expended_kj": frame.energy_kj,
            "rr_1024": list(frame.rr_1024),
        },
        reading(frame),
    )


FORMATS: Final[Mapping[str, FormatDecoder]] = {"ble.2a37": Format(decode, fields)}
