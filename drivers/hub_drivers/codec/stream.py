"""Frames out of a stream, and the session of a device that talks of itself once it is asked.

Owns: resynchronising deframing with bounded memory, counted pacing, and start and keep-alive commands.
Never: knows a format; families bring a measure of frames and a handler of them.

All of it depends on the order of bytes alone, never on how they were cut into chunks.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from hub_agent.driver import Action, Chunk, DecodeError, Moment, Rejected, Wait

__all__ = ["Cut", "Deframer", "Handle", "Measure", "Pace", "StreamSession", "framed", "measure_line"]

Measure = Callable[[bytes, int], int]
"""(buffer, start) → length of the whole valid frame that starts there; 0: may become one, wait for more bytes;
-n: no frame starts in the next n bytes."""


class Cut(NamedTuple):
    """A piece of the stream.

    Attributes:
        kind: ``frame``; ``answer``, one byte that is a whole answer; ``lead``, the rest of a frame whose beginning was
            sent before the line was opened; ``noise``.
        data: its bytes.
    """

    kind: Literal["frame", "answer", "lead", "noise"]
    data: bytes


class Deframer:
    """Cuts a stream into frames and finds the next one after whatever came between.

    Args:
        measure: knows a frame when it sees one.
        longest: no frame has more bytes; what is kept waiting stays below it.
        answers: bytes that are answers (ACK, NAK) where they stand between frames.

    Attributes:
        joins_chunks: for the conformance kit: the driver's link has to say which of its channels are streams.
    """

    joins_chunks: Final = True

    def __init__(self, measure: Measure, longest: int, answers: bytes = b"") -> None:
        self._measure = measure
        self._answers = answers
        self._longest = longest
        self._noise_limit: Final = max(longest, 64)
        self._buffer = b""
        self._noise = bytearray()
        self._joined = False

    def feed(self, data: bytes) -> list[Cut]:
        """Take bytes in, give the frames that are complete, with the noise before each."""
        buffer = self._buffer + data if self._buffer else data
        measure, size, start = self._measure, len(buffer), 0
        cuts: list[Cut] = []
        while start < size:
            if buffer[start] in self._answers and not self._noise:
                cuts.append(Cut("answer", buffer[start : start + 1]))
                start += 1
                continue
            length = measure(buffer, start)
            if length > 0:
                cuts.extend(self._close_noise())
                self._joined = True
                cuts.append(Cut("frame", buffer[start : start + length]))
                start += length
            elif length == 0 and size - start < self._longest:
                break
            else:
                skipped = max(-length, 1)
                cuts.extend(self._skip(buffer[start : start + skipped]))
                start += skipped
        self._buffer = buffer[start:]
        return cuts

    def _skip(self, data: bytes) -> Iterator[Cut]:
        """Keep noise until a frame ends it or there is as much as the limit."""
        self._noise += data
        while len(self._noise) >= self._noise_limit:
            self._joined = True
            yield Cut("noise", bytes(self._noise[: self._noise_limit]))
            del self._noise[: self._noise_limit]

    def _close_noise(self) -> tuple[Cut, ...]:
        if not self._noise:
            return ()
        data = bytes(self._noise)
        self._noise.clear()
        return (Cut("noise" if self._joined else "lead", data),)


class Pace:
    """Lets one of every so many pass, the first one at once: counted, so that time plays no part."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._count = -1

    def due(self) -> bool:
        """Count one; say whether it passes."""
        self._count = (self._count + 1) % self._every
        return self._count == 0


Handle = Callable[[bytes], Iterable[Action]]
"""A whole frame → what follows from it; DecodeError where it is none after all."""


def framed(chunk: Chunk, channel: str, deframer: Deframer, handle: Handle, noise: str = "no frame") -> Iterator[Action]:
    """Handle each frame that a chunk completes; reject what is none with the reason, noise with ``noise``."""
    if chunk.channel != channel:
        yield Rejected("channel", chunk.data)
        return
    for kind, data in deframer.feed(chunk.data):
        if kind == "frame":
            try:
                yield from handle(data)
            except DecodeError as error:
                yield Rejected(str(error), data)
        elif kind == "noise":
            yield Rejected(noise, data)


class StreamSession:
    """The session of a device that streams, if need be after a start command and with a keep-alive.

    Args:
        channel: where the stream comes from.
        deframer: cuts it.
        handle: turns a frame into actions.
        start: actions that start the stream; repeated while the device stays silent for ``silence_s``.
        repeat: actions that keep it alive, every ``repeat_s``, streaming or not.
        repeat_s: 0 for a device that needs no keep-alive.
        silence_s: when to start again; 0 for a device that has no start command.
    """

    def __init__(
        self,
        channel: str,
        deframer: Deframer,
        handle: Handle,
        *,
        start: Sequence[Action] = (),
        repeat: Sequence[Action] = (),
        repeat_s: float = 0.0,
        silence_s: float = 0.0,
    ) -> None:
        self._channel = channel
        self._deframer = deframer
        self._handle = handle
        self._start = tuple(start)
        self._repeat = tuple(repeat)
        self._repeat_s = repeat_s
        self._silence_s = silence_s
        self._repeated_s = float("-inf")

    def opened(self, moment: Moment) -> Iterable[Action]:
        """Start the stream."""
        self._repeated_s = moment.monotonic_s
        return self._begin()

    def received(self, chunk: Chunk) -> Iterable[Action]:
        """Cut, handle what is whole, keep alive."""
        actions = list(framed(chunk, self._channel, self._deframer, self._handle))
        if chunk.channel != self._channel:
            return actions
        if self._repeat_s and chunk.moment.monotonic_s - self._repeated_s >= self._repeat_s:
            self._repeated_s = chunk.moment.monotonic_s
            actions.extend((*self._repeat, Wait(self._silence_s)))
        return actions

    def silent(self, moment: Moment) -> Iterable[Action]:
        """Start again."""
        self._repeated_s = moment.monotonic_s
        return self._begin()

    def command(self, name: str, moment: Moment) -> Iterable[Action]:
        """Know no command."""
        del name, moment
        return ()

    def _begin(self) -> tuple[Action, ...]:
        return (*self._start, Wait(self._silence_s)) if self._silence_s else self._start


def measure_line(buffer: bytes, start: int) -> int:
    """Find a line that ends with LF; the :data:`Measure` of text formats."""
    end = buffer.find(b"\n", start)
    return end + 1 - start if end >= 0 else 0
