"""Every decoder and every driver, on bytes that no device ever sent.

Whatever comes in: nothing but ``DecodeError`` comes out of a decoder and nothing but actions by the contract out of a
session; no call eats more than a quarter of a second of CPU, and no session grows without bound.

``HUB_FUZZ_SECONDS`` is the whole run's time, a few seconds without it; ``HUB_FUZZ_SECONDS=300 scripts/test tests/fuzz``
is the long run.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub_agent.captures import plain
from hub_agent.clock import SystemClock
from hub_agent.driver import SERIAL, Action, BleLink, Chunk, Driver, Emit, Moment, Session
from hub_agent.errors import DecodeError
from hub_agent.registry import load_drivers, load_formats
from hub_agent.testing.kit import channels, weigh
from hub_agent.testing.rules import check_action
from tests.fuzz.corpus import by_channel, by_format, options
from tests.fuzz.measured import FIGURES, Step

_USUAL_S: Final = 5.0
_SECONDS: Final = float(os.environ.get("HUB_FUZZ_SECONDS", _USUAL_S))
_BATCH: Final = 15
_LARGEST: Final = 512
_HEAVY: Final = 512 * 1024
"""Bytes that a session may own; a whole memory of a device, read at once, is below."""

_LOCAL: Final = datetime(2026, 11, 22, 8, 0)  # noqa: DTZ001 - the home's wall clock
_FORMATS: Final = load_formats()
_DRIVERS: Final = load_drivers().drivers
_VECTORS: Final = by_format()
_SEEN: Final = by_channel()
_SHARE_S: Final = _SECONDS / (len(_FORMATS) + len(_DRIVERS))

pytestmark = [
    pytest.mark.timeout(120 + 4 * _SHARE_S),
    *([pytest.mark.slow] if _SECONDS > _USUAL_S else []),
]

_SETTINGS: Final = settings(
    max_examples=_BATCH,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@st.composite
def _spoilt(draw: st.DrawFn, frames: Sequence[bytes]) -> bytes:
    """A frame with a few bytes changed, taken out or put in; or two of them run together."""
    data = bytearray(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0 if at < len(data):
                data[at] = draw(st.sampled_from((0x00, 0x7F, 0x80, 0xFF)) | st.integers(0, 255))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + draw(st.integers(1, 4))]
            case 3:
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                data += draw(st.sampled_from(frames))
    return bytes(data[:_LARGEST])


def _bytes(frames: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    endless = st.builds(lambda few, times: few * times, st.binary(min_size=1, max_size=2), st.integers(0, 255))
    noise = st.binary(max_size=64) | endless
    return _spoilt(frames) | noise if frames else noise


def _spend(run: Any) -> None:  # noqa: ANN401 - a test made by hypothesis
    """Run batches until the target's share of the time is over; one at the least."""
    clock = SystemClock()
    until_s = clock.monotonic_s() + _SHARE_S
    while True:
        run()
        if clock.monotonic_s() >= until_s:
            return


def _json(value: object) -> str:
    return str(value)


@pytest.mark.parametrize("name", sorted(_FORMATS))
def test_format(name: str) -> None:
    decode = _FORMATS[name]

    @_SETTINGS
    @given(st.lists(_bytes(_VECTORS.get(name, ())), min_size=1, max_size=20))
    def run(inputs: list[bytes]) -> None:
        for data in inputs:
            with Step(name):
                try:
                    fields = decode(data)
                except DecodeError:
                    continue
            json.dumps(dict(fields), default=_json)

    _spend(run)


def _steps(driver: Driver) -> st.SearchStrategy[list[Any]]:
    heard = st.one_of(
        *(
            st.tuples(st.just(channel), _bytes(_SEEN.get(channel, ())))
            for channel in (*channels(driver), *([SERIAL] if isinstance(driver.link, BleLink) else []))
        )
    )
    told = st.sampled_from([(name, None) for name in ("opened", "silent", *sorted(driver.commands))])
    return st.lists(heard | heard | heard | told, min_size=1, max_size=30)


def _did(session: Session, step: tuple[str, bytes | None], moment: Moment) -> list[Action]:
    name, data = step
    if data is not None:
        return list(session.received(Chunk(name, data, moment)))
    if name == "opened":
        return list(session.opened(moment))
    return list(session.silent(moment) if name == "silent" else session.command(name, moment))


@pytest.mark.parametrize("name", sorted(_DRIVERS))
def test_driver(name: str) -> None:
    driver = _DRIVERS[name]

    @_SETTINGS
    @given(st.sampled_from(options(name)), st.booleans(), st.floats(0.001, 40.0), _steps(driver))
    def run(given_options: Mapping[str, Any], clock: bool, pace_s: float, steps: list[Any]) -> None:  # noqa: FBT001 - drawn
        session = driver.session(given_options)
        for number, step in enumerate([("opened", None), *steps]):
            moment = Moment(number * pace_s, _LOCAL if clock else None)
            with Step(name):
                actions = _did(session, step, moment)
            for action in actions:
                check_action(driver, action)
                if isinstance(action, Emit):
                    json.dumps(plain(action.reading))
        size = weigh(session)
        FIGURES.weighed(name, size)
        assert size < _HEAVY

    _spend(run)
