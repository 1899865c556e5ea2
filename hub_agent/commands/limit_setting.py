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
    """Spell a limit of the configuration as commands do: in the measure's first unit, and no later than it alarms."""
    limit = limit.in_unit(quantity(limit.measure).units[0])
    priority: Literal["high", "medium", "low"] = _PRIORITIES[limit.priority]
    return LimitSetting(
        measure=quantity(limit.measure).refid,
        device=limit.device,
        low=limit.low,
        high=limit.high,
        delay_s=int(limit.delay_s),
        hysteresis=limit.hysteresis,
        priority=priority,
        latching=limit.latching,
        enabled=limit.enabled,
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
