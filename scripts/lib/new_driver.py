"""Begins a driver in this repository.

Owns: the text that a new driver starts from, and where each piece of it goes.
Never: writes over a file, or leaves half a driver behind: everything is checked before anything is written.
"""

import re
from pathlib import Path
from typing import Final, Literal

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_POINTS: Final = '[project.entry-points."hub_agent.drivers"]\n'
_ROW: Final = "| `{name}` | {name} | {link} | SpO2, pulse rate | decoded | not decoded yet |\n"

_PACKAGE: Final = '"""{name}: say here which devices these are."""\n'

_FRAME: Final = '''"""Frames of {name}.

Owns: their layout. Never: judges a value; the driver does.

Source: say here where the layout is known from: standard and section, repository and path, or the captures beside the
test.
"""

from typing import NamedTuple

from hub_agent.errors import DecodeError


class Frame(NamedTuple):
    """What one frame says, as sent.

    Attributes:
        spo2: in %; None when the device has none.
        pulse_rate: in /min; None when the device has none.
    """

    spo2: int | None
    pulse_rate: int | None


def decode(data: bytes) -> Frame:
    """Take a frame apart.

    Raises:
        DecodeError: the bytes are no such frame.
    """
    raise DecodeError(f"{{len(data)}} bytes, not decoded yet")
'''

_MEASURE: Final = '''

LONGEST = 64
"""No frame has more bytes."""


def measure(buffer: bytes, start: int) -> int:
    """Find a frame; the :data:`~hub_drivers.codec.stream.Measure` of a deframer."""
    del buffer, start
    return -1
'''

_BLE: Final = '''"""The driver ``{name}``.

Owns: its link, and how a frame becomes a reading. Never: takes bytes apart; ``frame`` does.
"""

from typing import Final

from hub_agent.driver import BleLink, Driver, Match, decode_only, sig_uuid
from hub_agent.model import Reading
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
{imports}

CHANNEL: Final = sig_uuid(0xFFF1)


def reading(data: bytes) -> Reading:
    """Decode a value into its reading.

    Raises:
        DecodeError: the bytes are no frame.
    """
    frame = decode(data)
    return oximetry(frame.spo2, frame.pulse_rate)


DRIVER: Final = Driver(
    name="{name}",
    title="{name}",
    link=BleLink(notify=(CHANNEL,), match=Match(names=("{name}",))),
    measures=frozenset({{SPO2, PULSE_RATE_OXIMETER}}),
    session=decode_only({{CHANNEL: reading}}),
    cadence_s=1.0,
    quirks=("not decoded yet",),
)
"""Configure it as ``{name}``."""
'''

_SERIAL: Final = '''"""The driver ``{name}``.

Owns: its link, and how a frame becomes a reading. Never: takes bytes apart; ``frame`` does.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub_agent.driver import SERIAL, Action, Driver, Emit, SerialLink, Session
from hub_agent.nomenclature import PULSE_RATE_OXIMETER, SPO2
{imports}


def _handle(data: bytes) -> Iterable[Action]:
    frame = decode(data)
    yield Emit(oximetry(frame.spo2, frame.pulse_rate))


def _session(options: Mapping[str, Any]) -> Session:
    del options
    return StreamSession(SERIAL, Deframer(measure, LONGEST), _handle)


DRIVER: Final = Driver(
    name="{name}",
    title="{name}",
    link=SerialLink(9600),
    measures=frozenset({{SPO2, PULSE_RATE_OXIMETER}}),
    session=_session,
    cadence_s=1.0,
    quirks=("not decoded yet",),
)
"""Configure it as ``{name}``."""
'''

_TEST: Final = '''"""The driver ``{name}``: what is special about its device; the kit holds it to the rules of all."""

from pathlib import Path
from typing import Final

from hub_agent.captures import load_folder, play
from hub_drivers.{module}.driver import DRIVER

_CAPTURES: Final = load_folder(Path(__file__).parent / "captures")


def test_its_captures_give_readings() -> None:
    assert _CAPTURES, "no capture yet: `hub-agent devices test` writes one, docs/driver-guide.md says how"
    for capture in _CAPTURES:
        assert any(played.readings for played in play(DRIVER, capture)), f"{{capture.name}} gives no reading yet"


def test_nothing_of_the_stub_is_left() -> None:
    assert "not decoded yet" not in DRIVER.quirks
    assert DRIVER.title != "{name}"
'''


_IMPORTS: Final = {
    "ble": ("codec.oximetry import oximetry", "{module}.frame import decode"),
    "serial": (
        "codec.oximetry import oximetry",
        "codec.stream import Deframer, StreamSession",
        "{module}.frame import LONGEST, decode, measure",
    ),
}


class NewDriverError(Exception):
    """The driver cannot be begun; the message says why."""


def begin(root: Path, name: str, link: Literal["ble", "serial"]) -> tuple[str, ...]:
    """Write a driver's first files; give their paths below ``root``.

    Raises:
        NewDriverError: no name for a driver, or something of that name is there already.
    """
    if not _NAME.fullmatch(name):
        raise NewDriverError(f"{name!r} is no name: a-z, 0-9 and single '-', a letter first")
    module = name.replace("-", "_")
    code = Path("drivers/hub_drivers") / module
    tests = Path("tests/drivers") / name
    files = {
        code / "__init__.py": _PACKAGE,
        code / "frame.py": _FRAME + (_MEASURE if link == "serial" else ""),
        code / "driver.py": _SERIAL if link == "serial" else _BLE,
        tests / "test_driver.py": _TEST,
        tests / "captures/.gitkeep": "",
    }
    for taken in (code, tests):
        if (root / taken).exists():
            raise NewDriverError(f"{taken} exists")
    readme, project = root / "drivers/README.md", root / "pyproject.toml"
    row = _ROW.format(name=name, link="BLE" if link == "ble" else "serial 9600 8N1")
    with_row = _insert_row(readme.read_text(encoding="utf-8"), row)
    with_point = _insert_point(
        project.read_text(encoding="utf-8"), f'{name} = "hub_drivers.{module}.driver:DRIVER"\n', name
    )
    imports = "\n".join(sorted(f"from hub_drivers.{each.format(module=module)}" for each in _IMPORTS[link]))
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text.format(name=name, module=module, imports=imports), encoding="utf-8")
    readme.write_text(with_row, encoding="utf-8")
    project.write_text(with_point, encoding="utf-8")
    return (*map(str, files), "drivers/README.md", "pyproject.toml")


def _insert_row(text: str, row: str) -> str:
    """Put a row into the device table, in its order."""
    lines = text.splitlines(keepends=True)
    rows = [number for number, line in enumerate(lines) if line.startswith("| `")]
    if not rows:
        raise NewDriverError("drivers/README.md: no table of devices")
    at = next((number for number in rows if lines[number] > row), rows[-1] + 1)
    return "".join([*lines[:at], row, *lines[at:]])


def _insert_point(text: str, line: str, name: str) -> str:
    """Put an entry point among those of the drivers, in its order."""
    head, found, rest = text.partition(_POINTS)
    if not found:
        raise NewDriverError('pyproject.toml: no [project.entry-points."hub_agent.drivers"]')
    points, blank, after = rest.partition("\n\n")
    lines = points.splitlines(keepends=False)
    if any(each.split(" ")[0] == name for each in lines):
        raise NewDriverError(f"pyproject.toml: {name} is an entry point already")
    lines = sorted([*lines, line.rstrip("\n")])
    return head + found + "\n".join(lines) + blank + after
