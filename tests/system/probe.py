"""Tries, from inside the service's sandbox, what a broken-into daemon would try; prints {name: outcome} as JSON.

Runs in the test machine under the unit's own settings, by the release's Python. An outcome is "done" or an errno.
"""

import asyncio
import ctypes
import errno
import json
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

LIBC = ctypes.CDLL(None, use_errno=True)


def _libc(name: str, *arguments: object) -> None:
    if getattr(LIBC, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _system_bus() -> None:
    async def connect() -> None:
        (await MessageBus(bus_type=BusType.SYSTEM).connect()).disconnect()

    asyncio.run(connect())


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read another's home": lambda: list(Path("/root").iterdir()),
    "list homes": lambda: Path("/home/somebody").read_text(),
    "read password hashes": lambda: Path("/etc/shadow").read_text(),
    "write settings": lambda: Path("/etc/hub-agent/hub-agent.toml").write_text(""),
    "write the program": lambda: Path("/opt/hub-agent/venv/planted").write_text(""),
    "read the encrypted credentials": lambda: list(Path("/etc/credstore.encrypted").iterdir()),
    "see the first process": lambda: list(Path("/proc/1").iterdir()),
    "change a kernel setting": lambda: Path("/proc/sys/kernel/sysrq").write_text("1"),
    "sniff the network": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "open a raw Bluetooth socket": lambda: socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI),
    "make code at run time": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "open a disk": lambda: os.open("/dev/loop0", os.O_RDONLY),
    "make a namespace": lambda: _libc("unshare", 0x10000000),
    "mount": lambda: _libc("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "become root": lambda: os.setuid(0),
    "set the clock": lambda: _libc("settimeofday", (ctypes.c_long * 2)(0, 0), None),
    "ask the kernel for the clock's state": lambda: _libc("adjtimex", (ctypes.c_byte * 512)()),
    "keep state": lambda: Path(os.environ["STATE_DIRECTORY"], "probe").write_text("kept"),
    "read the credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "hub-identity").read_bytes(),
    "speak with the system bus": _system_bus,
    "open an internet socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close(),
}


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    return "done"


sys.stdout.write(json.dumps({name: _outcome(attempt) for name, attempt in ATTEMPTS.items()}) + "\n")
