from pathlib import Path

import pytest

from acme_ox1.driver import DRIVER
from acme_ox1.frame import START
from hub_agent.testing import Check, Talk, checks

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()


@pytest.mark.parametrize("check", checks(DRIVER, captures=HERE / "captures", readme=README), ids=str)
def test_conformance(check: Check) -> None:
    check()


def test_not_now_is_asked_again() -> None:
    device = Talk(DRIVER)
    assert device.sent == [START]
    assert device.hear(bytes.fromhex("a515530000 00e3")) == []
    assert device.rest(2.0) == [START]


def test_it_is_kept_alive() -> None:
    device = Talk(DRIVER)
    live = bytes.fromhex("a5 01 61 00 48 00 8d")
    assert [second for second in range(1, 60) if device.hear(live, after_s=1.0) == [START]] == [20, 40]
