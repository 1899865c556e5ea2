"""Oximeters of the Bluetooth Pulse Oximeter Profile.

Owns: the driver ``gatt-pulse-oximeter``: live values, spot checks, and spot checks kept in the device's memory.
Never: takes apart bytes; ``frame`` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.driver import Action, BleLink, Chunk, Driver, Emit, Match, Moment, Rejected, Session, sig_uuid
from hub_agent.registry import Fields, Format, FormatDecoder
from hub_drivers.battery.frame import BATTERY_LEVEL
from hub_drivers.battery.frame import reading as battery
from hub_drivers.codec.options import flag
from hub_drivers.codec.plausibility import gated
from hub_drivers.codec.steps import taken
from hub_drivers.pulse_oximeter.frame import (
    STORED_SPOT_CHECK,
    ContinuousFrame,
    SpotFrame,
    continuous_fields,
    decode_continuous,
    decode_features,
    decode_spot,
    features_fields,
    spot_fields,
)
from hub_drivers.pulse_oximeter.reading import MEASURES, continuous, spot
from hub_drivers.record_access.frame import CONTROL_POINT
from hub_drivers.record_access.transfer import Transfer

CONTINUOUS: Final = sig_uuid(0x2A5F)
SPOT_CHECK: Final = sig_uuid(0x2A5E)
FEATURES: Final = sig_uuid(0x2A60)


class PulseOximeterSession:
    """Listens, and reads the memory of a device that says it has one."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._transfer = Transfer(erase=flag(options, "erase"))
        self._has_memory = False
        self._opened = False

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Ask for stored spot checks if there may be any; features that come later are answered then."""
        del moment
        self._opened = True
        return self._transfer.start() if self._has_memory else ()

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        return taken(self._received(chunk.channel, chunk.data), chunk.data)

    def _received(self, channel: str, data: bytes) -> Iterator[Action]:
        if channel == CONTINUOUS:
            yield Emit(continuous(decode_continuous(data)))
        elif channel == SPOT_CHECK:
            yield Emit(spot(decode_spot(data), stored=self._transfer.reporting))
            yield from self._transfer.record()
        elif channel == BATTERY_LEVEL:
            yield Emit(battery(data))
        elif channel == FEATURES:
            self._has_memory = bool(decode_features(data).features & STORED_SPOT_CHECK)
            if self._has_memory and self._opened:
                yield from self._transfer.start()
        elif channel == CONTROL_POINT:
            yield from self._transfer.answered(data)
        else:
            yield Rejected("channel", data)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Give up on a memory that does not answer."""
        del moment
        return self._transfer.silent()

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know ``read-memory``."""
        del moment
        return self._transfer.start() if name == "read-memory" else ()


def _session(options: Mapping[str, Any]) -> Session:
    return PulseOximeterSession(options)


DRIVER: Final = Driver(
    name="gatt-pulse-oximeter",
    title="Bluetooth pulse oximeters: Nonin 3230 in SIG mode, Masimo, Beurer PO60 successors and others of the profile",
    link=BleLink(
        notify=(CONTINUOUS, SPOT_CHECK, CONTROL_POINT, BATTERY_LEVEL),
        match=Match(services=(sig_uuid(0x1822),)),
        read=(FEATURES, BATTERY_LEVEL),
        pairing="bond",  # the profile recommends it, and its sensors insist
    ),
    measures=MEASURES | {mdc.BATTERY},
    session=_session,
    commands=frozenset({"read-memory"}),
    options={"erase": "true deletes the device's stored spot checks once all are durable; default false"},
    cadence_s=1.0,
    level="decoded",
    quirks=("The service has no record numbers: stored spot checks are told apart by their time.",),
)


def _continuous_fields(frame: ContinuousFrame) -> Fields:
    return gated(continuous_fields(frame), continuous(frame))


def _spot_fields(frame: SpotFrame) -> Fields:
    return gated(spot_fields(frame), spot(frame))


FORMATS: Final[Mapping[str, FormatDecoder]] = {
    "ble.2a5f": Format(decode_continuous, _continuous_fields),
    "ble.2a5e": Format(decode_spot, _spot_fields),
    "ble.2a60": Format(decode_features, features_fields),
}
