"""Values whose flags say which fields follow: one compiled ``struct`` for each combination of flags.

Owns: lengths. A value that is cut short is refused. What follows its last field is passed over, so that a later version
of a service may add fields: the profiles' test suites send collectors "additional octets not represented in the flags
field" (HRP.TS, HTP.TS, as the collector test applications of ST's BlueNRG kits name them) and expect the rest read.
Never: interprets a field, or looks at a flag that names none.
"""

import struct
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from hub_agent.errors import DecodeError

_KEPT: Final = 64  # layouts a device family uses in practice are a handful; a hostile one may not fill the memory


class _Compiled(dict[int, Struct]):
    """What was compiled, by the flags that called for it."""

    def __init__(self, make: Callable[[int], Struct]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, flags: int) -> Struct:
        if len(self) >= _KEPT:
            self.clear()
        layout = self[flags] = self._make(flags)
        return layout


class Layout:
    """A flag-driven layout, little-endian.

    Args:
        head: ``struct`` codes of what is always there; the flags come first.
        optional: (flag bit mask, ``struct`` code) of each optional field in its order on the wire.
        name: the format's name in errors.
        width: bytes of flags at the start.
    """

    __slots__ = ("_compiled", "_head", "_name", "_optional", "_width")

    def __init__(self, head: str, *optional: tuple[int, str], name: str, width: int = 1) -> None:
        self._head = head
        self._optional = optional
        self._name = name
        self._width = width
        self._compiled: Final = _Compiled(self._compile)

    def _compile(self, flags: int) -> Struct:
        """Compile the layout of ``flags``; an absent field takes no byte and unpacks to ``b""``."""
        return Struct("<" + self._head + "".join(code if flags & mask else "0s" for mask, code in self._optional))

    def size(self, flags: int) -> int:
        """Give the length that ``flags`` call for."""
        return self._compiled[flags].size

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """Take ``data`` apart: flags, the other fixed fields, then every optional field, ``b""`` where absent.

        Raises:
            DecodeError: shorter than the flags call for.
        """
        try:
            return self._compiled[data[0] if self._width == 1 else data[0] | data[1] << 8].unpack(data)
        except (struct.error, IndexError):
            layout = self._compiled[int.from_bytes(data[: self._width], "little")]
        if len(data) < layout.size:
            raise DecodeError(f"{self._name}: {len(data)} bytes, its flags call for {layout.size}")
        return layout.unpack_from(data)


def fixed(data: bytes, layout: Struct, name: str) -> tuple[Any, ...]:
    """Take a value of fixed length apart.

    Raises:
        DecodeError: the length is another.
    """
    if len(data) != layout.size:
        raise DecodeError(f"{name}: {len(data)} bytes, not {layout.size}")
    return layout.unpack(data)
