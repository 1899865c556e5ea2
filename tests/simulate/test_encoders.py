"""Device bytes, against values computed by hand from the documents and against frames of real devices."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.simulate import encoders

AT = datetime(2026, 11, 22, 10, 30, 5)  # noqa: DTZ001 - devices know no time zone
AT_HEX = "ea07 0b16 0a1e 05"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (encoders.sfloat(97), "6100"),
        (encoders.sfloat(36.4, 1), "6cf1"),
        (encoders.sfloat(-1.5, 1), "f1ff"),
        (encoders.sfloat(None), "ff07"),
        (encoders.float32(36.6, 2), "4c0e00fe"),
        (encoders.float32(37.6, 2), "b00e00fe"),
        (encoders.float32(None), "ffff7f00"),
        (encoders.heart_rate(72.4, (830,)), "1648 5203"),
        (encoders.heart_rate(301.0), "072d01"),
        (encoders.heart_rate(None), "0400"),
        (encoders.plx_continuous(97.2, 71.8, 4.2), "1c 6100 4800 2000 000000 2af0"),
        (encoders.plx_continuous(None, None, None), "1c ff07 ff07 2000 000200 ff07"),
        (encoders.plx_spot(98.0, 70.0, AT, stored=False), f"03 6200 4600 {AT_HEX} 0001"),
        (encoders.plx_spot(98.0, 70.0, None, stored=True), "12 6200 4600 0003"),
        (encoders.blood_pressure((120.6, 80.0, 93.0), 71.0, AT), f"1e 7900 5000 5d00 {AT_HEX} 4700 01 0000"),
        (encoders.blood_pressure(None, None, AT), f"1e ff07 ff07 ff07 {AT_HEX} ff07 01 0200"),
        (encoders.temperature(36.6, AT), f"06 4c0e00fe {AT_HEX} 06"),
        (encoders.temperature(None, None), "04 ffff7f00 06"),
        (encoders.weight(70.5, AT), f"02 1437 {AT_HEX}"),
        (encoders.weight(None, AT), f"02 ffff {AT_HEX}"),
        (encoders.glucose(4, AT, 119.0), f"0b 0400 {AT_HEX} 0000 77b0 12 0000"),
        (encoders.glucose(4, AT, None), f"09 0400 {AT_HEX} 0000 0000"),
        (encoders.record_count(5), "05000500"),
        (encoders.record_response(1, 6), "06000106"),
        (encoders.nonin_nco(97.0, 71.0, 4.2, 7, 2.8), "0a 10 1c 01a4 0007 61 0047"),
        (encoders.nonin_nco(None, None, None, 7, 2.1), "0a 28 15 0000 0007 7f 01ff"),
        (encoders.o2ring_live(97.0, 72.0, 4.2, 85), "61 48 0000000000 55 00 00 2a 01 00"),
        (encoders.o2ring_live(None, None, None, 85), "00 00 0000000000 55 00 00 00 00 00"),
    ],
)
def test_a_value_is_written_as_its_document_says(written: bytes, expected: str) -> None:
    assert written.hex() == expected.replace(" ", "")


def test_a_real_ring_s_answer_is_reproduced() -> None:
    # home-health-hub/viatom-o2ring-ble:tests/test_protocol.py
    assert encoders.viatom_reply(b"hello", block=7).hex() == "5500ff0700050068656c6c6fbd"
    assert encoders.crc8(bytes.fromhex("aa17e800000000")) == 0x1B


@given(st.decimals(-204, 204, places=1))
def test_sfloat_keeps_the_exact_decimal(value: Decimal) -> None:
    word = int.from_bytes(encoders.sfloat(float(value), 1), "little")
    mantissa, exponent = word & 0xFFF, word >> 12
    mantissa -= 0x1000 if mantissa & 0x800 else 0
    exponent -= 16 if exponent & 8 else 0
    assert Decimal(mantissa).scaleb(exponent) == value


@given(st.floats(-1e9, 1e9), st.integers(0, 3))
def test_a_value_that_does_not_fit_is_refused_rather_than_bent(value: float, digits: int) -> None:
    try:
        word = int.from_bytes(encoders.sfloat(value, digits), "little")
    except ValueError:
        assert abs(round(Decimal(str(value)).scaleb(digits))) > 2045
    else:
        assert word & 0xFFF not in {0x7FE, 0x7FF, 0x800, 0x801, 0x802}
