"""The neutral subscriber: stamps each line that a program at the far end prints.

Owns: the program's process and the stamps. Never: knows what a line means.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from scripts.benchlib.peers.tally import Arrival

Numbers = Callable[[bytes], Iterable[int]]
"""The numbers of the readings in a line."""

_MOST = 1 << 20


class Subscriber:
    """A program whose standard output is what arrived.

    Args:
        command: it.
        here: where it runs.
        numbers: reads a line.
    """

    def __init__(self, command: Sequence[str], here: Path, numbers: Numbers) -> None:
        self._numbers = numbers
        self._chunks: list[tuple[int, bytes]] = []
        self._parsed = 0
        self._rest = b""
        self._arrivals: list[Arrival] = []
        self._process = subprocess.Popen(  # noqa: S603
            command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def arrivals(self) -> Sequence[Arrival]:
        """Give all that has come so far, in its order."""
        chunks = self._chunks[self._parsed :]
        self._parsed += len(chunks)
        for at_ns, chunk in chunks:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._arrivals += (Arrival(at_ns, number) for line in lines for number in self._numbers(line))
        return self._arrivals

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _listen(self) -> None:
        if self._process.stdout is None:
            raise RuntimeError("no output")
        descriptor = self._process.stdout.fileno()
        while chunk := os.read(descriptor, _MOST):
            self._chunks.append((time.perf_counter_ns(), chunk))
