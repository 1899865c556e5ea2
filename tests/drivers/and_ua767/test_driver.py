"""The A&D UA-767PC driver."""

from collections.abc import Callable

from hub_agent.driver import SERIAL, Action, Emit, Moment, Wait, Write
from hub_agent.model import Quality, Reading
from hub_drivers.and_ua767.driver import DRIVER

NOW = Moment(0.0, None)
OPEN = Write(SERIAL, bytes.fromhex("0243504330353b"))
ACK, NAK = bytes.fromhex("013730504306"), bytes.fromhex("013730504315")


def test_wakes_opens_and_waits(play: Callable[..., list[Action]]) -> None:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == [OPEN, Wait(1.0)]
    assert list(session.silent(NOW)) == [OPEN, Wait(1.0)]
    assert play(session, [ACK]) == [Wait(30.0)]
    assert list(session.silent(NOW)) == [OPEN, Wait(30.0)]
    assert play(session, [NAK]) == [Wait(1.0)]


def test_the_first_number_is_a_difference(emitted: Callable[..., list[Reading]]) -> None:
    (reading,) = emitted(DRIVER.session({}), [b"804C", b"4C4960"])
    assert [each.value for each in reading.measurements] == [152, 76, 73]


def test_an_error_has_no_values(emitted: Callable[..., list[Reading]]) -> None:
    (reading,) = emitted(DRIVER.session({}), [b"8100000000"])
    assert reading.quality == Quality.INVALID | Quality.INCOMPLETE
    assert all(each.value is None for each in reading.measurements)


def test_results_amid_noise(play: Callable[..., list[Action]]) -> None:
    actions = play(DRIVER.session({}), [b"xx804C4C4960\r\n80284B4860"])
    assert sum(isinstance(action, Emit) for action in actions) == 2
