"""The technical alarm conditions, as data.

Owns: which there are, how urgent, how long they must last, whether they wait to be acknowledged.
Never: notices one; whoever sees the trouble says so to the alarm book.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hub_agent.alarms.alarm import Condition
from hub_agent.alarms.limits import Priority


class Technical(NamedTuple):
    """One technical condition.

    Attributes:
        priority: how soon somebody must react.
        text: plain English, for screens.
        delay_s: how long it must last; bridges what heals by itself.
        latching: waits to be acknowledged after its end.
        instant: happens rather than lasts: it ends as it starts, and only latches.
        of_device: of one device rather than of the hub.
    """

    priority: Priority
    text: str
    delay_s: float = 0.0
    latching: bool = False
    instant: bool = False
    of_device: bool = False


TECHNICAL: Final[Mapping[str, Technical]] = MappingProxyType(
    {
        "no_data": Technical(Priority.MEDIUM, "no readings when they were due", of_device=True),
        "link_lost": Technical(Priority.LOW, "connection to the device lost", delay_s=30.0, of_device=True),
        "sensor_off": Technical(Priority.MEDIUM, "the sensor is on nobody", delay_s=10.0, of_device=True),
        "unusable": Technical(Priority.MEDIUM, "readings that cannot be judged", delay_s=10.0, of_device=True),
        "low_battery": Technical(Priority.LOW, "the device's battery is low", of_device=True),
        "device_parked": Technical(Priority.MEDIUM, "left alone: it cannot be used as it is", of_device=True),
        "driver_stuck": Technical(Priority.MEDIUM, "left alone: its driver stopped the whole hub", of_device=True),
        "uplink_down": Technical(Priority.MEDIUM, "no way to the NOC", delay_s=15.0),
        "uplink_refused": Technical(Priority.HIGH, "the broker refuses what the hub sends"),
        "no_subscribers": Technical(Priority.MEDIUM, "nobody at the NOC takes what the hub sends", delay_s=15.0),
        "backlog_age": Technical(Priority.MEDIUM, "readings wait too long for their confirmation"),
        "storage_80": Technical(Priority.LOW, "storage is 80 % full"),
        "storage_95": Technical(Priority.MEDIUM, "storage is 95 % full"),
        "storage_corrupt": Technical(Priority.HIGH, "stored data was damaged", latching=True, instant=True),
        "clock_unsynced": Technical(Priority.LOW, "the hub's clock is not set", delay_s=60.0),
        "security": Technical(Priority.HIGH, "something tried what it must not", latching=True, instant=True),
    }
)
"""Every technical condition by its code."""

TOLD_ANEW: Final = frozenset({"uplink_refused", "no_subscribers", "backlog_age", "storage_80", "storage_95"})
"""Conditions whose watchers tell each life of the process how they stand, and know of no earlier life: kept over a
restart, one that is over would never end, and the next would pass for the one that somebody has acknowledged."""


def condition(code: str, device: str = "") -> Condition:
    """Name a technical condition.

    Args:
        code: of the table.
        device: the hub's alias; empty exactly for conditions of the hub.

    Raises:
        KeyError: no such code.
        ValueError: a device where there must be none, or none where there must be one.
    """
    row = TECHNICAL[code]
    if row.of_device != bool(device):
        raise ValueError(f"{code} is a condition of {'a device' if row.of_device else 'the hub'}")
    return Condition(code, row.priority, device)
