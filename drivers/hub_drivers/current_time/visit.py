"""The session of a device that wakes to tell what it measured, and sleeps again: cuffs and thermometers.

Owns: the order of a visit: the clock is set, values are taken, the device is let go once it is quiet.
Never: knows a value; a driver brings a handler for each characteristic of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from hub_agent.driver import Action, Chunk, Emit, Finished, Moment, Rejected, Wait
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.codec.steps import taken
from hub_drivers.current_time.clock import CLOCK_CHANNELS, DeviceClock

Handler = Callable[[bytes, Moment], Iterable[Action]]
"""A value and when it came → what follows from it; DecodeError where it is none."""


class Visit:
    """Sets the device's clock, takes what it sends, and lets it go.

    Args:
        clock: of the device.
        handlers: by channel; battery and clock need none.
        first_s: how long it may take to say its first word.
    """

    def __init__(self, clock: DeviceClock, handlers: Mapping[str, Handler], first_s: float) -> None:
        self._clock = clock
        self._handlers = handlers
        self._first_s = first_s

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Set the clock first: A&D devices send nothing before."""
        return (*self._clock.opened(moment), Wait(self._first_s))

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return taken(self._received(chunk), chunk.data)

    def _received(self, chunk: Chunk) -> Iterator[Action]:
        channel, data, moment = chunk
        if channel in self._handlers:
            yield from self._handlers[channel](data, moment)
        elif channel == BATTERY_LEVEL:
            yield Emit(battery(data))
        elif channel in CLOCK_CHANNELS:
            yield from self._clock.told(channel, data, moment)
        else:
            yield Rejected("channel", data)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Let the device sleep."""
        del moment
        return (Finished(),)

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know no command."""
        del name, moment
        return ()
