"""What shows the annunciator's signal: a terminal's bell, a LED of the board, a command of the site.

Owns: turning one signal into bytes for one device.
Never: chooses a signal, waits, or knows an alarm. Each output is a small callable, as ``annunciator.Output`` says.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from hub_agent.alarms.annunciator import Shown, Signal

BURSTS: Final = {Shown.HIGH: 10, Shown.MEDIUM: 3, Shown.UNMONITORED: 2, Shown.LOW: 1, Shown.CALM: 0}
"""Pulses of one burst: 10, 3, and 1 or 2 are what monitors sound (Comen N10 manual, p. 64)."""

_FLASHES_MS: Final = {Shown.HIGH: (250, 250), Shown.MEDIUM: (500, 1000), Shown.UNMONITORED: (100, 1900)}
"""Lit and dark: fast for high, slow for medium, a wink for nobody watching."""


class Bell:
    """Rings a terminal's bell, one burst each time that the signal is audible."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, signal: Signal, same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        """Ring."""
        del same
        if signal.audible:
            self._stream.write("\a" * BURSTS[signal.shown])
            self._stream.flush()


class Led:
    """Drives one LED of the kernel by its directory (Documentation/leds: leds-class.rst, ledtrig-oneshot.rst).

    High, medium and unmonitored flash by the kernel's timer and so go on should the hub die; low is steady. Calm is one
    short blink for each call: a hub that has died shows a dark LED, never a calm one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, signal: Signal, same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        """Set the LED.

        Raises:
            OSError: no such LED, no right to write, or its trigger is not in the kernel.
        """
        if signal.shown is Shown.CALM:
            if not same:
                self._write("trigger", "oneshot")
                self._flash(100, 100)
            self._write("shot", "1")
        elif same:
            return
        elif signal.shown is Shown.LOW:
            self._write("trigger", "none")
            self._write("brightness", (self._directory / "max_brightness").read_text(encoding="ascii").strip())
        else:
            self._write("trigger", "timer")
            self._flash(*_FLASHES_MS[signal.shown])

    def _flash(self, on_ms: int, off_ms: int) -> None:
        self._write("delay_on", str(on_ms))
        self._write("delay_off", str(off_ms))

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text, encoding="ascii")


class Hook:
    """Runs a command of the site with the signal as its last argument, such as ``high audible escalated``.

    It is run at each change, and at each repeat while the signal is audible. One runs at a time: a change that comes
    meanwhile is made up for, with the signal of then, by the first call after its end.
    """

    def __init__(self, command: Sequence[str], *, patience_s: float = 2.0) -> None:
        self._command = tuple(command)
        self._patience_s = patience_s
        self._running: subprocess.Popen[bytes] | None = None
        self._owed = False

    def __call__(self, signal: Signal, same: bool) -> None:  # noqa: FBT001 - the shape of an Output
        """Start the command.

        Raises:
            OSError: it cannot be started, or the one before failed.
        """
        if self._running is not None and self._running.poll() is None:
            self._owed = self._owed or not same
            return
        before, self._running = self._running, None
        if not same or signal.audible or self._owed:
            self._owed = False
            self._running = subprocess.Popen(  # noqa: S603 - the command is the site's own, from the configuration file
                (*self._command, str(signal)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if before is not None and before.returncode:
            raise OSError(f"the annunciator's command ended with {before.returncode}")

    def close(self) -> None:
        """Wait for the command that runs, at most ``patience_s``, then end it."""
        if self._running is None:
            return
        try:
            self._running.wait(timeout=self._patience_s)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
