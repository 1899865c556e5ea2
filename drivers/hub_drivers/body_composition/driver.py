"""Scales of the Bluetooth Body Composition and Weight Scale Profiles.

Owns: the drivers ``gatt-body-composition`` and ``gatt-weight-scale``.
Never: keeps state; ``session`` does.
"""

from collections.abc import Mapping
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import BleLink, Driver, Match, Session, sig_uuid
from hub_agent.registry import Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.body_composition import frame as composition
from hub_drivers.body_composition.session import COMPOSITION, WEIGHT, ScaleSession
from hub_drivers.current_time.clock import OPTION, DeviceClock
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME
from hub_drivers.user_data.consent import CONTROL_POINT, OPTIONS, Consent
from hub_drivers.weight_scale import frame as weight


def _session(options: Mapping[str, Any]) -> Session:
    return ScaleSession(DeviceClock(options), Consent(options))


def _plain_session(options: Mapping[str, Any]) -> Session:
    return ScaleSession(DeviceClock(options))


BODY_COMPOSITION: Final = Driver(
    name="gatt-body-composition",
    title="Bluetooth body-composition scales: Beurer BF720, BF105, BF788, BF950 and others of the profile",
    link=BleLink(
        notify=(CONTROL_POINT, WEIGHT, COMPOSITION),
        match=Match(services=(sig_uuid(0x181B),)),
        read=(CURRENT_TIME, DATE_TIME, BATTERY_LEVEL),
        pairing="bond",
        hold=False,
        settle_s=0.1,
    ),
    measures=composition.MEASURES | weight.MEASURES | {mdc.BATTERY},
    session=_session,
    options={"clock": OPTION, **OPTIONS},
    level="decoded",
    quirks=(
        "Beurer: indicates nothing before a bond, a Current Time write and the user's consent (index and PIN).",
        "Weight and composition come as two values; a composition without time takes that of the weight before it.",
        "Zeros stand for what was not measured (35 of 36 stored values of a BF788).",
    ),
)

WEIGHT_SCALE: Final = Driver(
    name="gatt-weight-scale",
    title="Bluetooth scales: A&D UC-352BLE, Omron and others of the profile",
    link=BleLink(
        notify=(WEIGHT,),
        match=Match(services=(sig_uuid(0x181D),)),
        read=(DATE_TIME, CURRENT_TIME, BATTERY_LEVEL),
        pairing="bond",
        hold=False,
        settle_s=0.1,
        open_before_subscribe=True,
        subscribe_gap_s=0.1,
    ),
    measures=weight.MEASURES | {mdc.BATTERY},
    session=_plain_session,
    options={"clock": OPTION},
    level="decoded",
    quirks=(
        (
            "A&D UC-352BLE: wants Date Time (2A08) written before the subscription, as A&D's cuffs do: "
            "set clock to date-time."
        ),
        "A scale with users that asks for consent needs gatt-body-composition.",
    ),
)

FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a9c": Format(composition.decode, composition.fields),
    "ble.2a9d": Format(weight.decode, weight.fields),
}
