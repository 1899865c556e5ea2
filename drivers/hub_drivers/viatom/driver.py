"""The driver of Viatom's rings: asks for live values again and again.

Owns: the poll, and how answers become readings. Never: parses bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from hub_agent.driver import (
    Action,
    BleLink,
    Chunk,
    DecodeError,
    Driver,
    Emit,
    Match,
    Moment,
    Rejected,
    Session,
    Wait,
    Warn,
    Write,
)
from hub_agent.errors import ConfigError
from hub_agent.model import Measurement, Quality, Reading
from hub_agent.nomenclature import BATTERY, PERFUSION_INDEX, PLETH, PULSE_RATE_OXIMETER, SPO2
from hub_drivers.codec.number import tenths, whole
from hub_drivers.codec.oximetry import oximetry, perfusion, pleth
from hub_drivers.codec.stream import Deframer, framed
from hub_drivers.viatom import frame
from hub_drivers.viatom.frame import Live, Realtime

__all__ = ["DRIVER", "ViatomSession", "live_reading"]

SERVICE: Final = "14839ac4-7d7e-415c-9a42-167340cf2339"
NOTIFY: Final = "0734594a-a8e7-4b1a-a6b1-cd5243059a57"
WRITE: Final = "8b00ace7-eb0b-49b0-bbe9-9aee0a26e1a3"

_NAMES: Final = (
    "BabyO2",
    "CheckO2",
    "Checkme_O2",
    "KidsO2",
    "O2 ",
    "O2BAND",
    "O2M ",
    "O2Ring",
    "Oxylink",
    "SleepO2 ",  # with its blank: the EMAY SleepO2 has a hyphen there, and another protocol
    "SleepU",
    "WearO2",
)
"""As MackeyStingray/o2r and Viatom's own apps know them."""

_PIECE: Final = 20  # the device takes no longer writes
_POLL_S: Final = 2.0
_ANSWER_S: Final = 3.0
_UNANSWERED_BEFORE_WARNING: Final = 3
_LOW_BATTERY: Final = 10
_FULL: Final = 100
_PERIOD_S: Final = Decimal("0.008")


def live_reading(found: Live | Realtime) -> Reading:
    """Make the reading of live values: on no finger and while it searches there are none, whatever it sends."""
    quality = Quality.GOOD
    if not found.worn:
        quality |= Quality.SENSOR_OFF
    elif not found.spo2 and not found.pulse_rate:
        quality |= Quality.SEARCHING
    if found.battery <= _LOW_BATTERY:
        quality |= Quality.LOW_BATTERY
    more: tuple[Measurement, ...] = (perfusion(tenths(found.pi_raw) if found.pi_raw else None, quality),)
    if found.battery <= _FULL:
        more += (Measurement(BATTERY, "%", whole(found.battery)),)
    return oximetry(found.spo2, found.pulse_rate, quality, more=more)


def _writes(data: bytes) -> Iterator[Action]:
    for at in range(0, len(data), _PIECE):
        yield Write(WRITE, data[at : at + _PIECE], response=False)


class ViatomSession:
    """Polls: a request, its answer, a pause. The protocol is not pipelined.

    Args:
        command: ``sensors`` (17) or ``realtime`` (1B).
        waveform: whether to keep the pleth that ``realtime`` brings.
    """

    def __init__(self, command: Literal["sensors", "realtime"], *, waveform: bool) -> None:
        self._command = command
        self._waveform = waveform
        self._deframer = Deframer(frame.measure, frame.LONGEST)
        self._asked = False
        self._unanswered = 0
        self._setting_time = False

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Ask for the first values."""
        return self.silent(moment)

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Handle answers, then pause."""
        return framed(chunk, NOTIFY, self._deframer, self._answered)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """The pause is over, or no answer came: ask, again."""
        del moment
        self._unanswered += self._asked
        if self._asked and self._unanswered == _UNANSWERED_BEFORE_WARNING:
            yield Warn("no_answer")
        self._asked = True
        self._setting_time = False
        if self._command == "sensors":
            yield from _writes(frame.encode_request(frame.READ_SENSORS))
        else:
            yield from _writes(frame.encode_request(frame.REALTIME, b"\0"))
        yield Wait(_ANSWER_S)

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``set_time``: set the device's clock, if the hub's own is good."""
        if name != "set_time":
            return
        if moment.local is None:
            yield Warn("hub_clock_not_set")
            return
        self._setting_time = True
        text = f'{{"SetTIME":"{moment.local:%Y-%m-%d,%H:%M:%S}"}}'
        yield from _writes(frame.encode_request(frame.CONFIG, text.encode("ascii")))
        yield Wait(_ANSWER_S)

    def _answered(self, data: bytes) -> Iterable[Action]:
        self._asked = False
        self._unanswered = 0
        yield from self._answer(data)
        yield Wait(_POLL_S)

    def _answer(self, data: bytes) -> Iterable[Action]:
        found = frame.decode_frame(data)
        if self._setting_time:
            self._setting_time = False
            if found.code:
                yield Warn("set_time_refused")
            return
        if found.code:
            yield Warn("poll_refused")
            return
        try:
            yield from self._values(found.payload)
        except DecodeError as error:
            yield Rejected(str(error), data)

    def _values(self, payload: bytes) -> Iterable[Action]:
        if self._command == "sensors":
            yield Emit(live_reading(frame.decode_live(payload)))
            return
        found = frame.decode_realtime(payload)
        yield Emit(live_reading(found))
        if self._waveform and found.worn and found.wave:
            yield Emit(pleth(found.wave, _PERIOD_S))


def _session(options: Mapping[str, Any]) -> Session:
    command = options.get("command", "sensors")
    if command not in {"sensors", "realtime"}:
        raise ConfigError("option 'command' of viatom-o2", hint="sensors or realtime")
    return ViatomSession(command, waveform=options.get("waveform") is True)


DRIVER: Final = Driver(
    name="viatom-o2",
    title="Viatom/Wellue O2Ring, Checkme O2, WearO2, SleepU",
    link=BleLink(
        notify=(NOTIFY,),
        match=Match(names=_NAMES),
        streams=(NOTIFY,),
    ),
    measures=frozenset((SPO2, PULSE_RATE_OXIMETER, PERFUSION_INDEX, BATTERY, PLETH)),
    session=_session,
    commands=frozenset(("set_time",)),
    options={
        "command": "sensors (default, 0x17) or realtime (0x1B, newer firmware, with pleth)",
        "waveform": "true to keep the pleth of realtime",
    },
    cadence_s=_POLL_S,
    quirks=(
        "Advertises only while worn or awake, and serves one central at a time.",
        "Worn with 0 % and 0 /min means that it searches.",
        "Takes no write longer than 20 bytes.",
        "The O2Ring-S (T8520) speaks another protocol and is not covered.",
    ),
)
"""Configure it as ``viatom-o2``."""
