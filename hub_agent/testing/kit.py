"""The checks of the conformance kit.

Owns: what is done to a driver to find out whether it keeps the rules.
Never: says what the rules are; :mod:`~hub_agent.testing.rules` does. Imports hypothesis only when a check runs.
"""

import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from hub_agent import nomenclature as mdc
from hub_agent.captures import Capture, Frame, chunk_of, load_folder, plain, play
from hub_agent.driver import SERIAL, Action, Chunk, Driver, Emit, Moment, SerialLink, Session, SessionFactory
from hub_agent.testing.rules import UUID, check_action, hold
from hub_agent.testing.table import check_readme

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_NOW: Final = Moment(0.0, None)
_EXAMPLES: Final = 150
_ROUNDS: Final = 400
_GROWTH: Final = 16 * 1024
"""Bytes of state that a session may gain between the two halves of a long run."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to hold; call it, it raises AssertionError when it does not."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run it."""
        self.run()

    def __str__(self) -> str:
        return self.name


def checks(
    driver: Driver,
    captures: Path | str | None = None,
    readme: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[Check, ...]:
    """List what a driver is held to.

    Args:
        driver: the driver.
        captures: a folder of capture files (see :mod:`hub_agent.captures`) with their golden readings.
        readme: the text of the table that must have a row for the driver.
        options: of the device, for a driver that cannot do without; a capture brings its own.
    """
    if options is not None:
        driver = replace(driver, session=_with(driver, options))
    known = () if captures is None else load_folder(Path(captures))
    found = [
        Check("declaration", partial(check_declaration, driver)),
        Check("any_bytes", partial(check_any_bytes, driver, known)),
        Check("bounded_state", partial(check_bounded_state, driver, known)),
    ]
    if streams(driver):
        found.append(Check("splitting", partial(check_splitting, driver, known)))
    found += [Check(f"golden-{capture.name}", partial(check_golden, driver, capture)) for capture in known]
    if readme is not None:
        found.append(Check("readme", partial(check_readme, driver, readme)))
    return tuple(found)


def _with(driver: Driver, defaults: Mapping[str, Any]) -> SessionFactory:
    """Make sessions with these options, unless others are given."""
    return lambda options: driver.session({**defaults, **options})


def channels(driver: Driver) -> tuple[str, ...]:
    """List the channels a driver may hear."""
    if isinstance(driver.link, SerialLink):
        return (SERIAL,)
    return tuple(dict.fromkeys((*driver.link.notify, *driver.link.read)))


def streams(driver: Driver) -> tuple[str, ...]:
    """List the channels whose chunks are pieces of a byte stream."""
    return (SERIAL,) if isinstance(driver.link, SerialLink) else driver.link.streams


def _held(driver: Driver, actions: Iterable[Action]) -> list[Action]:
    """Hold every action; give them as a list."""
    known = list(actions)
    for action in known:
        check_action(driver, action)
    return known


def check_declaration(driver: Driver) -> None:
    """Hold the driver value itself: names, codes, channels, commands."""
    hold(re.fullmatch(r"[a-z0-9-]+", driver.name), f"name {driver.name!r}: only a-z, 0-9 and -")
    hold(driver.title and driver.measures, "a driver has a title and measures something")
    for code in driver.measures:
        hold(code in mdc.QUANTITIES, f"MDC code {code} is not in the nomenclature")
    for channel in channels(driver):
        hold(channel == SERIAL or UUID.fullmatch(channel), f"{channel!r} is no full lower-case UUID")
    hold(set(streams(driver)) <= set(channels(driver)), "a stream is one of the channels that are subscribed to")
    hold(all(driver.options.values()), "an option without a description")
    session = driver.session(driver.example)
    _held(driver, session.opened(_NOW))
    joins = any(getattr(thing, "joins_chunks", False) for thing in owned(session))
    hold(streams(driver) or not joins, "the session joins chunks: name the channel in the link's streams")
    for name in driver.commands:
        session = driver.session(driver.example)
        _held(driver, session.opened(_NOW))
        _held(driver, session.command(name, _NOW))


def _frames(captures: Sequence[Capture]) -> list[Chunk]:
    chunks = (chunk_of(capture, line) for capture in captures for line in capture.lines)
    return [chunk for chunk in chunks if chunk is not None]


def _chunks(driver: Driver, captures: Sequence[Capture]) -> "SearchStrategy[Chunk]":
    """Bytes of any kind: random ones, and captured ones cut, stretched and changed."""
    from hypothesis import strategies as st  # noqa: PLC0415 - only whoever runs the checks needs it

    noise = st.builds(
        lambda channel, data: Chunk(channel, data, _NOW), st.sampled_from(channels(driver)), st.binary(max_size=80)
    )
    frames = _frames(captures)
    if not frames:
        return noise

    def spoil(frame: Chunk, at: int, byte: int, cut: int) -> Chunk:
        data = bytearray(frame.data)
        if data:
            data[at % len(data)] ^= byte
        return Chunk(frame.channel, bytes(data[: len(data) - cut % 3]), frame.moment)

    byte = st.integers(0, 255)
    return noise | st.builds(spoil, st.sampled_from(frames), byte, byte, byte)


def check_any_bytes(driver: Driver, captures: Sequence[Capture] = ()) -> None:
    """Any bytes, in any order, become readings or are rejected; nothing else, and the same each time."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    steps = st.lists(
        _chunks(driver, captures) | st.sampled_from(["opened", "silent", *sorted(driver.commands)]), max_size=12
    )

    def run(session: Session, happened: Sequence[Chunk | str]) -> list[Action]:
        actions: list[Action] = []
        for step in happened:
            if isinstance(step, Chunk):
                actions += _held(driver, session.received(step))
            elif step == "opened":
                actions += _held(driver, session.opened(_NOW))
            elif step == "silent":
                actions += _held(driver, session.silent(_NOW))
            else:
                actions += _held(driver, session.command(step, _NOW))
        return actions

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def run_one(happened: list[Chunk | str]) -> None:
        first = run(driver.session(driver.example), happened)
        hold(first == run(driver.session(driver.example), happened), "the same calls gave other actions")

    run_one()


def check_splitting(driver: Driver, captures: Sequence[Capture]) -> None:
    """However a stream is cut into chunks, the readings are the same."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    captured = [
        (channel, b"".join(frame.data for frame in _frames([capture]) if frame.channel == channel))
        for channel in streams(driver)
        for capture in captures
    ]
    noise = st.tuples(st.sampled_from(streams(driver)), st.binary(max_size=200))
    source = noise | st.sampled_from(captured) if captured else noise

    def read(channel: str, pieces: Iterable[bytes]) -> list[Any]:
        session = driver.session(driver.example)
        _held(driver, session.opened(_NOW))
        actions = [
            action for piece in pieces for action in _held(driver, session.received(Chunk(channel, piece, _NOW)))
        ]
        return [plain(action.reading) for action in actions if isinstance(action, Emit)]

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(source, st.lists(st.integers(1, 60), min_size=1, max_size=20))
    def run_one(stream: tuple[str, bytes], sizes: list[int]) -> None:
        channel, data = stream
        pieces: list[bytes] = []
        rest = data
        while rest:
            size = sizes[len(pieces) % len(sizes)]
            pieces.append(rest[:size])
            rest = rest[size:]
        hold(read(channel, [data]) == read(channel, pieces), "cutting the stream elsewhere changed the readings")

    run_one()


def check_golden(driver: Driver, capture: Capture) -> None:
    """A capture gives the readings that were reviewed with it."""
    for each in play(driver, capture):
        line = each.line
        _held(driver, each.actions)
        what = f"{line.channel} {line.data.hex()}" if isinstance(line, Frame) else line.event
        hold(
            each.readings == line.readings,
            f"{capture.name} at {line.at_s} s, {what}: {list(each.readings)}, reviewed: {list(line.readings)}",
        )


def check_bounded_state(driver: Driver, captures: Sequence[Capture] = ()) -> None:
    """A session that hears noise, or the same for ever, does not grow."""
    generator = random.Random(0)  # noqa: S311 - noise, not a secret
    frames = _frames(captures)
    session = driver.session(driver.example)
    _held(driver, session.opened(_NOW))
    weights: list[int] = []
    for half in range(2):
        for number in range(_ROUNDS):
            moment = Moment(float(half * _ROUNDS + number), None)
            channel = generator.choice(channels(driver))
            _held(driver, session.received(Chunk(channel, generator.randbytes(generator.randrange(64)), moment)))
            if frames:
                frame = frames[number % len(frames)]
                _held(driver, session.received(frame._replace(moment=moment)))
        weights.append(weigh(session))
    hold(weights[1] - weights[0] <= _GROWTH, f"the session grew by {weights[1] - weights[0]} bytes")


def weigh(thing: object) -> int:
    """Sum the bytes of an object and of what it owns; code is not counted."""
    return sum(sys.getsizeof(each) for each in owned(thing))


def owned(thing: object, seen: set[int] | None = None) -> Iterator[object]:
    """Give an object and all that it owns, each once; code is not given."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(
        thing, type | ModuleType | FunctionType | BuiltinFunctionType | MethodType | Driver
    ):
        return
    seen.add(id(thing))
    yield thing
    inside: list[object] = []
    if isinstance(thing, dict):
        inside += [*thing.keys(), *thing.values()]
    elif isinstance(thing, Iterable) and not isinstance(thing, str | bytes | bytearray) and hasattr(thing, "__len__"):
        inside += list(thing)
    inside += list(getattr(thing, "__dict__", {}).values())
    for cls in type(thing).__mro__:
        names = cls.__dict__.get("__slots__", ())
        inside += [getattr(thing, name, None) for name in ((names,) if isinstance(names, str) else names)]
    for each in inside:
        yield from owned(each, seen)
