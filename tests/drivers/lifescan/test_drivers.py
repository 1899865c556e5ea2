"""The OneTouch drivers against meters written from the protocol."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import pytest

from hub_agent.driver import SERIAL, Action, Chunk, Emit, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.errors import DecodeError
from hub_agent.model import DeviceTime, Quality, Reading
from hub_agent.nomenclature import GLUCOSE_CONTROL
from hub_drivers.formats import FORMATS
from hub_drivers.lifescan import ultra2, ultra_easy
from hub_drivers.lifescan.frame import decode_frame, encode_frame

NOW: Final = Moment(0.0, None)
EPOCH: Final = datetime(1970, 1, 1)


class UltraEasy:
    """Counts its messages and those it expects, and holds records (seconds, mg/dL), the newest first."""

    def __init__(self, records: list[tuple[int, int]]) -> None:
        self.records = records
        self.sent = 0
        self.expected = 0

    def answers(self, data: bytes) -> list[bytes]:
        link, message = decode_frame(data)
        if link & 8:
            self.sent = self.expected = 0
            return [encode_frame(0x0C)]
        if link & 4:
            return []
        assert link == self.expected | self.sent << 1
        self.expected ^= 1
        acknowledge = encode_frame(0x04 | self.sent | self.expected << 1)
        number = int.from_bytes(message[2:], "little")
        if number == 501:
            body = b"\x05\x0f" + len(self.records).to_bytes(2, "little")
        else:
            seconds, mg_dl = self.records[number]
            body = b"\x05\x06" + seconds.to_bytes(4, "little") + mg_dl.to_bytes(4, "little")
        reply = encode_frame(self.sent | self.expected << 1, body)
        self.sent ^= 1
        return [acknowledge, reply]


def converse(session: Session, meter: UltraEasy, first: Iterable[Action]) -> list[Reading]:
    readings: list[Reading] = []
    todo = list(first)
    while todo:
        action = todo.pop(0)
        if isinstance(action, Write):
            for data in meter.answers(action.data):
                todo.extend(session.received(Chunk(SERIAL, data, NOW)))
        elif isinstance(action, Emit):
            readings.append(action.reading)
        else:
            assert isinstance(action, Wait)
    return readings


def test_ultra_easy_reads_all_then_only_what_is_new() -> None:
    session, meter = ultra_easy.DRIVER.session({}), UltraEasy([(1000, 119), (500, 98), (0, 601)])
    readings = converse(session, meter, session.opened(NOW))
    assert [reading.measurements[0].value for reading in readings] == [119, 98, 601]
    assert readings[2].measured == DeviceTime(EPOCH)
    assert all(reading.stored for reading in readings)
    assert converse(session, meter, session.silent(NOW)) == []
    meter.records.insert(0, (2000, 130))
    (new,) = converse(session, meter, session.silent(NOW))
    assert new.measurements[0].value == 130


def test_ultra_easy_without_records() -> None:
    session = ultra_easy.DRIVER.session({})
    assert converse(session, UltraEasy([]), session.opened(NOW)) == []


def test_ultra_easy_acknowledges_a_repeated_frame_once_more(play: Callable[..., list[Action]]) -> None:
    session = ultra_easy.DRIVER.session({})
    list(session.opened(NOW))
    count = encode_frame(2, b"\x05\x0f\x01\x00")
    said = play(session, [encode_frame(0x0C), encode_frame(0x06), count])
    assert said[-2] == Write(SERIAL, encode_frame(0x03, b"\x05\x1f\x00\x00"))
    assert play(session, [count]) == [Write(SERIAL, encode_frame(0x07))]


def test_the_published_link_bytes(play: Callable[..., list[Action]]) -> None:
    session = ultra_easy.DRIVER.session({})
    assert list(session.opened(NOW))[:1] == [Write(SERIAL, bytes.fromhex("02060803c262"))]
    count = encode_frame(2, b"\x05\x0f\x01\x00")
    said = play(session, [bytes.fromhex("02060c0306ae"), bytes.fromhex("02060603cd41"), count])
    assert Write(SERIAL, bytes.fromhex("02060703fc72")) in said


@pytest.mark.parametrize("driver", [ultra_easy.DRIVER, ultra2.DRIVER])
def test_a_meter_that_is_away_is_told_once(driver: object) -> None:
    session = driver.session({})  # type: ignore[attr-defined]
    list(session.opened(NOW))
    said = [list(session.silent(NOW)) for _ in range(3)]
    assert said[-1] == [Warn("no_answer"), Wait(60.0)]
    assert Warn("no_answer") not in list(session.silent(NOW))


def line(body: str) -> bytes:
    return f"{body} {sum(body.encode()) & 0xFFFF:04X}\r\n".encode()


def record(value: str = "  105 ", date: str = "08/03/13") -> bytes:
    return line(f'P "SAT","{date}","22:12:00   ","{value}","N","00", 00')


HEADER: Final = 'P {:03d},"ABCDEFGHI","MG/DL "'


def test_ultra2_reads_a_dump(emitted: Callable[..., list[Reading]]) -> None:
    session = ultra2.DRIVER.session({})
    assert list(session.opened(NOW)) == [Write(SERIAL, b"\x11\rDMP\r"), Wait(3.0)]
    dump = line(HEADER.format(3)) + record("  105 ") + record("C 110 ") + record("  120?")
    one, control, damaged = emitted(session, [dump])
    assert one.measurements[0].value == 105
    assert one.measured == DeviceTime(datetime(2013, 8, 3, 22, 12))
    assert control.measurements[0].code == GLUCOSE_CONTROL
    assert control.quality == Quality.TEST
    assert damaged.quality == Quality.INVALID
    assert damaged.measurements[0].value is None


def test_the_ultra_before_it_tells_neither_meal_nor_comment(emitted: Callable[..., list[Reading]]) -> None:
    session = ultra2.DRIVER.session({})
    list(session.opened(NOW))
    logged = b'P "SUN","05/25/08","05:01:16   ","  085 ", 00 0836\r\n'
    (one,) = emitted(session, [line(HEADER.format(1)) + logged])
    assert one.measurements[0].value == 85
    assert one.measured == DeviceTime(datetime(2008, 5, 25, 5, 1, 16))


def test_ultra2_reports_only_what_is_new(emitted: Callable[..., list[Reading]]) -> None:
    session = ultra2.DRIVER.session({})
    list(session.opened(NOW))
    assert len(emitted(session, [line(HEADER.format(2)) + record("  105 ") + record("  104 ")])) == 2
    list(session.silent(NOW))
    dump = line(HEADER.format(3)) + record("  106 ") + record("  105 ") + record("  104 ")
    (new,) = emitted(session, [dump])
    assert new.measurements[0].value == 106


def test_ultra2_impossible_date_keeps_the_value(emitted: Callable[..., list[Reading]]) -> None:
    (reading,) = emitted(ultra2.DRIVER.session({}), [line(HEADER.format(1)) + record(date="99/99/13")])
    assert reading.quality == Quality.CLOCK_NOT_SET
    assert reading.measurements[0].value == 105


def test_ultra2_rejects_a_wrong_sum(play: Callable[..., list[Action]]) -> None:
    wrong = record()[:-6] + b"0000\r\n"
    session = ultra2.DRIVER.session({})
    assert Rejected("checksum", wrong) in play(session, [line(HEADER.format(1)), wrong])


@pytest.mark.parametrize("data", [b"INVALID", b".\r", b"% 2500\r", b"% 1337\r", b"% 13AZ\r", b" 0025\r", b""])
def test_lines_without_a_right_sum(data: bytes) -> None:
    with pytest.raises(DecodeError):
        FORMATS["serial.onetouch_ultra2.line"](data)


def test_line_and_sum() -> None:
    assert FORMATS["serial.onetouch_ultra2.line"](b'@ "12345678O" 0297\r') == {"body": '@ "12345678O"'}
    assert FORMATS["serial.onetouch_ultra2.checksum"](b"T") == {"checksum16": 0x54}
    assert FORMATS["serial.onetouch_ultra2.checksum"](b'T "SAT","08/03/13","22:12:00   "') == {"checksum16": 0x608}
