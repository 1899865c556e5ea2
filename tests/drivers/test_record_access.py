"""The record access control point, and one transfer."""

import pytest

from hub_agent.driver import Wait, Warn, Write
from hub_agent.errors import DecodeError
from hub_drivers.record_access.frame import CONTROL_POINT, Answer, CountAnswer, Request, decode, report_from
from hub_drivers.record_access.transfer import Transfer

ALL = (Write(CONTROL_POINT, b"\x01\x01"), Wait(30.0))


def test_what_is_written() -> None:
    assert report_from(4).hex() == "0103010400"
    assert report_from(0xFFFF).hex() == "010301ffff"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("06000101", Answer(1, 1)),
        ("0500ffff", CountAnswer(0xFFFF)),
        ("0103010400", Request(1, 3, b"\x01\x04\x00")),
        ("1100ffff", Request(0x11, 0, b"\xff\xff")),
    ],
)
def test_what_is_read(data: str, value: object) -> None:
    assert decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data", ["", "06", "0600", "060001", "0600010101", "06010101", "0500", "0500010203", "05010100"]
)
def test_what_is_no_answer(data: str) -> None:
    with pytest.raises(DecodeError):
        decode(bytes.fromhex(data))


def test_one_request_at_a_time() -> None:
    transfer = Transfer()
    assert transfer.start() == ALL
    assert transfer.start() == ()
    assert transfer.reporting
    transfer.answered(bytes.fromhex("06000101"))
    assert not transfer.reporting
    assert transfer.start() == ALL


def test_a_device_that_cannot_filter_is_asked_for_all() -> None:
    transfer = Transfer()
    transfer.start(report_from(7))
    assert transfer.answered(bytes.fromhex("06000104")) == ALL
    assert transfer.answered(bytes.fromhex("06000104")) == (Warn("record_access_refused"),)


def test_an_answer_to_nobody_is_let_pass() -> None:
    assert Transfer(erase=True).answered(bytes.fromhex("06000101")) == ()


def test_a_record_gives_the_device_more_time_only_while_it_reports() -> None:
    transfer = Transfer()
    assert transfer.record() == ()
    transfer.start()
    assert transfer.record() == (Wait(30.0),)
