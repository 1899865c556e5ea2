"""Finds drivers and wire formats by entry point, in this distribution and in foreign ones.

Owns: the names under which drivers are known, and the reasons why one could not be loaded.
Never: imports a driver package by name; a broken one is reported, and hides nobody else's.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

from hub_agent.driver import Driver
from hub_agent.errors import DriverError

DRIVERS: Final = "hub_agent.drivers"
FORMATS: Final = "hub_agent.formats"

Fields = Mapping[str, Any]
FormatDecoder = Callable[[bytes], Fields]
"""Bytes of one wire format → its fields as JSON-able values (numbers as int or Decimal).

Raises:
    DecodeError: the bytes are not of this format.
"""
Frame = TypeVar("Frame")
Around = Callable[[str], AbstractContextManager[None]]
"""Makes what is entered while the entry point of this name is loaded; it may refuse that, by raising."""


@dataclass(frozen=True, slots=True)
class Format(Generic[Frame]):
    """A :data:`FormatDecoder` in its two steps.

    Attributes:
        decode: bytes → what a session works with; raises :class:`~hub_agent.errors.DecodeError`.
        fields: that → plain values, for whoever asks for them by the format's name.
    """

    decode: Callable[[bytes], Frame]
    fields: Callable[[Frame], Fields]

    def __call__(self, data: bytes) -> Fields:
        """Take both."""
        return self.fields(self.decode(data))


@dataclass(frozen=True, slots=True)
class Registry:
    """What was found.

    Attributes:
        drivers: by name.
        broken: entry-point name → why it could not be loaded.
        others: names of those that nobody asked for.
    """

    drivers: Mapping[str, Driver]
    broken: Mapping[str, str] = field(default_factory=dict)
    others: Collection[str] = ()

    def driver(self, name: str) -> Driver:
        """Look a driver up.

        Raises:
            DriverError: unknown, or known but broken; the hint lists what there is.
        """
        if name in self.drivers:
            return self.drivers[name]
        if name in self.broken:
            raise DriverError(f"driver {name!r} cannot be loaded: {self.broken[name]}")
        known = ", ".join(sorted({*self.drivers, *self.others})) or "none"
        raise DriverError(f"no driver is called {name!r}", hint=f"known drivers: {known}")


def _unguarded(_name: str) -> AbstractContextManager[None]:
    return nullcontext()


def _load(points: Iterator[EntryPoint], around: Around) -> Iterator[tuple[str, Any, str]]:
    """Load each entry point; (name, value, "") or (name, None, why)."""
    for point in points:
        try:
            with around(point.name):
                value = point.load()
        except BaseException as error:  # noqa: BLE001 - a foreign package may fail in any way, sys.exit() too; nobody else must suffer
            yield point.name, None, f"{type(error).__name__}: {error}"
        else:
            yield point.name, value, ""


def load_drivers(wanted: Collection[str] | None = None, around: Around = _unguarded) -> Registry:
    """Load drivers that installed distributions offer. Each entry point names one driver value.

    Args:
        wanted: load these alone: what a hub has no device for costs it nothing, and can do it no harm. None: all.
        around: sees, and may refuse, each import.
    """
    drivers: dict[str, Driver] = {}
    broken: dict[str, str] = {}
    found = entry_points(group=DRIVERS)
    points = (point for point in found if wanted is None or point.name in wanted)
    for name, value, why in _load(points, around):
        if why:
            broken[name] = why
        elif not isinstance(value, Driver):
            broken[name] = f"is a {type(value).__name__}, not a hub_agent.driver.Driver"
        elif value.name != name:
            broken[name] = f"the driver calls itself {value.name!r}"
        elif name in drivers:
            broken[name] = "two distributions offer this name; the first one found is used"
        else:
            drivers[name] = value
    return Registry(drivers, broken, found.names - {*drivers, *broken})


def load_formats() -> Mapping[str, FormatDecoder]:
    """Load the wire formats that ``hub-agent decode --jsonl`` answers, merged over all distributions."""
    formats: dict[str, FormatDecoder] = {}
    for _name, value, why in _load(iter(entry_points(group=FORMATS)), _unguarded):
        if not why:
            formats.update(value)
    return formats
