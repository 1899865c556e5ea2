"""A device's clock: setting it, checking that it took, and telling live readings from old ones by it.

Owns: what one session knows of its device's clock.
Never: corrects a reading's time; the hub does, knowing more.

Two rules of the field. A&D devices expect Date Time (2A08) at each connection before they send anything. Omron devices
take Current Time (2A2B) only once a connection and only when it is off (10 minutes here); written more often, they drop
the link. A clock is set only while the hub knows the home's time.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from hub_agent.driver import Action, Moment, Read, Warn, Write
from hub_agent.model import DeviceTime
from hub_drivers.codec.options import choice
from hub_drivers.codec.sig_time import SigTime, date_time, read_date_time
from hub_drivers.current_time.frame import CURRENT_TIME, DATE_TIME, decode, encode

CLOCK_CHANNELS: Final = (DATE_TIME, CURRENT_TIME)

OPTION: Final = (
    '"auto" (default) sets a clock that the device shows; "date-time" writes 2A08 unseen, before anything is read; '
    '"never" leaves it, for devices whose clock is read-only'
)

_MODES: Final = ("auto", "date-time", "never")
_TOLERATED: Final = timedelta(minutes=10)
_VERIFIED: Final = timedelta(minutes=2)
_FRESH: Final = timedelta(minutes=10)


class DeviceClock:
    """The clock of the device at the other end.

    Args:
        options: of the device; ``clock`` is read, see :data:`OPTION`.
        modes: what it may say, the default first; by default ``auto``.
    """

    def __init__(self, options: Mapping[str, Any], *modes: str) -> None:
        self._mode = choice(options, "clock", *(modes or _MODES))
        self._shown: dict[str, tuple[SigTime, Moment]] = {}
        self._opened = False
        self._written: set[str] = set()
        self._to_verify: str | None = None

    def opened(self, moment: Moment) -> Iterator[Action]:
        """Set what needs to be set, now that the device listens. What it shows later is set then."""
        self._opened = True
        if self._mode == "date-time" and DATE_TIME not in self._shown and moment.local is not None:
            self._written.add(DATE_TIME)
            yield Write(DATE_TIME, date_time(moment.local))
        for channel in CLOCK_CHANNELS:
            if channel in self._shown:
                yield from self._set_if_needed(channel, moment)

    def told(self, channel: str, data: bytes, moment: Moment) -> Iterator[Action]:
        """Take in a value of 2A08 or 2A2B.

        Raises:
            DecodeError: not a time.
        """
        time = read_date_time(data) if channel == DATE_TIME else decode(data).time
        if channel == self._to_verify:
            self._to_verify = None
            if moment.local is not None and self._off(time, moment.local) > _VERIFIED:
                yield Warn("device_clock_not_set")
        elif channel not in self._shown:
            self._shown[channel] = (time, moment)
            if channel in self._written:
                yield from self._verify(channel)
            elif self._opened:
                yield from self._set_if_needed(channel, moment)

    def fresh(self, measured: DeviceTime | None, moment: Moment) -> bool:
        """Say whether a time is of the last minutes, by the device's clock as found or by the hub's."""
        if measured is None:
            return False
        clocks = [self._now(shown, moment) for shown in self._shown.values()]
        return any(now is not None and abs(now - measured.local) <= _FRESH for now in (*clocks, moment.local))

    def old(self, measured: DeviceTime | None, moment: Moment) -> bool:
        """Say whether the device's own clock proves a time to be past.

        Without such a proof a reading counts as live: a wrong clock must not keep it from being judged.
        """
        known = any(time.local() is not None for time, _seen in self._shown.values())
        return measured is not None and known and not self.fresh(measured, moment)

    @staticmethod
    def _now(shown: tuple[SigTime, Moment], moment: Moment) -> datetime | None:
        """Carry the device's clock, as it was found, to ``moment``."""
        time, seen = shown
        local = time.local()
        return None if local is None else local + timedelta(seconds=moment.monotonic_s - seen.monotonic_s)

    @staticmethod
    def _off(time: SigTime, local: datetime) -> timedelta:
        shown = time.local()
        return timedelta.max if shown is None else abs(shown - local)

    def _set_if_needed(self, channel: str, moment: Moment) -> Iterator[Action]:
        if self._mode == "never" or moment.local is None:
            return
        time, _seen = self._shown[channel]
        if channel == DATE_TIME or self._off(time, moment.local) > _TOLERATED:
            self._written.add(channel)
            yield Write(channel, date_time(moment.local) if channel == DATE_TIME else encode(moment.local))
            yield from self._verify(channel)

    def _verify(self, channel: str) -> Iterator[Action]:
        """Ask for the time that was written: a device may acknowledge it and keep its own."""
        self._to_verify = channel
        yield Read(channel)
