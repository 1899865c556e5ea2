"""What a change of limits needs beside a good signature.

Owns: when two people must sign, what is out of bounds, and what the limits in force forbid.
Never: applies a change.

``limits.set`` carries the whole set, so a limit can be lost by not being named, and a device's own limit replaces the
general one of the same measure and priority. Dual control therefore compares what each device is judged by now and
would be judged by then: whoever takes a high-priority bound away from any device, or loosens it (a lower ``low``, a
higher ``high``, a longer ``delay_s``), by whatever words, needs a second person.
"""

from collections.abc import Mapping, Sequence

from hub_agent.alarms import bounds
from hub_agent.commands.claims import Args, LimitSetting, LimitsOff, LimitsOn, LimitsSet
from hub_agent.commands.limit_setting import limit_of
from hub_agent.commands.refusal import Refusal
from hub_agent.errors import CommandError, ConfigError


def needs_two(args: Args, in_force: Sequence[LimitSetting]) -> bool:
    """Tell whether these arguments silence or loosen a high-priority alarm.

    Args:
        args: of any op.
        in_force: the limits as they are now.
    """
    if isinstance(args, LimitsOff):
        return any(limit.priority == "high" and limit.enabled for limit in _matching(args, in_force))
    if isinstance(args, LimitsSet):
        devices = {limit.device for limit in (*in_force, *args.limits)} | {None}
        lost = any(_loses(_effective(in_force, device), _effective(args.limits, device)) for device in devices)
        return lost or any(limit.priority == "high" and not limit.enabled for limit in args.limits)
    return False


def check(args: Args, in_force: Sequence[LimitSetting], revision: int) -> None:
    """Hold the arguments against the clinical bounds and the limits in force.

    Args:
        args: of any op; those that are not about limits pass.
        in_force: the limits as they are now.
        revision: of the document in force, 0 for none.

    Raises:
        CommandError: ``out_of_bounds``, ``stale_revision`` or ``state_forbids``.
    """
    if isinstance(args, LimitsSet):
        for limit in args.limits:
            check_bounds(limit)
        if args.revision <= revision:
            raise CommandError(Refusal.STALE_REVISION, f"limits revision {revision} is in force, this is not newer")
    elif isinstance(args, LimitsOff | LimitsOn) and not _matching(args, in_force):
        raise CommandError(Refusal.STATE_FORBIDS, f"no limit on {args.measure} is in force for that device")


def check_bounds(setting: LimitSetting) -> None:
    """Hold one limit against the hard bounds, enabled or not: what is off today is switched on tomorrow.

    Raises:
        CommandError: ``out_of_bounds``; names the measure and the side, never a patient's value.
    """
    try:
        faults = bounds.faults(limit_of(setting, 0))
    except ConfigError as error:
        raise CommandError(Refusal.OUT_OF_BOUNDS, f"{setting.measure}: {error}") from error
    for fault in faults:
        raise CommandError(Refusal.OUT_OF_BOUNDS, f"{setting.measure}: {fault.key} {fault.reason}")


def _matching(args: LimitsOff | LimitsOn, in_force: Sequence[LimitSetting]) -> list[LimitSetting]:
    return [
        limit
        for limit in in_force
        if limit.measure == args.measure and (None in {limit.device, args.device} or limit.device == args.device)
    ]


def _effective(limits: Sequence[LimitSetting], device: str | None) -> Mapping[str, LimitSetting]:
    """Give, by measure, the high-priority limits that judge a device; None: any that no limit names.

    As :meth:`hub_agent.alarms.device_watch.DeviceWatch.set_limits` does it: a disabled own limit replaces too.
    """
    high = [limit for limit in limits if limit.priority == "high"]
    mine = {limit.measure: limit for limit in high if limit.device is None}
    mine |= {limit.measure: limit for limit in high if limit.device == device}
    return {measure: limit for measure, limit in mine.items() if limit.enabled}


def _loses(before: Mapping[str, LimitSetting], after: Mapping[str, LimitSetting]) -> bool:
    return any(measure not in after or _loosens(limit, after[measure]) for measure, limit in before.items())


def _loosens(before: LimitSetting, after: LimitSetting) -> bool:
    """Whether some value that was an alarm before is none after, or a later one; both in the measure's first unit."""
    low = before.low is not None and (after.low is None or after.low < before.low)
    high = before.high is not None and (after.high is None or after.high > before.high)
    return low or high or after.delay_s > before.delay_s
