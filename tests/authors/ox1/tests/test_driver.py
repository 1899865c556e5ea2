from pathlib import Path

import pytest

from acme_ox1.driver import DRIVER, handle
from acme_ox1.frame import START
from hub_agent.driver import SERIAL, Chunk, Moment, Wait, Write
from hub_agent.testing import Check, checks

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text()


@pytest.mark.parametrize("check", checks(DRIVER, captures=HERE / "captures", readme=README), ids=str)
def test_conformance(check: Check) -> None:
    check()


def test_not_now_is_asked_again() -> None:
    assert list(handle(bytes.fromhex("a515530000 00e3"))) == [Wait(2.0)]
    session = DRIVER.session({})
    assert Write(SERIAL, START) in session.opened(Moment(0.0, None))
    assert Write(SERIAL, START) in session.silent(Moment(2.0, None))


def test_it_is_kept_alive() -> None:
    session = DRIVER.session({})
    list(session.opened(Moment(0.0, None)))
    live = bytes.fromhex("a5 01 61 00 48 00 8d")
    sent = [
        second
        for second in range(60)
        if Write(SERIAL, START) in session.received(Chunk(SERIAL, live, Moment(float(second), None)))
    ]
    assert sent == [20, 40]
