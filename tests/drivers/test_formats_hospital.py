"""The frames of hospital monitors and of meters without a serial port, beyond the published vectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import DecodeError
from hub_drivers.codec.checksum import crc16_ibm_sdlc
from hub_drivers.formats import FORMATS
from hub_drivers.taidoc.frame import encode_frame


def intellivue(body: bytes) -> bytes:
    plain = body + crc16_ibm_sdlc(body).to_bytes(2, "little")
    escaped = b"".join(bytes((0x7D, byte ^ 0x20)) if byte in {0x7D, 0xC0, 0xC1} else bytes((byte,)) for byte in plain)
    return b"\xc0" + escaped + b"\xc1"


@given(st.binary(max_size=60))
def test_intellivue_escapes(body: bytes) -> None:
    assert FORMATS["serial.intellivue.frame"](intellivue(body)) == {"body": body.hex()}


@pytest.mark.parametrize("data", [b"\xc0\x7d\xc1\xc1", b"\xc0abc", b"\xc0\xc1", b"\xc0\x3a\x71\x7d\xc1"])
def test_intellivue_aborted(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["serial.intellivue.frame"](data)


def medibus(start: int, code: int, data: bytes) -> bytes:
    body = bytes((start, code)) + data
    return body + f"{sum(body) & 0xFF:02X}\r".encode()


def test_medibus_response() -> None:
    decode = FORMATS["serial.medibus.frame"]
    assert decode(medibus(0x01, 0x24, b"D1  98")) == {"kind": "response", "code": 0x24, "data": "D1  98"}


@pytest.mark.parametrize("data", [b"", b"   ", b"12a", b"1.2.3", b"--1", b"9" * 30])
def test_medibus_no_number(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["serial.medibus.int"](data)


IVY = b"HR=1;80;ECG-II-DIAG;\rSPO2=2;97;PR=80;\rNIBP=4;120;80;93;72;;\r\rother\r"


@pytest.mark.parametrize("frame", [b"%s", b"\xffANSAR-B " + bytes(400) + b"%s\xfe"])
def test_ivy_block(frame: bytes) -> None:
    assert FORMATS["serial.ivy450c.block"](frame.replace(b"%s", IVY)) == {
        "HR": ["1", "80", "ECG-II-DIAG", ""],
        "SPO2": ["2", "97", "PR=80", ""],
        "NIBP": ["4", "120", "80", "93", "72", "", ""],
    }


@pytest.mark.parametrize("data", [b"", b"nothing here", b"\xffANSAR-B short", b"\xffELSE" + bytes(500) + IVY])
def test_no_ivy_block(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["serial.ivy450c.block"](data)


def test_taidoc_directions() -> None:
    decode = FORMATS["serial.td42xx.frame"]
    request = encode_frame(0x22)
    assert decode(request) == {"command": 0x22, "direction": "out", "payload": "00000000"}
    body = request[:6] + b"\xa5"
    assert decode(body + bytes((sum(body) & 0xFF,)))["direction"] == "in"
    with pytest.raises(ValueError, match="four bytes"):
        encode_frame(0x22, b"123")


@pytest.mark.parametrize("data", [bytes(4), b"\xff\xff\xff\xff", b"123"])
def test_taidoc_no_date(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["serial.td42xx.datetime"](data)


def test_contour_frame_is_checked() -> None:
    body = b"1L|1\r\x03"
    good = b"\x02" + body + f"{sum(body) & 0xFF:02X}".encode() + b"\r\n"
    assert FORMATS["serial.contour_astm.frame"](good) == {"frame_no": "1", "text": "L|1"}
    with pytest.raises(DecodeError):
        FORMATS["serial.contour_astm.frame"](good.replace(b"L|1", b"L|2"))
