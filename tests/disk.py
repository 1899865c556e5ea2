"""A real ext4 in a file, for tests marked ``root``: small, easily filled, and cut off as a power cut would."""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SHUTDOWN: Final = 0x8004587D  # EXT4_IOC_SHUTDOWN, fs/ext4/ext4.h
_NOLOGFLUSH: Final = 2


def _run(*command: str | Path) -> str:
    return subprocess.run([*command], check=True, capture_output=True, text=True).stdout  # noqa: S603 - from tests only


def mount(image: Path, here: Path) -> None:
    """Mount an image; an error of the file system makes it read-only, as Debian's images do it."""
    _run("mount", "-o", "loop,errors=remount-ro", image, here)


@contextmanager
def mounted(directory: Path, size: int) -> Iterator[Path]:
    """Make a file system of ``size`` bytes and give where it is mounted."""
    image, here = directory / "disk.img", directory / "disk"
    here.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-m", "0", image)
    mount(image, here)
    try:
        yield here
    finally:
        _run("umount", "-l", here)


def make_read_only(here: Path) -> None:
    """Let the kernel find an error in the file system: from now on nothing can be written, by open files either."""
    loop = Path(_run("findmnt", "-no", "SOURCE", here).strip()).name
    Path(f"/sys/fs/ext4/{loop}/trigger_fs_error").write_text("a failing card")


def cut_power(here: Path) -> None:
    """Do to a file system what a power cut does: whatever is not on the disk never gets there, not even the journal."""
    handle = os.open(here, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
    finally:
        os.close(handle)
