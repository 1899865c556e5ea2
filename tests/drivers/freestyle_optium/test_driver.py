"""The FreeStyle Optium driver."""

from collections.abc import Callable
from datetime import datetime

import pytest

from hub_agent.driver import SERIAL, Action, Emit, Moment, Rejected, Session, Wait, Warn, Write
from hub_agent.model import Absent, DeviceTime, Quality
from hub_drivers.freestyle_optium.driver import DRIVER

Play = Callable[..., list[Action]]
NOW = Moment(0.0, None)


def dump(*records: str, wrong: int = 0) -> bytes:
    lines = ("", "SGMR0000-S0000", "0.22", "Clock:\tApr  22 2014\t02:14:37", f"{len(records)}", *records)
    text = "".join(line + "\r\n" for line in lines).encode()
    return text + f"0x{(sum(text) + wrong) & 0xFFFF:04X}  END\r\n".encode()


RECORD = "123  June 10 2013 14:26 G 0x00"


def opened() -> Session:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == [Write(SERIAL, b"$xmem\r\n"), Wait(5.0)]
    return session


def test_reads_a_dump(play: Play) -> None:
    data = dump(RECORD, "HI   Jul y 09 2013 10:00 G 0x00".replace("Jul y", "July"), "001  Sep  01 2013 08:00 K 0x00")
    said = play(opened(), [data])
    one, high = [action.reading for action in said if isinstance(action, Emit)]
    assert one.measurements[0].value == 123
    assert one.measured == DeviceTime(datetime(2013, 6, 10, 14, 26))
    assert high.quality == Quality.OUT_OF_RANGE
    assert high.measurements[0].absent is Absent.POSITIVE_INFINITY
    assert said[-1] == Wait(60.0)


def test_a_wrong_sum_spoils_the_dump(play: Play) -> None:
    said = play(opened(), [dump(RECORD, wrong=1)])
    assert [type(action) for action in said] == [Rejected, Wait]


def test_reports_only_what_is_new(play: Play) -> None:
    session = opened()
    play(session, [dump(RECORD)])
    list(session.silent(NOW))
    said = play(session, [dump("124  June 11 2013 14:26 G 0x00", RECORD)])
    assert [action.reading.measurements[0].value for action in said if isinstance(action, Emit)] == [124]


def test_what_comes_unasked_is_passed_over(play: Play) -> None:
    assert play(DRIVER.session({}), [dump(RECORD)]) == []


def test_a_meter_that_is_away_is_told_once() -> None:
    session = opened()
    assert [Warn("no_answer") in list(session.silent(NOW)) for _ in range(5)] == [False, False, True, False, False]


@pytest.mark.parametrize("bad", ["123  Xxx  10 2013 14:26 G 0x00", "123  Feb  30 2013 14:26 G 0x00"])
def test_no_date_keeps_the_value(bad: str, play: Play) -> None:
    (reading,) = [action.reading for action in play(opened(), [dump(bad)]) if isinstance(action, Emit)]
    assert reading.quality == Quality.CLOCK_NOT_SET
    assert reading.measurements[0].value == 123
