"""Finding drivers by entry point."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from hub_agent import registry
from hub_agent.driver import Driver
from hub_agent.errors import DriverError, StuckDriverError
from hub_agent.registry import DRIVERS, FORMATS, Format, Registry, load_drivers, load_formats

_GOOD = EntryPoint("nonin-serial", "hub_drivers.nonin_serial.driver:DRIVER", DRIVERS)


def _offer(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(*, group: str) -> EntryPoints:
        return EntryPoints(points).select(group=group)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_every_driver_of_this_distribution_loads() -> None:
    found = load_drivers()
    assert found.broken == {}
    assert len(found.drivers) > 20
    assert all(name == driver.name for name, driver in found.drivers.items())


@pytest.mark.parametrize(
    ("point", "why"),
    [
        (EntryPoint("gone", "hub_drivers.gone:DRIVER", DRIVERS), "ModuleNotFoundError"),
        (EntryPoint("less", "hub_drivers.nonin_serial.driver:NOTHING", DRIVERS), "AttributeError"),
        (EntryPoint("text", "hub_agent.control:NAME", DRIVERS), "is a str, not a"),
        (EntryPoint("alias", "hub_drivers.nonin_serial.driver:DRIVER", DRIVERS), "calls itself 'nonin-serial'"),
    ],
)
def test_a_broken_one_is_reported_and_hides_nobody(
    monkeypatch: pytest.MonkeyPatch, point: EntryPoint, why: str
) -> None:
    _offer(monkeypatch, point, _GOOD)
    found = load_drivers()
    assert list(found.drivers) == ["nonin-serial"]
    assert why in found.broken[point.name]
    with pytest.raises(DriverError, match="cannot be loaded"):
        found.driver(point.name)


def test_one_that_ends_the_process_as_it_is_imported_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "acme_ends.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    _offer(monkeypatch, EntryPoint("acme-ends", "acme_ends:DRIVER", DRIVERS), _GOOD)
    found = load_drivers()
    assert (list(found.drivers), found.broken) == (["nonin-serial"], {"acme-ends": "SystemExit: 3"})


def test_each_import_can_be_watched_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, EntryPoint("gone", "hub_drivers.gone:DRIVER", DRIVERS), _GOOD)
    under_way: list[str] = []
    seen: list[str] = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        if name == "gone":
            raise StuckDriverError("not once more")
        under_way.append(name)
        seen.append(name)
        yield
        under_way.remove(name)

    found = load_drivers(around=around)
    assert (seen, under_way, list(found.drivers)) == (["nonin-serial"], [], ["nonin-serial"])
    assert found.broken == {"gone": "StuckDriverError: not once more"}


def test_what_nobody_asked_for_is_not_loaded_and_yet_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, EntryPoint("gone", "hub_drivers.gone:DRIVER", DRIVERS), _GOOD)
    found = load_drivers({"nonin-serial", "none-such"})
    assert (list(found.drivers), found.broken, set(found.others)) == (["nonin-serial"], {}, {"gone"})
    with pytest.raises(DriverError, match="known drivers: gone, nonin-serial"):
        found.driver("none-such")


def test_the_first_of_two_with_one_name_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(monkeypatch, _GOOD, _GOOD)
    found = load_drivers()
    assert isinstance(found.driver("nonin-serial"), Driver)
    assert "two distributions" in found.broken["nonin-serial"]


def test_an_unknown_one_is_answered_with_what_there_is() -> None:
    with pytest.raises(DriverError, match="known drivers: none"):
        Registry({}).driver("nonin-serial")
    with pytest.raises(DriverError, match="nonin-serial"):
        load_drivers().driver("nonin")


def test_formats_of_a_broken_distribution_hide_nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    _offer(
        monkeypatch,
        EntryPoint("broken", "hub_drivers.gone:FORMATS", FORMATS),
        EntryPoint("hub-drivers", "hub_drivers.formats:FORMATS", FORMATS),
    )
    assert "ble.2a37" in load_formats()


def test_a_format_in_two_steps_is_a_decoder() -> None:
    length = Format(len, lambda count: {"bytes": count})
    assert length.decode(b"abc") == 3
    assert length(b"abc") == {"bytes": 3}
