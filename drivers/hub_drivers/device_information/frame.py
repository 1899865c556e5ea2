"""Strings, System ID (2A23) and PnP ID (2A50): Bluetooth Device Information Service 1.1, section 3.

Owns: their layouts. Never: makes a reading: who the device is goes to inventory, not among vital signs.
"""

from struct import Struct
from typing import Final, NamedTuple

from hub_drivers.codec.layout import fixed

_PNP: Final = Struct("<BHHH")


class PnpId(NamedTuple):
    """The value of 2A50.

    Attributes:
        source: 1 the Bluetooth SIG, 2 the USB forum gave the vendor number.
        vendor: the maker.
        product: the maker's number of the product.
        version: 0xJJMN is JJ.M.N.
    """

    source: int
    vendor: int
    product: int
    version: int


def decode_text(data: bytes) -> str:
    """Read a string: UTF-8, without the NULs and blanks that devices pad it with; damaged bytes are marked."""
    return data.decode("utf-8", "replace").strip("\0 \t\r\n")


def decode_system_id(data: bytes) -> str:
    """Read the EUI-64 of 2A23 as 16 hex digits, the maker's part first.

    Raises:
        DecodeError: not eight bytes.
    """
    (raw,) = fixed(data, Struct("<8s"), "system id")
    return bytes(reversed(raw)).hex()


def decode_pnp_id(data: bytes) -> PnpId:
    """Take the value of 2A50 apart.

    Raises:
        DecodeError: not seven bytes.
    """
    return PnpId._make(fixed(data, _PNP, "PnP id"))
