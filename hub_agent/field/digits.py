"""Asks whoever sits at the terminal for the six digits that a device shows as it is paired.

Owns: the question, and reading one line for it. Never: pairs, keeps or logs the digits.
"""

import asyncio
import os
import re
from collections.abc import Callable
from typing import Final, TextIO

from hub_agent.devices.ble.host import AskPasskey
from hub_agent.errors import LinkError

_DIGITS: Final = re.compile(r"\d{3} ?\d{3}", re.ASCII)
_LINE_BYTES: Final = 4096
"""The longest line that a terminal hands over (termios(3), canonical mode)."""


def asking(terminal: TextIO, write: Callable[[str], object]) -> AskPasskey | None:
    """Make the question.

    Args:
        terminal: where the answer is typed, a line at a time.
        write: writes a line.

    Returns:
        What gets the digits, as often as it takes to type six; None where nobody can answer.
    """
    if not terminal.isatty():
        return None

    async def ask() -> int:
        while True:
            write("It shows six digits, or they stand on its back. Type them, and Enter:")
            line = await _line(terminal.fileno())
            if not line:
                raise LinkError("nobody types the digits")
            if _DIGITS.fullmatch(line.strip()):
                return int(line.replace(" ", ""))

    return ask


async def _line(handle: int) -> str:
    """Wait for a line; empty at the end of the input. The event loop goes on meanwhile: the device does not wait."""
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    loop.add_reader(handle, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(handle)
    return os.read(handle, _LINE_BYTES).decode("ascii", "replace")
