from pathlib import Path

import pytest

from hub_agent.devices.ports import Port, PortMatch, find_port, list_ports
from hub_agent.errors import ConfigError, LinkError
from hub_agent.simulate.usb import VirtualUsb

FTDI = (0x0403, 0x6001)


@pytest.fixture
def bus(tmp_path: Path) -> VirtualUsb:
    return VirtualUsb(tmp_path / "bus")


def by_id(bus: VirtualUsb, target: Path) -> Path:
    link = bus.dev / "serial/by-id/usb-FTDI_SN-A-if00-port0"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    return link


def find(bus: VirtualUsb, match: PortMatch) -> Port | None:
    return find_port(match, sysfs=bus.sysfs, dev=bus.dev)


def test_a_port_is_listed_with_the_identity_of_its_usb_device(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", FTDI, serial_number="SN-A")
    bus.attach("ttyACM0", (0x10C4, 0xEA60), serial_number=None, interface=2)

    assert list_ports(sysfs=bus.sysfs, dev=bus.dev) == (
        Port(bus.dev / "ttyACM0", (0x10C4, 0xEA60), None, 2),
        Port(bus.dev / "ttyUSB0", FTDI, "SN-A", 0),
    )


def test_screens_and_ports_of_the_board_have_no_usb_identity(bus: VirtualUsb) -> None:
    for name in ("tty1", "ttyS0", "ptmx"):
        (bus.sysfs / "class/tty" / name).mkdir(parents=True)
    board = bus.sysfs / "devices/platform/serial8250"
    board.mkdir(parents=True)
    (bus.sysfs / "class/tty/ttyS0/device").symlink_to(board)

    assert list_ports(sysfs=bus.sysfs, dev=bus.dev) == ()


def test_no_sysfs_means_no_port(tmp_path: Path) -> None:
    assert find_port(PortMatch(usb=(FTDI,)), sysfs=tmp_path / "none", dev=tmp_path) is None


def test_the_port_is_found_under_whatever_number_it_has(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", (0x1A86, 0x7523))
    bus.attach("ttyUSB7", FTDI, serial_number="SN-A")

    found = find(bus, PortMatch(usb=(FTDI,)))

    assert found is not None
    assert found.device == bus.dev / "ttyUSB7"


@pytest.mark.parametrize(
    ("match", "name"),
    [
        (PortMatch(usb=(FTDI,), serial_number="SN-B"), "ttyUSB1"),
        (PortMatch(serial_number="SN-A", interface=0), "ttyUSB0"),
        (PortMatch(usb=((1, 2), FTDI), interface=1), "ttyUSB2"),
    ],
)
def test_twins_are_told_apart_by_serial_number_and_interface(bus: VirtualUsb, match: PortMatch, name: str) -> None:
    bus.attach("ttyUSB0", FTDI, serial_number="SN-A")
    bus.attach("ttyUSB1", FTDI, serial_number="SN-B")
    bus.attach("ttyUSB2", FTDI, serial_number="SN-C", interface=1)

    found = find(bus, match)

    assert found is not None
    assert found.device.name == name


def test_several_fitting_ports_are_an_error_and_not_a_guess(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", FTDI, serial_number="SN-A")
    bus.attach("ttyUSB1", FTDI, serial_number="SN-B")

    with pytest.raises(LinkError, match=r"2 serial ports fit: ttyUSB0, ttyUSB1 \(give serial_number") as caught:
        find(bus, PortMatch(usb=(FTDI,)))

    assert "SN-" not in str(caught.value)


def test_another_serial_number_does_not_fit(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", FTDI, serial_number="SN-A")

    assert find(bus, PortMatch(usb=(FTDI,), serial_number="SN-B")) is None


def test_a_link_is_followed_to_the_port_of_the_moment(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB3", FTDI).touch()
    link = by_id(bus, bus.dev / "ttyUSB3")

    assert find(bus, PortMatch(path=link, usb=(FTDI,))) == Port(bus.dev / "ttyUSB3", FTDI, None, 0)


def test_a_link_to_nothing_is_a_port_that_is_away(bus: VirtualUsb) -> None:
    link = by_id(bus, bus.dev / "ttyUSB3")

    assert find(bus, PortMatch(path=link)) is None


def test_a_loop_of_links_is_reported_without_the_path(bus: VirtualUsb) -> None:
    link = by_id(bus, bus.dev / "serial/by-id/usb-FTDI_SN-A-if00-port0")

    with pytest.raises(LinkError, match="cannot be followed") as caught:
        find(bus, PortMatch(path=link))

    assert "SN-A" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_stranger_at_the_path_is_refused(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", (0xDEAD, 0xBEEF), serial_number="SN-X").touch()
    link = by_id(bus, bus.dev / "ttyUSB0")

    with pytest.raises(LinkError, match="another device's") as caught:
        find(bus, PortMatch(path=link, usb=(FTDI,)))

    assert "SN-X" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/ttyUSB0", "is a number"),
        ("/dev/ttyACM12", "is a number"),
        ("socket://10.0.0.1:23", "not absolute"),
        ("ttyUSB0", "not absolute"),
    ],
)
def test_a_path_that_recognises_nothing_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        PortMatch(path=Path(path))


def test_a_match_needs_something_to_go_by() -> None:
    with pytest.raises(ConfigError, match="nothing to recognise it by"):
        PortMatch(interface=1)


def test_a_port_of_the_board_keeps_its_number() -> None:
    assert PortMatch(path=Path("/dev/ttyAMA0")).path == Path("/dev/ttyAMA0")


def test_an_unreadable_identity_is_none(bus: VirtualUsb) -> None:
    bus.attach("ttyUSB0", FTDI)
    (bus.sysfs / "devices/usb1/1-ttyUSB0/idVendor").write_text("gone\n")

    assert list_ports(sysfs=bus.sysfs, dev=bus.dev) == ()
