"""What every reading and every action of a driver must be.

Owns: the rules of the model and of the driver contract that types alone cannot hold.
Never: drives a session; the checks do.
"""

import math
import re
from typing import Final

from hub_agent import nomenclature as mdc
from hub_agent.contract import flaw
from hub_agent.driver import SERIAL, Action, Driver, Emit, Finished, Read, Rejected, Wait, Warn, Write
from hub_agent.model import Quality, Reading, ReadingClass

UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
"""A characteristic as drivers name it: in full, lower case."""

_NEVER_ZERO: Final = {mdc.SPO2, mdc.PULSE_RATE_OXIMETER, mdc.PULSE_RATE_NIBP, mdc.HEART_RATE}


def hold(condition: object, message: str) -> None:
    """Raise AssertionError with ``message`` unless the condition holds, whatever ``python -O`` strips."""
    if not condition:
        raise AssertionError(message)


def check_reading(driver: Driver, reading: Reading) -> None:
    """Hold a reading to the model: declared codes, UCUM units, exact finite values, absence with its reason."""
    wrong = flaw(reading, driver.measures)
    hold(wrong is None, str(wrong))
    hold(
        reading.cls is ReadingClass.CONTINUOUS or {each.code for each in reading.measurements} != {mdc.BATTERY},
        "a battery level by itself is of the continuous class; hub_drivers.battery.frame.reading makes it",
    )
    for code, _unit, value, _absent in reading.measurements:
        if value is None:
            continue
        refid = mdc.quantity(code).refid
        hold(
            value or code not in _NEVER_ZERO or reading.quality & Quality.IMPLAUSIBLE,
            f"{refid}: 0 is no measurement; make it absent",
        )
        hold(
            code == mdc.BATTERY or not reading.quality & Quality.INVALID,
            f"{refid}: the device calls it invalid, yet it has a value",
        )


def check_action(driver: Driver, action: Action) -> None:
    """Hold an action to the contract."""
    match action:
        case Emit(reading):
            check_reading(driver, reading)
        case Write(channel, data):
            hold(channel == SERIAL or UUID.fullmatch(channel), f"write to {channel!r}: no channel")
            hold(data, "write of nothing")
        case Read(channel):
            hold(UUID.fullmatch(channel), f"read of {channel!r}: no channel")
        case Wait(seconds):
            hold(math.isfinite(seconds) and seconds > 0, "a wait without length")
        case Warn(code):
            hold(re.fullmatch(r"[a-z0-9_]+", code), f"warning {code!r} is no code")
        case Rejected(reason):
            hold(reason, "rejected without a reason")
        case Finished():
            pass
