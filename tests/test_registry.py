"""Finding drivers by entry point."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from hub_agent import registry
from hub_agent.driver import Driver
from hub_agent.errors import DriverError
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
