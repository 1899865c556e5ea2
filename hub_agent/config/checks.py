"""Checks between the parts of a configuration that no part can make alone.

Owns: what must not be twice, what needs what, whether a device fits its driver.
Never: opens a device or loads a driver; drivers are an argument.
"""

import difflib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from hub_agent.alarms import bounds
from hub_agent.config.models import Broker, Delivery, Device, LimitSection
from hub_agent.config.places import Path
from hub_agent.driver import BleLink, Driver, SerialLink

_WAYS: Final = ("address", "port", "usb")


class Finding(NamedTuple):
    """A mistake before its line is known: where, what, and what to do."""

    path: Path
    reason: str
    remedy: str = ""


@dataclass(slots=True)
class Parts:
    """What could be read; None stands for what had mistakes of its own.

    Attributes:
        sections: by name.
        tables: of ``limits`` and ``devices``, by position.
        raw: the same tables as TOML has them, whether they could be read or not.
    """

    sections: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[int, Any]] = field(default_factory=lambda: {"limits": {}, "devices": {}})
    raw: dict[str, list[Any]] = field(default_factory=dict)


def findings(parts: Parts, drivers: Mapping[str, Driver] | None) -> Iterator[Finding]:
    """Check everything that could be read."""
    delivery = parts.sections.get("delivery", Delivery())
    yield from _delivery(parts.sections.get("broker"), delivery)
    if delivery is not None:
        yield from _form(delivery, has_noc="noc" in parts.sections)
    devices: dict[int, Device] = {at: one for at, one in parts.tables["devices"].items() if one is not None}
    limits: dict[int, LimitSection] = {at: one for at, one in parts.tables["limits"].items() if one is not None}
    for key in ("name", *_WAYS):
        yield from _twice(parts.raw.get("devices", []), key)
    for position, device in devices.items():
        yield from _way(position, device, drivers)
    yield from _limits(limits, devices, whole=len(devices) == len(parts.tables["devices"]))


def _form(delivery: Delivery, *, has_noc: bool) -> Iterator[Finding]:
    if delivery.form == "sealed":
        if not has_noc:
            yield Finding(
                ("noc",), "the section is missing", 'it needs trust; a site without a NOC: delivery.form = "clear"'
            )
        return
    if has_noc:
        yield Finding(
            ("noc",),
            'stands beside delivery.form = "clear"',
            "with a NOC's keys readings travel sealed: remove one of the two",
        )
    if delivery.confirm != "broker":
        yield Finding(
            ("delivery", "confirm"),
            'must be "broker" where delivery.form is "clear"',
            "without a NOC nobody else can say that a reading arrived",
        )


def _delivery(broker: Broker | None, delivery: Delivery | None) -> Iterator[Finding]:
    if broker is None or delivery is None or broker.protocol == "5":
        return
    if delivery.confirm != "noc":
        yield Finding(
            ("broker", "protocol"),
            "MQTT 3.1.1 cannot say that a message was refused, so a broker's word is not enough",
            'set protocol = "5", or delivery.confirm = "noc"',
        )


def _twice(devices: Sequence[Any], key: str) -> Iterator[Finding]:
    remedy = "give each device its own name" if key == "name" else "one of them must be reached in another way"
    first: dict[Hashable, int] = {}
    for position, device in enumerate(devices):
        said = device.get(key) if isinstance(device, dict) else None
        if not isinstance(said, str):
            continue
        if said in first:
            yield Finding(("devices", position, key), f"is the same as that of devices[{first[said]}]", remedy)
        first.setdefault(said, position)


def _way(position: int, device: Device, drivers: Mapping[str, Driver] | None) -> Iterator[Finding]:
    """Check that a device can be reached in exactly one way, the one of its driver."""
    at: Path = ("devices", position)
    ways = [key for key in _WAYS if getattr(device, key) is not None]
    if len(ways) > 1:
        yield Finding((*at, ways[1]), f"stands beside {ways[0]}", "keep the one by which the device is reached")
        return
    if drivers is None:
        if not ways:
            yield Finding(at, "has no address, port or usb", "say how the device is reached")
        return
    driver = drivers.get(device.driver)
    if driver is None:
        close = difflib.get_close_matches(device.driver, drivers, n=1)
        remedy = f'did you mean "{close[0]}"?' if close else "`hub-agent drivers` lists what there is"
        yield Finding((*at, "driver"), "no driver is called so", remedy)
        return
    for key in device.options.keys() - driver.options.keys():
        close = difflib.get_close_matches(key, driver.options, n=1)
        known = f"there are: {', '.join(driver.options)}" if driver.options else "it has none"
        yield Finding(
            (*at, "options", key),
            f"driver {driver.name} has no such option",
            f'did you mean "{close[0]}"?' if close else known,
        )
    match driver.link:
        case BleLink() if ways != ["address"]:
            where = (*at, ways[0]) if ways else at
            yield Finding(where, f"driver {driver.name} speaks Bluetooth", 'give address = "AA:BB:CC:DD:EE:FF"')
        case SerialLink(usb=usb) if ways == ["address"] or not (ways or usb):
            where = (*at, ways[0]) if ways else at
            yield Finding(where, f"driver {driver.name} speaks on a serial line", "give port or usb")
        case _:
            pass


def _limits(limits: Mapping[int, LimitSection], devices: Mapping[int, Device], *, whole: bool) -> Iterator[Finding]:
    """Check limits against each other and against the devices; ``whole``: every device could be read."""
    names = {device.name for device in devices.values()}
    first: dict[Hashable, int] = {}
    for position, section in limits.items():
        if whole and section.device is not None and section.device not in names:
            close = difflib.get_close_matches(section.device, names, n=1)
            remedy = f'did you mean "{close[0]}"?' if close else "name one of the [[devices]], or leave it out for any"
            yield Finding(("limits", position, "device"), "no device is called so", remedy)
        faults = {fault: None for limit in section.limits() for fault in bounds.faults(limit)}
        for fault in faults:
            yield Finding(
                ("limits", position, fault.key), fault.reason, "these bounds hold for every file and every command"
            )
        for limit in section.limits():
            if limit.key in first and first[limit.key] != position:
                yield Finding(
                    ("limits", position, "measure"),
                    f"is limited by limits[{first[limit.key]}] already, with the same device and priority",
                    "join the two, or give them different priorities",
                )
                break
            first.setdefault(limit.key, position)
