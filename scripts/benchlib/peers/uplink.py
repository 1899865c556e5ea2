"""The wire between a system and the far end's broker, in a process of its own.

Owns: that process. Never: relays itself, so that the feeder's work delays nobody's traffic.
"""

import subprocess
import sys
from typing import IO


class Uplink:
    """A wire that can be cut and healed."""

    def __init__(self, target: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "scripts.benchlib.peers.wire", str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._answer())

    def cut(self) -> None:
        """End its connections, and refuse new ones."""
        self._tell("cut")

    def heal(self) -> None:
        """Carry again."""
        self._tell("heal")

    def connected_ns(self) -> int:
        """Say when somebody first connected since the healing (perf_counter); 0: nobody has."""
        return int(self._tell("connected"))

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _tell(self, word: str) -> str:
        self._pipe(self._process.stdin).write(f"{word}\n")
        self._pipe(self._process.stdin).flush()
        return self._answer()

    def _answer(self) -> str:
        return self._pipe(self._process.stdout).readline()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise RuntimeError("no pipe")
        return stream
