import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from hub_agent.errors import LinkError
from hub_agent.field.digits import asking

END_OF_INPUT = b"\x04"


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A person's keyboard, and the terminal behind it."""
    keyboard, end = os.openpty()
    with os.fdopen(end, "r", encoding="utf-8") as stream:
        yield keyboard, stream
    os.close(keyboard)


@pytest.mark.parametrize(("typed", "digits"), [(b"123456\n", 123456), (b"012 345\n", 12345), (b" 000001 \n", 1)])
async def test_what_is_typed_is_the_passkey(terminal: tuple[int, TextIO], typed: bytes, digits: int) -> None:
    keyboard, stream = terminal
    ask = asking(stream, lambda _line: None)
    assert ask is not None
    os.write(keyboard, typed)
    assert await ask() == digits


async def test_anything_else_is_asked_for_again(terminal: tuple[int, TextIO]) -> None:
    keyboard, stream = terminal
    lines = iter((b"12345\n", b"\n", b"1234567\n", b"654321\n"))
    ask = asking(stream, lambda _question: os.write(keyboard, next(lines)))
    assert ask is not None
    assert await ask() == 654321


async def test_the_end_of_the_input_is_nobody(terminal: tuple[int, TextIO]) -> None:
    keyboard, stream = terminal
    ask = asking(stream, lambda _line: None)
    assert ask is not None
    os.write(keyboard, END_OF_INPUT)
    with pytest.raises(LinkError, match="nobody types"):
        await ask()


def test_where_there_is_no_terminal_nobody_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("123456\n")
    with path.open(encoding="utf-8") as stream:
        assert asking(stream, sys.stdout.write) is None
