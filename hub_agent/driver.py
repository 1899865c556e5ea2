"""The driver contract: what a device family is, as data and pure functions.

Owns: the types between a link, a driver and the runner.
Never: does I/O, reads a clock, logs. Neither may a driver: time and bytes are arguments, everything else is a returned
action.

A driver is one frozen value, :class:`Driver`. Most of them are ``decode_only({channel: function})``; dialogues (record
access, time setting, start commands) are small state machines with the four methods of :class:`Session`. The runner
performs actions strictly in order, and :class:`Emit` of an episodic or stored reading returns only once it is durable:
a ``Write`` behind it is therefore a truthful "received".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, Protocol

from hub_agent.errors import DecodeError
from hub_agent.model import Code, Reading

__all__ = [
    "SERIAL",
    "Action",
    "BleLink",
    "Chunk",
    "DecodeError",
    "DecodeOnly",
    "Driver",
    "Emit",
    "Finished",
    "Link",
    "Match",
    "Moment",
    "Read",
    "Rejected",
    "SerialLink",
    "Session",
    "Wait",
    "Warn",
    "Write",
    "decode_only",
    "sig_uuid",
]

SERIAL: Final = "serial"
"""The one channel of a serial link."""


def sig_uuid(short: int) -> str:
    """Spell a Bluetooth SIG 16-bit UUID in full, lower case, as bleak and BlueZ do."""
    return f"{short:08x}-0000-1000-8000-00805f9b34fb"


# --- what goes in ----------------------------------------------------------------------------------------------------


class Moment(NamedTuple):
    """The time, passed in.

    Attributes:
        monotonic_s: seconds on a clock that only goes forward; for durations.
        local: the home's wall clock, naive, for setting a device's clock; None while the hub's own is not good.
        offset_min: of ``local`` from UTC.
    """

    monotonic_s: float
    local: datetime | None
    offset_min: int = 0

    @property
    def utc(self) -> datetime | None:
        """The same in UTC, as naive, for a device whose clock is in UTC."""
        return None if self.local is None else self.local - timedelta(minutes=self.offset_min)


class Chunk(NamedTuple):
    """Bytes that arrived together.

    Attributes:
        channel: full lower-case characteristic UUID, or ``"serial"``.
        data: one characteristic value, or whatever the serial line held.
        moment: when its last byte arrived.
    """

    channel: str
    data: bytes
    moment: Moment


# --- what comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand a reading on. Where it is episodic or stored, the next action runs only when it is durable."""

    reading: Reading


@dataclass(frozen=True, slots=True)
class Write:
    """Send bytes to the device."""

    channel: str
    data: bytes
    response: bool = True
    """BLE: write with response. Serial links ignore it."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read a characteristic; its value comes back through ``received`` on the same channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Call ``silent`` once if nothing is received for so long after the last chunk. Replaces an earlier one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Warn:
    """Something the NOC's technicians should know: a code of ``[a-z0-9_]``, no value and no identity in it."""

    code: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that are no valid frame: counted, and kept (bounded, sealed) for diagnosis."""

    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The device has given all it has: the runner closes the link and waits for the next time."""


Action = Emit | Write | Read | Wait | Warn | Rejected | Finished


class Session(Protocol):
    """One connection's worth of state. Pure: the same calls give the same actions."""

    def opened(self, moment: Moment) -> Iterable[Action]:
        """The link is up, subscriptions are made, initial reads are done."""
        ...

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Bytes came."""
        ...

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Nothing came for as long as the last ``Wait`` said."""
        ...

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """A technician asks for something that the driver declares in ``commands``; it comes behind ``opened``."""
        ...


# --- how to reach it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """How a device is recognised in an advertisement: every part that is given must fit, by any of its values.

    Attributes:
        names: prefixes of the advertised name.
        services: advertised service UUIDs, full and lower case.
        manufacturers: Bluetooth SIG company identifiers in the manufacturer data.
    """

    names: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    manufacturers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BleLink:
    """How to talk to a BLE device; all UUIDs full and lower case.

    Attributes:
        notify: characteristics to subscribe to, in order; what the device lacks is passed over, unless that is all.
        match: how it advertises.
        streams: those of ``notify`` whose values are pieces of a byte stream; the others bring one message a value.
        read: characteristics read once after connecting, before ``opened``; their values come through ``received``.
        pairing: ``none``; ``bond`` (just works); ``passkey`` (the device shows six digits).
        hold: keep the connection; False for devices that are read and let go.
        settle_s: wait between service discovery and the first subscription.
        open_before_subscribe: call ``opened`` (which may write, for example the time) before subscribing.
        subscribe_gap_s: wait after what ``opened`` wrote, before subscribing.
    """

    notify: tuple[str, ...]
    match: Match
    read: tuple[str, ...] = ()
    pairing: Literal["none", "bond", "passkey"] = "none"
    hold: bool = True
    settle_s: float = 0.0
    open_before_subscribe: bool = False
    subscribe_gap_s: float = 0.0
    streams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SerialLink:
    """How to talk to a device on a serial line.

    Attributes:
        baudrate: bits a second.
        bytesize: data bits.
        parity: none, even or odd.
        stopbits: stop bits.
        usb: (vendor, product) ids of its own USB serial chip, where it has one.
        rtscts: hardware flow control.
    """

    baudrate: int
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    usb: tuple[tuple[int, int], ...] = ()
    rtscts: bool = False


Link = BleLink | SerialLink

SessionFactory = Callable[[Mapping[str, Any]], Session]
"""Makes a session from the device's ``options`` of the configuration."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One device family.

    Attributes:
        name: ``[a-z0-9-]``, what configuration files say.
        title: for people: maker and models, or the profile.
        link: how to reach it.
        measures: the MDC codes it may emit; nothing else may come.
        session: makes a fresh session for a connection from the device's options.
        commands: names that ``Session.command`` understands, for ``hub-agent devices test --command``.
        options: keys the configuration may set, with what each does.
        example: options that make a working session, for tools and tests; empty unless the driver needs some.
        cadence_s: how often a reading is expected while it is in use; None for devices used now and then.
        repeats: it may send a reading again: from its memory, or because nobody said that it arrived. False only for a
            stream without a memory: its readings are then not looked up one by one among those that came before.
        level: the rung of the ladder: decoded, verified (on hardware), complete.
        quirks: what to know, one sentence each.
    """

    name: str
    title: str
    link: Link
    measures: frozenset[Code]
    session: SessionFactory
    commands: frozenset[str] = frozenset()
    options: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    cadence_s: float | None = None
    repeats: bool = True
    level: Literal["decoded", "verified", "complete"] = "decoded"
    quirks: tuple[str, ...] = ()


# --- the simplest session --------------------------------------------------------------------------------------------

Decode = Callable[[bytes], Reading | None]
"""One characteristic value → its reading; None when it holds none (a battery level that another driver shows).

Raises:
    DecodeError: the bytes are not of this format.
"""


class DecodeOnly:
    """A session that only listens: each chunk of a known channel is one whole value."""

    def __init__(self, decoders: Mapping[str, Decode]) -> None:
        self._decoders = decoders

    def opened(self, moment: Moment) -> Sequence[Action]:
        """Ask for nothing."""
        del moment
        return ()

    def received(self, chunk: Chunk) -> Sequence[Action]:
        """Decode, or reject with the decoder's reason."""
        decode = self._decoders.get(chunk.channel)
        if decode is None:
            return (Rejected("channel", chunk.data),)
        try:
            reading = decode(chunk.data)
        except DecodeError as error:
            return (Rejected(str(error), chunk.data),)
        return () if reading is None else (Emit(reading),)

    def silent(self, moment: Moment) -> Sequence[Action]:
        """Silence is the runner's to judge."""
        del moment
        return ()

    def command(self, name: str, moment: Moment) -> Sequence[Action]:
        """Know no command."""
        del name, moment
        return ()


def decode_only(decoders: Mapping[str, Decode]) -> SessionFactory:
    """Make the session factory of a driver that only listens, from a decoder for each channel."""
    return lambda _options: DecodeOnly(decoders)
