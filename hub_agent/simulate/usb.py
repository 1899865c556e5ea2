"""A made-up USB bus: the ``/sys`` and ``/dev`` that Linux would show for serial devices plugged in.

Owns: the identities of virtual USB serial devices, under a directory of its own.
Never: touches the machine's own ``/sys`` or ``/dev``.

With it a virtual device is found the way a real one is: by vendor, product and serial number, whatever number the port
has after a replug. The shape is Linux's for a usb-serial chip: ``class/tty/ttyUSB0/device`` leads to the port below its
interface (``bInterfaceNumber``) below its device (``idVendor``, ``idProduct``, ``serial``).
"""

import os
import shutil
from pathlib import Path


class VirtualUsb:
    """A bus.

    Args:
        root: an empty directory; ``sysfs`` and ``dev`` are made below it.
    """

    def __init__(self, root: Path) -> None:
        self.sysfs = root / "sys"
        self.dev = root / "dev"
        self.sysfs.mkdir(parents=True)
        self.dev.mkdir()

    def attach(
        self, name: str, usb: tuple[int, int], *, serial_number: str | None = None, interface: int | None = 0
    ) -> Path:
        """Make the kernel's entries for a port; give where its node belongs (the caller makes that)."""
        device = self.sysfs / "devices/usb1" / f"1-{name}"
        port = device / f"1-{name}:1.0" / name
        port.mkdir(parents=True)
        if interface is not None:
            (port.parent / "bInterfaceNumber").write_text(f"{interface:02x}\n", encoding="ascii")
        (device / "idVendor").write_text(f"{usb[0]:04x}\n", encoding="ascii")
        (device / "idProduct").write_text(f"{usb[1]:04x}\n", encoding="ascii")
        if serial_number is not None:
            (device / "serial").write_text(f"{serial_number}\n", encoding="utf-8")
        entry = self.sysfs / "class/tty" / name
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(os.path.relpath(port, entry))
        return self.dev / name

    def detach(self, name: str) -> None:
        """Take the port's entries away."""
        shutil.rmtree(self.sysfs / "class/tty" / name)
        shutil.rmtree(self.sysfs / "devices/usb1" / f"1-{name}")
