"""Which serial port is the device's: found by what is plugged in, never by its number.

Owns: matching a configured port against the USB identities that Linux shows under ``/sys/class/tty``.
Never: opens a port, waits, or knows a driver.

``ttyUSB0`` is whatever was plugged in first; after an unplug it is often ``ttyUSB1`` (pyserial/pyserial#331). Vendor,
product and serial number of the USB device stay, and so does the symbolic link that udev makes from them under
``/dev/serial/by-id``. The attributes are those of Linux ``Documentation/ABI/stable/sysfs-bus-usb``: ``idVendor`` and
``idProduct`` (four hex digits) and ``serial`` on the USB device, ``bInterfaceNumber`` (two hex digits) on its
interface.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from hub_agent.config.values import NUMBERED_PORT
from hub_agent.errors import ConfigError, LinkError

SYSFS: Final = Path("/sys")
DEV: Final = Path("/dev")

_PORT: Final = re.compile(r"tty[A-Z]\w*")  # tty0 to tty63 are screens
_DEPTH: Final = 6
"""A port lies at most so deep below its USB device: interface, serial port and, from Linux 6.10 on, its controller."""


class Port(NamedTuple):
    """A serial port that is there.

    Attributes:
        device: its node under ``/dev``.
        usb: (vendor, product) of the USB device it belongs to; None for a port of the board.
        serial_number: of the USB device, where it has one.
        interface: number of the USB interface, where one device offers several ports.
    """

    device: Path
    usb: tuple[int, int] | None = None
    serial_number: str | None = None
    interface: int | None = None


@dataclass(frozen=True, slots=True)
class PortMatch:
    """How a device's port is recognised; every given part must fit.

    Attributes:
        usb: (vendor, product) ids, any of them.
        serial_number: of the USB device or adapter.
        interface: USB interface number, for adapters with several ports.
        path: a link that stays with the device (``/dev/serial/by-id/…``), or a port of the board (``/dev/ttyAMA0``).

    Raises:
        ConfigError: nothing to go by, or a path that is only a number.
    """

    usb: tuple[tuple[int, int], ...] = ()
    serial_number: str | None = None
    interface: int | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot recognise a device."""
        if self.path is None:
            if not self.usb and self.serial_number is None:
                raise ConfigError("serial port: nothing to recognise it by", hint="give a port or usb")
        elif not self.path.is_absolute():
            raise ConfigError("serial port: path is not absolute", hint="give the link under /dev/serial/by-id")
        elif NUMBERED_PORT.fullmatch(str(self.path)):
            raise ConfigError(
                f"serial port: {self.path} is a number, and another device's after the next unplug",
                hint="give the link under /dev/serial/by-id, or usb and serial_number",
            )

    def fits(self, port: Port) -> bool:
        """Tell whether a port has the identity asked for; the path is not looked at."""
        return (
            (not self.usb or port.usb in self.usb)
            and (self.serial_number is None or port.serial_number == self.serial_number)
            and (self.interface is None or port.interface == self.interface)
        )


def find_port(match: PortMatch, *, sysfs: Path = SYSFS, dev: Path = DEV) -> Port | None:
    """Look for the port once; None while it is not plugged in. Blocks on the kernel: call it in a thread.

    Raises:
        LinkError: the port at the path is another device's, or several ports fit.
    """
    if match.path is not None:
        return _at_path(match, match.path, sysfs)
    fitting = [port for port in list_ports(sysfs=sysfs, dev=dev) if match.fits(port)]
    if len(fitting) > 1:
        raise LinkError(
            f"{len(fitting)} serial ports fit: {', '.join(port.device.name for port in fitting)}",
            hint="give serial_number, interface or the path under /dev/serial/by-id",
        )
    return fitting[0] if fitting else None


def list_ports(*, sysfs: Path = SYSFS, dev: Path = DEV) -> tuple[Port, ...]:
    """List the serial ports with a USB identity, by name."""
    return tuple(port for port in _ports(sysfs, dev) if port.usb is not None)


def _ports(sysfs: Path, dev: Path) -> Iterator[Port]:
    try:
        names = sorted(entry.name for entry in (sysfs / "class/tty").iterdir() if _PORT.fullmatch(entry.name))
    except OSError:  # no sysfs: no port can be recognised
        return
    for name in names:
        yield _identify(dev / name, sysfs)


def _at_path(match: PortMatch, path: Path, sysfs: Path) -> Port | None:
    try:
        device = path.resolve(strict=True)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:  # a loop of links is RuntimeError before Python 3.13
        reason = errno.errorcode.get(error.errno or 0, "loop") if isinstance(error, OSError) else "loop"
        # Not chained: the original names the path, and that the device's serial number.
        raise LinkError(f"serial port: path cannot be followed: {reason}", hint="check the link udev makes") from None
    port = _identify(device, sysfs)
    if not match.fits(port):
        raise LinkError(
            f"serial port {device.name} is another device's: its USB identity is not the configured one",
            hint="unplug the stranger, or configure the new identity",
        )
    return port


def _identify(device: Path, sysfs: Path) -> Port:
    """Climb from the port to the USB device that carries it; a device that goes away meanwhile has no identity."""
    try:
        place = (sysfs / "class/tty" / device.name / "device").resolve(strict=True)
    except (OSError, RuntimeError):
        return Port(device)
    interface: int | None = None
    for _ in range(_DEPTH):
        if interface is None:
            interface = _hex(place / "bInterfaceNumber")
        vendor, product = _hex(place / "idVendor"), _hex(place / "idProduct")
        if vendor is not None and product is not None:
            return Port(device, (vendor, product), _text(place / "serial"), interface)
        place = place.parent
    return Port(device)


def _hex(path: Path) -> int | None:
    text = _text(path)
    return int(text, 16) if text is not None and re.fullmatch(r"[0-9a-fA-F]{1,4}", text) else None


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace").strip()
    except OSError:
        return None
