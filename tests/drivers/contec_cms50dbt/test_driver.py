"""The CMS50D-BT driver."""

from collections.abc import Callable

import pytest

from hub_agent.driver import Action, BleLink, Emit, Moment, Rejected, Wait, Write
from hub_agent.model import Quality, Reading
from hub_drivers.contec_cms50dbt.driver import COMMAND, DRIVER, STREAM
from hub_drivers.formats import FORMATS

Play = Callable[..., list[Action]]
NOW = Moment(0.0, None)
START = Write(COMMAND, bytes.fromhex("9b011c"))


def numeric(rate: int, spo2: int) -> bytes:
    body = bytes((0xEB, 1, 4 | rate >> 7 << 1, rate & 0x7F, spo2, 0x7F, 0))
    return body + bytes((sum(body) & 0x7F,))


def test_starts_and_repeats_the_start(play: Play) -> None:
    session = DRIVER.session({})
    assert list(session.opened(NOW)) == [START, Wait(5.0)]
    said = play(session, [numeric(64, 99)] * 30, STREAM, step_s=1.0)
    assert said.count(START) == 1
    assert sum(isinstance(action, Emit) for action in said) == 30


def test_values_and_absence(play: Play) -> None:
    fine, none = [
        action.reading
        for action in play(DRIVER.session({}), [numeric(64, 99), numeric(255, 127)], STREAM)
        if isinstance(action, Emit)
    ]
    assert [each.value for each in fine.measurements] == [99, 64]
    assert none.quality == Quality.SEARCHING


@pytest.mark.parametrize("rate", [127, 128, 140, 180, 250])
def test_a_fast_pulse_has_its_top_bit_in_the_flags(emitted: Callable[..., list[Reading]], rate: int) -> None:
    (fast,) = emitted(DRIVER.session({}), [numeric(rate, 95)], STREAM)
    assert [each.value for each in fast.measurements] == [95, rate]


def test_no_finger_is_no_rate() -> None:
    fields = FORMATS["ble.contec_cms50dbt"](bytes.fromhex("eb01067f7f7f006f"))
    assert fields == {"kind": "numeric", "flags": 6, "pulse_rate": 255, "spo2": 127}


def test_advertises_as_its_maker_calls_it() -> None:
    assert isinstance(DRIVER.link, BleLink)
    assert "SpO2080971".startswith(DRIVER.link.match.names)


def test_the_last_byte_is_a_sum(play: Play) -> None:
    wrong = numeric(64, 99)[:-1] + b"\x55"
    session = DRIVER.session({})
    list(session.opened(NOW))
    assert play(session, [numeric(64, 99), wrong, numeric(64, 99)], STREAM)[1] == Rejected("no frame", wrong)


def test_pleth_beside_it_is_no_value(play: Play) -> None:
    session = DRIVER.session({})
    list(session.opened(NOW))
    assert play(session, [bytes.fromhex("eb000348093f")], STREAM) == []


def test_fields_of_the_pleth() -> None:
    assert FORMATS["ble.contec_cms50dbt"](bytes.fromhex("eb000348093f")) == {"kind": "wave", "pleth": 72, "bargraph": 9}
