"""Each expectation is a published or captured frame, not what the encoder happens to say."""

from datetime import datetime

import pytest

from hub_agent.simulate import serial_encoders as say
from hub_agent.simulate.serial_encoders import NoninStatus, Shown

NOTHING = Shown(None, None)


@pytest.mark.parametrize(
    ("status", "pleth", "value", "expected"),
    [
        # pez-globo/pufferfish-software: ventilator controller, NoninOEM tests
        (NoninStatus(green=True, red=True), 1, 97, "01860161e9"),
        (NoninStatus(red=True), 1, 48, "01840130b6"),
        (NoninStatus(alarm=True), 1, 0, "018801008a"),
        (NoninStatus(out_of_track=True), 1, 0, "0190010092"),
        (NoninStatus(artefact=True), 1, 0, "01a00100a2"),
        # agricolab/app-nonin: a real Xpod 3012
        (NoninStatus(alarm=True, out_of_track=True), 99, 0, "01986300fc"),
    ],
)
def test_nonin_format_2_frame(status: NoninStatus, pleth: int, value: int, expected: str) -> None:
    assert say.nonin_df2_frame(status, pleth, value).hex() == expected


def test_nonin_format_2_packet_of_a_fast_pulse() -> None:
    shown = Shown(88, 300)
    floats = say.nonin_floats(shown, shown, 0)

    # "Nonin 9560 Bluetooth Specification", format 2: 300 /min is 2 and 0x2c, in four places
    assert floats.hex(" ") == "02 2c 58 30 00 00 00 00 58 58 58 00 00 02 2c 58 58 00 00 02 2c 02 2c 00 00"


def test_nonin_format_2_packet_without_finger() -> None:
    floats = say.nonin_floats(NOTHING, Shown(97, 72), 129, low_battery=True)

    assert floats[:3] == b"\x03\x7f\x7f"
    assert floats[5:8] == b"\x01\x01\x01"
    assert (floats[8], floats[16], floats[19:21]) == (97, 97, b"\x00\x48")


def test_nonin_format_7_frame() -> None:
    # the same document: first and second frame of a packet at 180 /min
    assert say.nonin_df7_frame(NoninStatus(sync=True), 0xFFFF, 1).hex() == "81ffff0180"
    assert say.nonin_df7_frame(NoninStatus(), 0xFFFF, 0x34).hex() == "80ffff34b2"


@pytest.mark.parametrize(
    ("shown", "alarm", "expected"),
    [(Shown(97, 130), False, "81026100"), (NOTHING, True, "837f7f08"), (Shown(95, 80, 0.3), False, "90505f00")],
)
def test_nonin_format_8_frame(shown: Shown, alarm: bool, expected: str) -> None:  # noqa: FBT001 - a parameter
    assert say.nonin_df8(shown, alarm=alarm).hex() == expected


def test_nonin_format_13_spot_check() -> None:
    taken = datetime(2021, 1, 12, 14, 30, 15)  # noqa: DTZ001 - the device knows no zone

    assert say.nonin_df13(Shown(97, 72), taken).hex() == "0002000d000e20210112143015000200004800615803"


def test_nonin_format_13_without_measurement_from_memory() -> None:
    frame = say.nonin_df13(NOTHING, datetime(2021, 1, 12), from_memory=True, low_battery=True)  # noqa: DTZ001

    assert frame[14:20] == b"\x01\x11\x01\xff\x00\x7f"


def test_bci5_frame() -> None:
    frame = say.bci5(Shown(97, 200), strength=8, pleth=50, bar=7, beep=True, searching=False)

    assert frame.hex() == "c832474861"


def test_bci5_frame_without_finger() -> None:
    # "BCI & BERRY Protocol V1.0": 255 and 127 are no values
    assert say.bci5(NOTHING, strength=0, pleth=0, bar=0, beep=False, searching=True).hex() == "8000607f7f"


def test_contec_v7_frame_of_a_real_cms50e() -> None:
    # titinho11/CMS50E-raw-ppg-data: PR 60, SpO2 99, PI not measured
    frame = say.contec_live(Shown(99, 60), strength=4, pleth=19, bar=2, beep=False, probe_off=False)

    assert frame.hex() == "01e0849392bce3ffff"


def test_contec_v7_frame_with_perfusion() -> None:
    # timegrid/CMS50Dplus7: PR 72, SpO2 97, PI 1.00
    frame = say.contec_live(Shown(97, 72, 1.0), strength=5, pleth=50, bar=8, beep=False, probe_off=False)

    assert frame.hex() == "018085b288c8e1e480"


def test_contec_v7_frame_without_finger() -> None:
    frame = say.contec_live(NOTHING, strength=0, pleth=0, bar=0, beep=False, probe_off=True)

    assert frame.hex() == "01eb808090ffffffff"


def test_masimo_line() -> None:
    # nmenon/masimo-datacapture: the fields that a Rad-8 has in common with the virtual one
    at = datetime(2016, 3, 17, 19, 19, 36)  # noqa: DTZ001 - the device knows no zone
    line = say.masimo_line(Shown(98, 123, 0.55), at, exceptions=0xC00)

    assert line.startswith(b"03/17/16 19:19:36 SN=---------- SPO2=098% BPM=123 PI=00.55 ")
    assert b" EXC=0000C00 " in line
    assert line.endswith(b"\r\n")


def test_masimo_line_without_finger() -> None:
    line = say.masimo_line(NOTHING, datetime(2016, 3, 17), exceptions=0x20)  # noqa: DTZ001

    assert b"SPO2=---% BPM=--- PI=--.-- " in line


def test_suntech_packets() -> None:
    # com.ak suntech: NIBPBytesInterceptorTest.java, NIBPConverterTest.java
    assert say.suntech_packet(b"\x02\x01").hex() == "3e050201ba"
    assert say.suntech_packet(b"K").hex() == "3e044b73"


def test_suntech_result_is_24_bytes_that_sum_to_nothing() -> None:
    packet = say.suntech_result((127, 81, 96), 70, 23, error=2)

    assert (len(packet), packet[1], sum(packet) & 0xFF) == (24, 24, 0)
    assert (packet[2:6], packet[16], packet[18:21]) == (b"\x7f\x00\x51\x00", 70, b"\x60\x00\x02")


def test_pc60_values_of_a_real_pc60nw() -> None:
    # bbs.magnum.uk.net thread 55: SpO2 95, PR 71, PI 12.9; its last byte is not known to us
    assert say.pc60_frame(0x01, bytes.fromhex("5f4700810018")).hex() == "aa550f08015f470081001878"
    assert say.pc60_values(Shown(95, 71, 12.9))[:9].hex() == "aa550f08015f470081"


def test_taidoc_answer_and_time() -> None:
    # glucometers-tech/glucometerutils: test_td42xx.py
    assert say.taidoc_time(datetime(2019, 8, 4, 13, 37)).hex() == "0427250d"  # noqa: DTZ001
    assert say.taidoc_answer(0x22, b"").hex() == "512200000000a518"


def test_lifescan_frame_of_a_version_request() -> None:
    # glucometers-tech/glucometerutils: test_otultraeasy.py
    assert say.lifescan_frame(0x03, b"\x05\x0d\x02").hex() == "020903050d0203089f"


def test_ua767_answer_and_result() -> None:
    assert say.ua767_answer().hex() == "013730504306"  # forum.arduino.cc 9995
    assert say.ua767_result((120, 80, 93), 72) == b"802850485D"
