"""Examines a hub from outside: what it stands on, and whether its readings arrive.

Owns: the questions, and what to do about each wrong answer.
Never: changes anything, or takes the place of a running hub at the broker.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hub_agent import control, identity, mqtt, trust
from hub_agent.builder import tls_of
from hub_agent.clock import Floor, SystemClock
from hub_agent.config import Config, Device, SecretRef
from hub_agent.devices.ble.trouble import BleError, weather
from hub_agent.devices.ports import find_port
from hub_agent.devices.ways import port_match
from hub_agent.driver import Driver, SerialLink
from hub_agent.errors import HubError, LinkError
from hub_agent.field import credentials
from hub_agent.field.reach import RADIO_REMEDY, MakeHost
from hub_agent.tls import valid_until

_HOST_S: Final = 10.0
_CONFIRMED_S: Final = 120.0
"""A hub sends its heartbeat and its devices' readings; a NOC that confirmed nothing for so long is not there."""
_EXPIRES: Final = timedelta(days=14)
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer.

    Attributes:
        what: was asked.
        ok: green; else red.
        told: the answer.
        remedy: what to do; empty when it is green.
    """

    what: str
    ok: bool
    told: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined.

    Attributes:
        config: its configuration.
        drivers: that are installed.
        status: what the running hub says; None when none is running.
        now: aware UTC.
        synced: whether the machine's clock is disciplined.
        make_host: makes the Bluetooth stack.
        stores: where systemd looks for credentials.
    """

    config: Config
    drivers: Mapping[str, Driver]
    status: Mapping[str, Any] | None
    now: datetime
    synced: bool
    make_host: MakeHost
    stores: Sequence[Path] = credentials.STORES


async def ask_hub(config: Config) -> Mapping[str, Any] | None:
    """Ask the running hub for its state; None when none answers."""
    try:
        return await control.ask_status(config.hub.runtime_dir)
    except LinkError:
        return None


async def examine(patient: Patient) -> tuple[Finding, ...]:
    """Ask every question, the ground first."""
    findings = [hub(patient), clock(patient), disk(patient.config), keys(patient), tls(patient), await radio(patient)]
    for device in patient.config.devices:
        driver = patient.drivers.get(device.driver)
        if driver is None:
            findings.append(Finding(f"device {device.name}", False, "has no driver", "`hub-agent drivers` lists them"))
        elif isinstance(driver.link, SerialLink):
            findings.append(await serial(device, driver.link))
    return (*findings, await broker(patient), noc(patient))


def hub(patient: Patient) -> Finding:
    """Is the hub running, and are its devices with it?"""
    if patient.status is None:
        return Finding("hub", False, "is not running", "systemctl start hub-agent, then look at its journal")
    parked = [name for name, device in patient.status["devices"].items() if device["state"] == "parked"]
    if parked:
        return Finding("hub", False, f"parked {', '.join(parked)}", "`hub-agent status` says why")
    return Finding("hub", True, f"runs with {len(patient.status['devices'])} devices")


def clock(patient: Patient) -> Finding:
    """Is the wall clock good?"""
    if patient.synced:
        return Finding("clock", True, "is set by the network")
    return Finding(
        "clock", False, "is not set by the network", "timedatectl set-ntp true; is UDP port 123 open in this home?"
    )


def disk(config: Config) -> Finding:
    """Is there room for the outbox?"""
    place = config.hub.state_dir
    if not place.is_dir():
        return Finding("disk", False, f"{place} is not there", "start the hub once, or give hub.state_dir")
    free = shutil.disk_usage(place).free // _MIB
    used = sum(path.stat().st_size for path in place.glob("outbox.db*")) // _MIB
    needed = max(0, config.storage.quota_mib - used) + config.storage.min_free_mib
    if free < needed:
        return Finding(
            "disk",
            False,
            f"{free} MiB are free, the outbox may want {needed}",
            "free some, or lower storage.quota_mib: it bounds how long an outage may last",
        )
    return Finding("disk", True, f"{free} MiB are free, the outbox may want {needed}")


def keys(patient: Patient) -> Finding:
    """Are the hub's key and the NOC's public keys there and good?"""
    config = patient.config
    try:
        if not _is_beyond(config.identity.key, patient):
            identity.load(config.identity.key.path(os.environ))
        bundle = None if config.noc is None else trust.load(config.noc.trust)
    except HubError as error:
        return _red("keys", error, "`hub-agent identity` makes a key; the NOC has the bundle")
    if bundle is None:
        return Finding("keys", True, "the hub's own; there is no NOC: readings leave it as clear JSON")
    return Finding("keys", True, f"the hub's own, and the NOC's with {len(bundle.recipients)} recipients")


def _is_beyond(reference: SecretRef, patient: Patient) -> bool:
    """Say whether only the service can open a secret: a hub that runs has done so; for one that does not, look for it.

    Raises:
        ConfigError: it is not where systemd looks.
    """
    if not credentials.is_beyond(reference, os.environ):
        return False
    if patient.status is None:
        credentials.require(reference, patient.stores)
    return True


def tls(patient: Patient) -> Finding:
    """Are the certificates there, good, and good for a while yet?"""
    section = patient.config.broker.tls
    try:
        if section is None:
            return Finding("TLS", True, "is off, for a demo on this machine")
        if not _is_beyond(section.key, patient):
            tls_of(patient.config, Floor(SystemClock()))
        ends = {name: valid_until(path) for name, path in (("ca", section.ca), ("certificate", section.certificate))}
    except HubError as error:
        return _red("TLS", error, "see [broker.tls]")
    name, end = min(ends.items(), key=lambda item: item[1])
    if end - patient.now < _EXPIRES:
        word = "expired" if end < patient.now else "expires"
        return Finding("TLS", False, f"{name} {word} {end:%Y-%m-%d}", "get a new one from the NOC")
    return Finding("TLS", True, f"good until {end:%Y-%m-%d} ({name})")


async def radio(patient: Patient) -> Finding:
    """Is there a Bluetooth adapter that works?"""
    if all(device.address is None for device in patient.config.devices):
        return Finding("radio", True, "no device needs it")
    host = patient.make_host()
    try:
        async with weather("doctor: radio"), asyncio.timeout(_HOST_S), host.watch(lambda _code: None):
            await host.ready()
    except BleError as error:
        return Finding("radio", False, f"not ready: {error.trouble.value}", RADIO_REMEDY)
    return Finding("radio", True, "is powered and answers")


async def serial(device: Device, link: SerialLink) -> Finding:
    """Is the port of a serial device there, and may the hub open it?"""
    what = f"serial {device.name}"
    try:
        port = await asyncio.to_thread(find_port, port_match(device, link))
    except HubError as error:
        return _red(what, error, "`hub-agent devices scan` lists the ports")
    if port is None:
        return Finding(what, False, "is not plugged in", "`hub-agent devices scan` lists the ports")
    if not os.access(port.device, os.R_OK | os.W_OK):
        return Finding(what, False, f"{port.device} may not be opened", "run as root, or join the group dialout")
    return Finding(what, True, f"is at {port.device}")


async def broker(patient: Patient) -> Finding:
    """Is the broker there, and does it take this hub? A running hub is asked: it holds the one session."""
    if patient.status is not None:
        uplink = patient.status["uplink"]
        if uplink["up"]:
            return Finding("broker", True, f"connected for {uplink['for_s']:.0f} s")
        why = uplink["why"] or "not yet connected"
        return Finding("broker", False, f"away for {uplink['for_s']:.0f} s: {why}", "see [broker]; is the network up?")
    config = patient.config
    section = config.broker.tls
    if section is not None and credentials.is_beyond(section.key, os.environ):
        return Finding("broker", False, "not tried: only the hub may open its TLS key", "systemctl start hub-agent")
    try:
        context = tls_of(config, Floor(SystemClock()))
    except HubError:
        return Finding("broker", False, "not tried", "put TLS right first")
    profile = mqtt.Profile(
        client_id=config.hub.id,
        host=config.broker.host,
        port=config.broker.port,
        tls=context,
        protocol=config.broker.protocol,
    )
    try:
        async with mqtt.connect(profile):
            return Finding("broker", True, "takes this hub")
    except HubError as error:
        return _red("broker", error, "see [broker]; is the network up?")


def noc(patient: Patient) -> Finding:
    """Does the NOC confirm what this hub sends?"""
    if patient.status is None:
        return Finding("NOC", False, "nothing is sent while the hub is not running", "systemctl start hub-agent")
    age_s = patient.status["delivery"]["last_confirmed_age_s"]
    waiting = sum(row["batches"] for row in patient.status["delivery"]["waiting"].values())
    if age_s is None or (waiting and age_s > _CONFIRMED_S):
        told = "has confirmed nothing" if age_s is None else f"last confirmed {age_s:.0f} s ago"
        return Finding("NOC", False, f"{told}, {waiting} batches wait", "is `hub-noc collect` running, with this hub?")
    return Finding("NOC", True, f"last confirmed {age_s:.0f} s ago, {waiting} batches wait")


def _red(what: str, error: HubError, remedy: str) -> Finding:
    return Finding(what, False, str(error.args[0]), error.hint or remedy)
