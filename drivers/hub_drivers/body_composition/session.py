"""The session of every scale, with or without body composition.

Owns: the order a scale needs (consent, time), the pairing of weight and composition, the joining of packets.
Never: takes apart bytes; the two ``frame`` modules do.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from hub_agent.driver import Action, Chunk, Emit, Finished, Moment, Rejected, Wait, sig_uuid
from hub_agent.model import DeviceTime
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.body_composition.frame import CompositionFrame, joined
from hub_drivers.body_composition.frame import decode as decode_composition
from hub_drivers.body_composition.frame import reading as composition_reading
from hub_drivers.codec.sig_time import dated
from hub_drivers.codec.steps import taken
from hub_drivers.current_time.clock import CLOCK_CHANNELS, DeviceClock
from hub_drivers.user_data.consent import CONTROL_POINT, Consent
from hub_drivers.weight_scale.frame import WeightFrame
from hub_drivers.weight_scale.frame import decode as decode_weight
from hub_drivers.weight_scale.frame import reading as weight_reading

WEIGHT: Final = sig_uuid(0x2A9D)
COMPOSITION: Final = sig_uuid(0x2A9C)

_FIRST_S: Final = 30.0
_UNTIL_QUIET: Final = Wait(10.0)


class ScaleSession:
    """Sets the scale's clock, gives the consent, takes what it sends, and lets it go.

    Args:
        clock: of the scale.
        consent: to speak for one of its users; None for a scale that knows none.
    """

    def __init__(self, clock: DeviceClock, consent: Consent | None = None) -> None:
        self._clock = clock
        self._consent = consent
        self._weight: WeightFrame | None = None
        self._packet: tuple[CompositionFrame, Moment] | None = None

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Set the clock and give the consent: a scale with users indicates nothing before."""
        consent = () if self._consent is None else self._consent.request()
        return (*self._clock.opened(moment), *consent, Wait(_FIRST_S))

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return taken(self._received(chunk), chunk.data)

    def _received(self, chunk: Chunk) -> Iterator[Action]:
        channel, data, moment = chunk
        if channel == WEIGHT:
            frame = decode_weight(data)
            yield from self._flush()
            self._weight = frame
            yield Emit(weight_reading(frame, stored=self._clock.old(dated(frame.time)[0], moment)))
            yield _UNTIL_QUIET
        elif channel == COMPOSITION:
            yield from self._composed(decode_composition(data), moment)
            yield _UNTIL_QUIET
        elif channel == CONTROL_POINT and self._consent is not None:
            yield from self._consent.answered(data)
        elif channel == BATTERY_LEVEL:
            yield Emit(battery(data))
        elif channel in CLOCK_CHANNELS:
            yield from self._clock.told(channel, data, moment)
        else:
            yield Rejected("channel", data)

    def _composed(self, frame: CompositionFrame, moment: Moment) -> Iterator[Action]:
        """Take a packet; the first of two waits for the second."""
        if self._packet is not None:
            first, _then = self._packet
            if frame.multiple and frame.imperial == first.imperial:
                self._packet = None
                yield self._emit(joined(first, frame), moment)
                return
            yield from self._flush()
        if frame.multiple:
            self._packet = (frame, moment)
        else:
            yield self._emit(frame, moment)

    def _emit(self, frame: CompositionFrame, moment: Moment) -> Action:
        """Emit a composition; without time or user of its own, those of the weight before it, once."""
        weight, self._weight = self._weight, None
        measured: DeviceTime | None = None
        user: int | None = None
        if weight is not None:
            measured, _unset = dated(weight.time)
            user = weight.user
        time = measured if frame.time is None else frame.time.device_time()
        return Emit(composition_reading(frame, measured, user, stored=self._clock.old(time, moment)))

    def _flush(self) -> Iterator[Action]:
        """Emit a packet whose second never came."""
        if self._packet is not None:
            frame, moment = self._packet
            self._packet = None
            yield self._emit(frame, moment)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Let the scale sleep."""
        del moment
        return (*self._flush(), Finished())

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know no command."""
        del name, moment
        return ()
