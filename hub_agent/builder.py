"""Makes the parts that need nothing but the configuration: keys, names, storage, limits, the way to the broker.

Owns: how each is made. Never: wires parts to each other, or runs one.
"""

import asyncio
import fcntl
import hashlib
import os
import platform
import secrets
import ssl
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from hub_agent import gaps, identity, mqtt, seal, tls, trust
from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.device_watch import Cadence
from hub_agent.clock import BUILT_NS, Clock, Floor
from hub_agent.config import Config, Device
from hub_agent.delivery import Policy
from hub_agent.errors import StorageError
from hub_agent.forms import Clear, Form, Sealed, own_recipient
from hub_agent.health import RELEASE, status
from hub_agent.outbox import recovery
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.quota import MIB, Limits
from hub_agent.outbox.salvage import Salvage
from hub_agent.registry import Around, Registry, load_drivers
from hub_agent.topics import Topics

Load = Callable[[Collection[str], Around], Registry]
"""Loads drivers by name: :func:`hub_agent.registry.load_drivers`, or what stands in for it."""


def tls_of(config: Config, floor: Floor) -> ssl.SSLContext | None:
    """Make the TLS context to the broker; None where the configuration allows a plain connection.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    files = config.broker.tls
    if files is None:
        return None
    return tls.context_of(files.ca, files.certificate, files.key.path(os.environ), floor)


class Builder:
    """Makes one hub's parts from its configuration.

    Args:
        config: the validated configuration.
        clock: the hub's.
        load: loads the drivers that it is asked for.

    Attributes:
        registry: the drivers, once they are loaded.

    Raises:
        ConfigError: a key or the NOC's bundle cannot be read.
    """

    def __init__(self, config: Config, clock: Clock, load: Load = load_drivers) -> None:
        self.config = config
        self.clock = clock
        self.registry = Registry({})
        self._load = load
        self.topics = Topics(config.hub.id, config.broker.topic_prefix)
        self.trust = None if config.noc is None else trust.load(config.noc.trust)
        self.key = identity.load(config.identity.key.path(os.environ))
        self.session = secrets.token_hex(16)
        self.floor = Floor(clock, BUILT_NS)
        self.restart = asyncio.Event()
        self.suspected = False
        self.damage: recovery.Damage | None = None
        self.set_aside: Sequence[Path] = ()

    def sealer(self, journal: bytes) -> seal.Sealer:
        """Make the sealer of a journal."""
        if self.trust is None:
            recipients = [own_recipient(identity.opening_key(self.key))]
        else:
            recipients = [seal.Recipient(who.kid, who.suite, who.key()) for who in self.trust.recipients]
        return seal.Sealer(self.config.hub.id, journal, self.key, recipients)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the state directory for this process while the context is open; the kernel frees it when that dies.

        Two hubs on one outbox would draw the same batch numbers, and end each other in turn.

        Raises:
            StorageError: another hub is at work there, or there is no such directory and none can be made.
        """
        directory = self.config.hub.state_dir
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StorageError(f"{directory}: {error.strerror}", hint="look at the disk") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise StorageError(
                f"{directory}: another hub-agent is at work there", hint="systemctl stop hub-agent"
            ) from None
        try:
            yield
        finally:
            os.close(handle)

    def outbox(self) -> Outbox:
        """Open the outbox, whatever state its file is in: ``suspected``, ``damage``, ``set_aside`` say what was found.

        Raises:
            StorageError: the disk is full beyond help, or read-only.
        """
        directory, section = self.config.hub.state_dir, self.config.storage
        box, path = LocalBox(self.key), directory / "outbox.db"
        self.suspected = recovery.is_suspected(path)
        store, self.damage = recovery.open_store(path, box, self.clock.now(), self.clock.monotonic_s)
        self.set_aside = recovery.put_aside(path)
        limits = Limits(section.quota_mib * MIB, section.ballast_mib * MIB, section.min_free_mib * MIB)
        try:
            return Outbox(store, self.sealer, box, self.clock, limits)
        except BaseException:
            store.close()
            raise

    def load(self, around: Around) -> None:
        """Load the drivers of the configured devices: ``registry`` holds them.

        Args:
            around: sees, and may refuse, each import.
        """
        self.registry = self._load({device.driver for device in self.config.devices}, around)

    def salvage(self, aside: Path) -> Salvage:
        """Make the reader of a damaged outbox."""
        return Salvage(aside, self.config.hub.id, self.key.public_key())

    def cadence(self, device: Device) -> Cadence:
        """Say how often a device is due: by its configuration, else by its driver."""
        driver = self.registry.drivers.get(device.driver)
        return Cadence(device.cadence_s or (driver.cadence_s if driver else None), device.tolerance)

    def book(self) -> AlarmBook:
        """Make the alarm book from the file's limits and devices."""
        devices = {device.name: self.cadence(device) for device in self.config.devices}
        return AlarmBook(
            self.config.alarm_limits(), devices, self.clock.stamp(), escalate_s=self.config.annunciator.escalate_s
        )

    def gaps(self) -> gaps.Gaps:
        """Make what follows the devices that are due at intervals."""
        expected = {}
        for device in self.config.devices:
            patience_ns = self.cadence(device).patience_ns()
            if patience_ns is not None:
                away: gaps.Away = "unplugged" if device.address is None else "out_of_range"
                expected[device.name] = gaps.Expected(patience_ns / 1e9, away)
        return gaps.Gaps(expected, self.clock.stamp())

    def form(self, outbox: Outbox) -> Form:
        """Say in which form batches leave."""
        if self.config.delivery.form == "sealed":
            return Sealed()
        return Clear(identity.opening_key(self.key), self.key.public_key(), outbox.epoch_record)

    def policy(self) -> Policy:
        """Say how delivery behaves."""
        section = self.config.delivery
        return Policy(
            section.confirm,
            section.on_no_subscribers,
            section.resend_s,
            section.window,
            None if section.drain_kib_s is None else section.drain_kib_s * 1024,
            section.drain_spread_s,
        )

    def profile(self) -> mqtt.Profile:
        """Say how to connect to the broker.

        Raises:
            ConfigError: a TLS file is missing or is not what it should be.
        """
        config = self.config
        return mqtt.Profile(
            client_id=config.hub.id,
            host=config.broker.host,
            port=config.broker.port,
            tls=tls_of(config, self.floor),
            protocol=config.broker.protocol,
            keepalive_s=config.broker.keepalive_s,
            will=(self.topics.status, self.birth("offline")),
            subscriptions=() if self.trust is None else (self.topics.confirm, self.topics.commands),
            clean=self.trust is None,  # what it subscribed to while it had a NOC is over
            window=config.delivery.window,
        )

    def kids(self) -> list[str]:
        """Name the NOC's keys that this hub trusts; none at a site without a NOC."""
        if self.trust is None:
            return []
        return [
            *(part.kid for part in self.trust.recipients),
            self.trust.confirm.kid,
            *(part.kid for part in self.trust.commands),
        ]

    @cached_property
    def certificate_until(self) -> str | None:
        """When the hub's certificate ends, ISO 8601; None without one. Read once, as the certificate itself is.

        Raises:
            ConfigError: it cannot be read.
        """
        files = self.config.broker.tls
        return None if files is None else tls.valid_until(files.certificate).isoformat(timespec="seconds")

    def birth(self, state: str) -> bytes:
        """Make the retained status.

        Raises:
            ConfigError: the hub's certificate cannot be read.
        """
        since, boot = self.clock.now().isoformat(timespec="seconds"), self.clock.stamp().boot
        return status(self.config.hub.id, state, self.session, boot, since, self.kids(), self.certificate_until)

    def start(self, after: str) -> dict[str, Any]:
        """Say what begins here: the fields of the event ``start``, sealed like a reading.

        Args:
            after: ``new``, ``ended`` or ``cut``: what became of the life before.

        Raises:
            ConfigError: the hub's certificate cannot be read.
        """
        content = self.config.model_dump_json(serialize_as_any=True).encode()
        return {
            "release": RELEASE,
            "session": self.session,
            "after": after,
            "python": platform.python_version(),
            "config": hashlib.sha256(content).hexdigest(),
            "drivers": {device.name: device.driver for device in self.config.devices},
            "keys": self.kids(),
            "certificate_until": self.certificate_until,
        }
