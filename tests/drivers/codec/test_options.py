"""Options of a device, as somebody may have written them."""

from typing import Any

import pytest

from hub_agent.errors import DriverError
from hub_drivers.codec.options import choice, flag, whole


def test_what_is_not_set() -> None:
    assert whole({}, "n", 0, 9) is None
    assert flag({}, "f") is False
    assert choice({}, "c", "first", "second") == "first"


def test_what_is_set() -> None:
    assert whole({"n": 9}, "n", 0, 9) == 9
    assert flag({"f": True}, "f") is True
    assert choice({"c": "second"}, "c", "first", "second") == "second"


@pytest.mark.parametrize("value", [-1, 10, "3", 3.0, True])
def test_what_is_no_such_number(value: Any) -> None:  # noqa: ANN401 - whatever a configuration holds
    with pytest.raises(DriverError, match="n: not a whole number of 0 to 9"):
        whole({"n": value}, "n", 0, 9)


def test_what_is_no_yes_or_no() -> None:
    with pytest.raises(DriverError):
        flag({"f": "yes"}, "f")


def test_what_is_no_such_choice() -> None:
    with pytest.raises(DriverError):
        choice({"c": "third"}, "c", "first", "second")
