"""The device's end of a serial cable, on a pseudo-terminal.

Owns: plugging and unplugging, bytes to and from the hub, and the exact count of readings that went over.
Never: knows a protocol or a pace.

Unplugging closes the master, which the hub's end feels as a real unplug: the kernel hangs the line up. Plugging in
again makes a new pseudo-terminal, most often under another number, behind the same link, as udev does.
"""

import errno
import fcntl
import os
import struct
import termios
import tty
from collections import deque
from pathlib import Path
from typing import Final

_FLUSHED: Final = termios.TIOCPKT_FLUSHREAD
_READ: Final = 4096
_KEPT: Final = 256 * 1024
"""More bytes than the kernel ever holds for a reader that lags behind."""


class Line:
    """One end of a cable (tty_ioctl(4), pty(7)).

    The device speaks only while somebody listens: from the moment that the other end has flushed its input, as serialx
    and pyserial do on opening. What is sent after that is not thrown away by the opening itself.

    Args:
        link: the symbolic link that stays the same through every replug.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master: int | None = None
        self._name = ""
        self._listening = False
        self._sent_bytes = 0
        self._rest = b""
        self._rest_readings = 0
        self._in_flight: deque[tuple[int, int]] = deque()
        self._emitted = 0
        self.overrun = 0
        """Frames dropped whole because the hub did not read."""

    @property
    def emitted(self) -> int:
        """Readings whose every byte was sent while the hub listened, less those it had not taken when the line ended.

        A frame that was cut, dropped for an overrun, sent into silence or still in the kernel when the cable was pulled
        or the hub let go of the port is not counted.
        """
        return self._emitted

    @property
    def listening(self) -> bool:
        """Whether the hub has the port open and is ready to read, as of the last ``hear``."""
        return self._listening

    @property
    def plugged(self) -> bool:
        """Whether the device is plugged in."""
        return self._master is not None

    def plug(self) -> None:
        """Plug in: a new pseudo-terminal behind the link."""
        if self._master is not None:
            return
        master, slave = os.openpty()
        try:
            tty.setraw(slave)
            self._name = os.ttyname(slave)
        finally:
            os.close(slave)
        os.set_blocking(master, False)
        # Packet mode tells of the other end's flushing.
        fcntl.ioctl(master, termios.TIOCPKT, struct.pack("i", 1))
        self._master = master
        self._link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._link.with_name(f".{self._link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._name)
        fresh.replace(self._link)

    def unplug(self) -> None:
        """Pull the cable: the link goes, the hub's end is hung up."""
        if self._master is None:
            return
        self._settle()
        self._link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = None

    def hear(self) -> bytes:
        """Take what the hub wrote; notices a hub that came or went."""
        heard = bytearray()
        while self._master is not None:
            try:
                packet = os.read(self._master, _READ)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self._settle()  # nobody holds the other end
                break
            if packet[0] == termios.TIOCPKT_DATA:
                heard += packet[1:]
            elif packet[0] & _FLUSHED:
                self._begin()
        return bytes(heard)

    def send(self, frame: bytes, readings: int = 0) -> None:
        """Send one frame, which carries so many readings, or drop it as a real line would."""
        if self._master is None or not self._listening:
            return
        if self._rest and not self._push(b"", 0):
            self.overrun += 1
            return
        self._push(frame, readings)

    def _push(self, frame: bytes, readings: int) -> bool:
        data = self._rest + frame
        readings += self._rest_readings
        written = self._write(data)
        self._sent_bytes += written
        self._rest, self._rest_readings = data[written:], readings
        if self._rest:
            return False
        self._rest_readings = 0
        self._emitted += readings
        self._in_flight.append((self._sent_bytes, readings))
        while self._in_flight[0][0] < self._sent_bytes - _KEPT:
            self._in_flight.popleft()
        return True

    def _write(self, data: bytes) -> int:
        assert self._master is not None  # noqa: S101 - both callers have looked
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0

    def _begin(self) -> None:
        if self._listening:
            self._settle()
        self._listening = True

    def _settle(self) -> None:
        """The hub is going: take back what it has not read."""
        if not self._listening:
            return
        taken = self._sent_bytes - self._unread()
        while self._in_flight and self._in_flight[-1][0] > taken:
            self._emitted -= self._in_flight.pop()[1]
        self._in_flight.clear()
        self._listening = False
        self._sent_bytes = 0
        self._rest, self._rest_readings = b"", 0

    def _unread(self) -> int:
        """Count what the kernel still holds for the hub, by taking it.

        A read that finds nothing first lets the kernel hand over what it has queued; FIONREAD does not (n_tty_read in
        Linux drivers/tty/n_tty.c).
        """
        slave = os.open(self._name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return _drain(slave)
        finally:
            os.close(slave)


def _drain(descriptor: int) -> int:
    """Read until there is nothing: EAGAIN, or no bytes where the hub has set VMIN to 0 (termios(3))."""
    count = 0
    while True:
        try:
            size = len(os.read(descriptor, _READ))
        except BlockingIOError:
            return count
        if not size:
            return count
        count += size
