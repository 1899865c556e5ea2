"""The Jumper driver."""

from collections.abc import Callable
from decimal import Decimal

from hub_agent.driver import Action, Rejected
from hub_agent.model import Quality, Reading
from hub_drivers.jumper.driver import DRIVER, STREAM


def test_values_absence_and_pleth(emitted: Callable[..., list[Reading]]) -> None:
    chunks = [bytes.fromhex(text) for text in ("81386344", "81ff7f00", "80010203")]
    fine, none = emitted(DRIVER.session({}), chunks, STREAM)
    assert [each.value for each in fine.measurements] == [99, 56, Decimal("6.8")]
    assert [each.value for each in none.measurements] == [None] * 3
    assert none.quality == Quality.SEARCHING


def test_other_values_are_rejected(play: Callable[..., list[Action]]) -> None:
    assert play(DRIVER.session({}), [b"\x82"], STREAM) == [Rejected("frame", b"\x82")]
