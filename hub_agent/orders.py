"""What each command does: the handlers behind the desk, and the limits that commands have set.

Owns: the limits document in force and the measures that are off for a while.
Never: verifies a command, records one, or judges a reading.

Off is bounded and comes back by itself; a restart brings it back at once: forgetting to watch is the graver fault.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hub_agent.alarms.limits import Limit, Priority
from hub_agent.alarms.watch import AlarmBook
from hub_agent.clock import Clock
from hub_agent.commands.claims import LimitSetting, LimitsOff, LimitsOn, LimitsSet, NoArgs
from hub_agent.commands.desk import Handler
from hub_agent.commands.record import Result
from hub_agent.errors import ConfigError
from hub_agent.nomenclature import by_refid, quantity

STATE: Final = "limits"
_OFF_CHECK_S: Final = 1.0
_PRIORITIES: Final[Mapping[Priority, Literal["high", "medium", "low"]]] = {
    Priority.HIGH: "high",
    Priority.MEDIUM: "medium",
    Priority.LOW: "low",
}


@dataclass(frozen=True, slots=True)
class _Off:
    """A measure that is not judged until ``until_s`` (monotonic)."""

    measure: str
    device: str | None
    until_s: float


def setting_of(limit: Limit) -> LimitSetting:
    """Spell a limit of the configuration as commands do."""
    priority: Literal["high", "medium", "low"] = _PRIORITIES[limit.priority]
    return LimitSetting(
        measure=quantity(limit.measure).refid,
        device=limit.device,
        low=limit.low,
        high=limit.high,
        delay_s=round(limit.delay_s),
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


class Orders:
    """Carries commands out.

    Args:
        book: the alarm book, whose limits change.
        configured: the limits of the configuration file, in force until a command replaces them.
        clock: for what is off for a while.
        save: makes the limits document durable, under its name.
        raised: takes the alarm events that a change of limits causes.
        snapshot: gives the hub's state for ``status``.
        restart: ends the process for its supervisor to start anew.
    """

    def __init__(
        self,
        book: AlarmBook,
        configured: Sequence[Limit],
        clock: Clock,
        save: Callable[[str, bytes], Awaitable[None]],
        raised: Callable[[Sequence[Any]], None],
        snapshot: Callable[[], Mapping[str, Any]],
        restart: Callable[[], None],
    ) -> None:
        self._book = book
        self._clock = clock
        self._save = save
        self._raised = raised
        self._snapshot = snapshot
        self._restart = restart
        self.revision = 0
        self.settings: tuple[LimitSetting, ...] = tuple(setting_of(limit) for limit in configured)
        self._off: list[_Off] = []

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """One handler for each op of :data:`hub_agent.commands.ops.OPS`."""
        return {
            "ping": self._ping,
            "status": self._status,
            "limits.set": self._limits_set,
            "limits.off": self._limits_off,
            "limits.on": self._limits_on,
            "agent.restart": self._agent_restart,
        }

    def restore(self, document: bytes | None) -> None:
        """Take up the limits that a command set in an earlier life of the process.

        Raises:
            ConfigError: the document cannot be used.
        """
        if document is None:
            return
        try:
            plain = json.loads(document)
            args = LimitsSet.model_validate(plain)
        except ValueError as error:
            raise ConfigError("the stored limits cannot be read", hint="send limits.set again") from error
        self.revision, self.settings = args.revision, args.limits
        self._apply()

    async def run(self) -> None:
        """Bring back what was off for a while, when its time is up."""
        while True:
            await asyncio.sleep(_OFF_CHECK_S)
            now_s = self._clock.monotonic_s()
            kept = [off for off in self._off if off.until_s > now_s]
            if len(kept) < len(self._off):
                self._off = kept
                self._apply()

    def _apply(self) -> None:
        """Put the limits in force, but what is off."""
        limits = []
        for setting in self.settings:
            off = any(
                off.measure == setting.measure and (off.device is None or off.device == setting.device)
                for off in self._off
            )
            limits.append(limit_of(setting.model_copy(update={"enabled": False}) if off else setting, self.revision))
        self._raised(self._book.set_limits(limits, self.revision, self._clock.stamp()))

    async def _ping(self, _args: NoArgs) -> Result:
        stamp = self._clock.stamp()
        return {"at": self._clock.now().isoformat(timespec="milliseconds"), "boot": stamp.boot, "clock": stamp.clock}

    async def _status(self, _args: NoArgs) -> Result:
        return dict(self._snapshot())

    async def _limits_set(self, args: LimitsSet) -> Result:
        before = self.revision, self.settings
        self.revision, self.settings = args.revision, args.limits
        try:
            # Durable first: a limit that is announced and forgotten is worse than one that comes a moment later.
            await self._save(STATE, args.model_dump_json().encode())
            self._apply()
        except BaseException:
            self.revision, self.settings = before
            raise
        return {"revision": self.revision, "limits": len(self.settings)}

    async def _limits_off(self, args: LimitsOff) -> Result:
        self._off.append(_Off(args.measure, args.device, self._clock.monotonic_s() + args.for_s))
        self._apply()
        return {"for_s": args.for_s}

    async def _limits_on(self, args: LimitsOn) -> Result:
        self._off = [off for off in self._off if (off.measure, off.device) != (args.measure, args.device)]
        self._apply()
        return {}

    async def _agent_restart(self, _args: NoArgs) -> Result:
        self._restart()
        return {}
