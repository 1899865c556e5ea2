"""The dialogue that reads an Omron cuff's memory: unlock, open, read every slot, close.

Owns: its steps, and trying a step again. Never: parses bytes; writes to the memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from hub_agent.driver import Action, Chunk, DecodeError, Emit, Finished, Moment, Rejected, Wait, Warn, Write
from hub_agent.model import DeviceTime, Quality, Reading
from hub_drivers.codec.pressure import blood_pressure
from hub_drivers.omron import frame
from hub_drivers.omron.models import Model
from hub_drivers.omron.record import SIZE, Record

__all__ = ["OmronSession", "record_reading"]

UNLOCK: Final = "b305b680-aee7-11e1-a730-0002a5d5c51b"
TX: Final = "db5b55e0-aee7-11e1-965e-0002a5d5c51b"

_TOKEN: Final = b"\x11hubs" + bytes(15)  # any four bytes: the cuff echoes them, it keeps no secret
_TOKEN_ECHO: Final = b"\x91\x00hubs"
_PROGRAM: Final = b"\x02" + bytes(16)
_ANSWER_S: Final = 5.0
_TRIES: Final = 4

_Step = Literal["idle", "program", "set_key", "unlock", "open", "read", "close"]


class _Slots(NamedTuple):
    """What one request reads: whole slots of one user."""

    user: int | None
    address: int
    size: int


def record_reading(found: Record, user: int | None) -> Reading:
    """Make the reading of a stored record."""
    quality = Quality.GOOD
    if found.irregular:
        quality |= Quality.IRREGULAR_PULSE
    if found.movement:
        quality |= Quality.BODY_MOVEMENT
    if found.taken is None:
        quality |= Quality.CLOCK_NOT_SET
    return blood_pressure(
        found.systolic,
        found.diastolic,
        found.pulse_rate,
        quality,
        measured=DeviceTime(found.taken) if found.taken else None,
        stored=True,
        user=user,
    )


def _plan(model: Model) -> Iterator[_Slots]:
    """Cut every user's slots into requests of whole slots."""
    at_once = max(1, model.block_size // model.record_size)
    for number, (address, count) in enumerate(model.users, start=1):
        user = number if len(model.users) > 1 else None
        for first in range(0, count, at_once):
            slots = min(at_once, count - first)
            yield _Slots(user, address + first * model.record_size, slots * model.record_size)


class OmronSession:
    """Reads all slots once and finishes; what repeats is told apart by the cuff's own time.

    Args:
        model: where the records are.
        channels: the characteristics that answer, first piece first.
        key: 16 bytes for cuffs that are unlocked by a key.
    """

    def __init__(self, model: Model, channels: Sequence[str], key: bytes = b"") -> None:
        self._model = model
        self._assembler = frame.Assembler(channels)
        self._channels = frozenset(channels)
        self._key = key
        self._plan = list(_plan(model))
        self._at = 0
        self._step: _Step = "idle"
        self._tries = 0

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Unlock, where the model has to be."""
        del moment
        return self._enter("open" if self._model.unlock == "none" else "unlock")

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Take an answer; go on to the next step."""
        if chunk.channel == UNLOCK:
            return tuple(self._unlocked(chunk.data))
        if chunk.channel not in self._channels:
            return (Rejected("channel", chunk.data),)
        whole = self._assembler.feed(chunk.channel, chunk.data)
        if whole is None:
            return ()
        try:
            return tuple(self._answered(frame.decode(whole)))
        except DecodeError as error:
            return (Rejected(str(error), whole),)

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Say it again, a few times."""
        del moment
        if self._step == "idle":
            return ()
        if self._tries >= _TRIES:
            return self._give_up("no_answer")
        return self._say()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """``pair``: program the key; the cuff must show its pairing sign."""
        del moment
        return self._enter("program") if name == "pair" and self._key else ()

    def _enter(self, step: _Step) -> tuple[Action, ...]:
        self._step = step
        self._tries = 0
        return self._say()

    def _say(self) -> tuple[Action, ...]:
        self._tries += 1
        return (self._words(), Wait(_ANSWER_S))

    def _words(self) -> Write:
        """Give what the step says."""
        if self._step == "unlock" and self._model.unlock == "token":
            return Write(UNLOCK, _TOKEN, response=False)
        if self._step in {"unlock", "set_key"}:
            return Write(UNLOCK, bytes((0x01 if self._step == "unlock" else 0x00,)) + self._key)
        if self._step == "program":
            return Write(UNLOCK, _PROGRAM)
        if self._step == "read":
            slots = self._plan[self._at]
            return Write(TX, frame.read_request(slots.address, slots.size), response=False)
        return Write(TX, frame.CLOSE if self._step == "close" else frame.OPEN, response=False)

    def _unlocked(self, data: bytes) -> Iterable[Action]:
        """Follow the answers of the unlock characteristic."""
        head = data[:1]
        if self._step == "program" and head == b"\x82":
            yield from self._enter("set_key")
        elif self._step == "set_key" and head == b"\x80":
            yield from self._enter("unlock")
        elif self._step == "unlock" and (head == b"\x81" or data[:6] == _TOKEN_ECHO):
            yield from self._enter("open")
        elif self._step in {"program", "set_key", "unlock"}:
            yield Rejected("unlock", data)
            yield from self._give_up("unlock_refused")

    def _answered(self, found: frame.Frame) -> Iterable[Action]:
        if self._step == "open" and found.type == frame.OPENED:
            yield from self._enter("read")
        elif self._step == "read" and found.type == frame.READ:
            slots = self._plan[self._at]
            if (found.address, found.size) == (slots.address, slots.size):
                yield from self._records(slots, found.data)
                yield from self._next()
        elif self._step == "close" and found.type == frame.CLOSED:
            self._step = "idle"
            yield Finished()
        elif found.type == frame.CLOSED and self._step in {"open", "read"}:
            yield from self._give_up("memory_refused")

    def _records(self, slots: _Slots, data: bytes) -> Iterable[Action]:
        """Make readings of the slots; a refusal brings no data and is passed over."""
        size = self._model.record_size
        for at in range(0, len(data) - size + 1, size):
            found = self._model.layout(data[at : at + SIZE])
            if found is not None:
                yield Emit(record_reading(found, slots.user))

    def _next(self) -> tuple[Action, ...]:
        self._at += 1
        return self._enter("read" if self._at < len(self._plan) else "close")

    def _give_up(self, why: str) -> tuple[Action, ...]:
        self._step = "idle"
        return (Warn(why), Finished())
