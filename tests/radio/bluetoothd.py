"""The accidents of a Bluetooth stack. Inside ``scripts/radio-vm`` only, where killing bluetoothd is nobody's loss."""

import asyncio
import os
import signal
from pathlib import Path

from hub_agent.devices.ble import BlueZ

_BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
_PROC = Path("/proc")


def kill_bluetoothd() -> None:
    """Kill it, whoever started it."""
    for path in _PROC.glob("[0-9]*/comm"):
        if path.read_text().strip() == "bluetoothd":
            os.kill(int(path.parent.name), signal.SIGKILL)


def start_bluetoothd() -> None:
    """Start another."""
    os.posix_spawn(_BLUETOOTHD, ["bluetoothd", "-n"], os.environ)


async def restart_bluetoothd() -> None:
    """Kill it and start another, as its supervisor would."""
    kill_bluetoothd()
    await asyncio.sleep(1.0)
    start_bluetoothd()


async def switch_off() -> None:
    """Let somebody else switch the adapter off."""
    somebody = BlueZ("hci0")
    async with somebody.watch(lambda _: None):
        await somebody.ready()
        await somebody._power(on=False)
