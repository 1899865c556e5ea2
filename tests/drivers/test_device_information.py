"""What a device says of itself."""

import pytest

from hub_agent.errors import DecodeError
from hub_drivers.device_information.frame import PnpId, decode_pnp_id, decode_system_id, decode_text


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"UA-651BLE\0\0", "UA-651BLE"), (b" 1.0 ", "1.0"), (b"\xff", "\N{REPLACEMENT CHARACTER}"), (b"", "")],
)
def test_strings_lose_their_padding(data: bytes, text: str) -> None:
    assert decode_text(data) == text


def test_the_system_id_starts_with_the_maker() -> None:
    assert decode_system_id(bytes.fromhex("0102030405060708")) == "0807060504030201"
    with pytest.raises(DecodeError):
        decode_system_id(bytes(7))


def test_the_plug_and_play_id() -> None:
    assert decode_pnp_id(bytes.fromhex("01690001000210")) == PnpId(1, 0x69, 1, 0x1002)
    with pytest.raises(DecodeError):
        decode_pnp_id(bytes(8))
