"""Plays bytes to sessions."""

from collections.abc import Callable, Iterable
from datetime import datetime

import pytest

from hub_agent.driver import SERIAL, Action, Chunk, Emit, Moment, Session
from hub_agent.model import Reading

LOCAL = datetime(2026, 11, 22, 13, 37, 42)

Play = Callable[..., list[Action]]


@pytest.fixture
def play() -> Play:
    """Give chunks to a session, each a step later than the one before; return what it does, ``opened`` apart."""

    def run(session: Session, chunks: Iterable[bytes], channel: str = SERIAL, step_s: float = 0.0) -> list[Action]:
        done: list[Action] = []
        for number, data in enumerate(chunks):
            done.extend(session.received(Chunk(channel, data, Moment(number * step_s, LOCAL))))
        return done

    return run


@pytest.fixture
def emitted(play: Play) -> Callable[..., list[Reading]]:
    """As ``play``, but only the readings."""

    def run(session: Session, chunks: Iterable[bytes], channel: str = SERIAL) -> list[Reading]:
        return [action.reading for action in play(session, chunks, channel) if isinstance(action, Emit)]

    return run
