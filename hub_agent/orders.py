"""What each command does: the handlers behind the desk.

Owns: how a command's words become calls. Never: verifies a command, records one, judges a reading, or keeps state.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from hub_agent.alarms.alarm import AlarmEvent, Presence
from hub_agent.alarms.book import AlarmBook
from hub_agent.clock import Clock
from hub_agent.commands.claims import AlarmAcknowledge, AudioPause, LimitSetting, LimitsOff, LimitsOn, LimitsSet, NoArgs
from hub_agent.commands.desk import Handler
from hub_agent.commands.limit_setting import limit_of, setting_of
from hub_agent.commands.record import Result
from hub_agent.nomenclature import by_refid


class Orders:
    """Carries commands out.

    Args:
        book: the alarm book, which owns the limits.
        clock: stamps.
        raised: takes the alarm events that a change of limits causes.
        keep: makes the book's state durable; returns when it is.
        snapshot: gives the hub's state for ``status``.
        restart: ends the process for its supervisor to start anew.
    """

    def __init__(
        self,
        book: AlarmBook,
        clock: Clock,
        raised: Callable[[Sequence[AlarmEvent]], None],
        keep: Callable[[], Awaitable[None]],
        snapshot: Callable[[], Mapping[str, Any]],
        restart: Callable[[], None],
    ) -> None:
        self._book = book
        self._clock = clock
        self._raised = raised
        self._keep = keep
        self._snapshot = snapshot
        self._restart = restart

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """One handler for each op of :data:`hub_agent.commands.ops.OPS`."""
        return {
            "ping": self._ping,
            "status": self._status,
            "limits.set": self._limits_set,
            "limits.off": self._limits_off,
            "limits.on": self._limits_on,
            "alarm.acknowledge": self._alarm_acknowledge,
            "audio.pause": self._audio_pause,
            "agent.restart": self._agent_restart,
        }

    def settings(self) -> tuple[LimitSetting, ...]:
        """Spell the limits in force as commands do."""
        return tuple(setting_of(limit) for limit in self._book.limits)

    async def _ping(self, _args: NoArgs) -> Result:
        stamp = self._clock.stamp()
        return {"at": self._clock.now().isoformat(timespec="milliseconds"), "boot": stamp.boot, "clock": stamp.clock}

    async def _status(self, _args: NoArgs) -> Result:
        return dict(self._snapshot())

    async def _limits_set(self, args: LimitsSet) -> Result:
        limits = [limit_of(setting, args.revision) for setting in args.limits]
        self._raised(self._book.set_limits(limits, args.revision, self._clock.stamp()))
        await self._keep()
        return {"revision": args.revision, "limits": len(limits)}

    async def _limits_off(self, args: LimitsOff) -> Result:
        measure = by_refid(args.measure).code
        self._raised(self._book.off(measure, args.device, args.for_s, self._clock.stamp()))
        return {"for_s": args.for_s}

    async def _limits_on(self, args: LimitsOn) -> Result:
        self._raised(self._book.on(by_refid(args.measure).code, args.device, self._clock.stamp()))
        return {}

    async def _alarm_acknowledge(self, args: AlarmAcknowledge) -> Result:
        events = self._book.acknowledge(args.alarm, self._clock.stamp())
        self._raised(events)
        await self._keep()
        presence = events[-1].presence if events else Presence.ACKNOWLEDGED  # no event: it was acknowledged before
        return {"presence": presence.value}

    async def _audio_pause(self, args: AudioPause) -> Result:
        self._book.pause_audio(args.for_s, self._clock.stamp())
        await self._keep()
        return {"for_s": args.for_s}

    async def _agent_restart(self, _args: NoArgs) -> Result:
        self._restart()
        return {}
