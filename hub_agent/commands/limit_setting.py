"""A limit in a command's words and as it is judged: the two spellings, and the way between them.

Owns: the translation. Never: decides whether a limit may be set.
"""

from collections.abc import Mapping
from typing import Final, Literal

from hub_agent.alarms.limits import Limit, Priority
from hub_agent.commands.claims import LimitSetting
from hub_agent.nomenclature import by_refid, quantity

_PRIORITIES: Final[Mapping[Priority, Literal["high", "medium", "low"]]] = {
    Priority.HIGH: "high",
    Priority.MEDIUM: "medium",
    Priority.LOW: "low",
}


def setting_of(limit: Limit) -> LimitSetting:
    """Spell a limit that is in force as commands do: in the measure's first unit, with whole seconds of delay.

    The configuration may name another unit. A part of a second is dropped, so that a delay is never spelt longer than
    it is, and whoever makes it longer is seen to.
    """
    measure = quantity(limit.measure)
    spelt = limit.in_unit(measure.units[0])
    priority: Literal["high", "medium", "low"] = _PRIORITIES[spelt.priority]
    return LimitSetting(
        measure=measure.refid,
        device=spelt.device,
        low=spelt.low,
        high=spelt.high,
        delay_s=int(spelt.delay_s),
        hysteresis=spelt.hysteresis,
        priority=priority,
        latching=spelt.latching,
        enabled=spelt.enabled,
    )


def limit_of(setting: LimitSetting, revision: int) -> Limit:
    """Turn a command's limit into one that can be judged; its unit is the measure's first."""
    measure = by_refid(setting.measure)
    return Limit(
        measure=measure.code,
        unit=measure.units[0],
        low=setting.low,
        high=setting.high,
        device=setting.device,
        delay_s=float(setting.delay_s),
        hysteresis=setting.hysteresis,
        priority=Priority[setting.priority.upper()],
        latching=setting.latching,
        enabled=setting.enabled,
        revision=revision,
    )
