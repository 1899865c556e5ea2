"""Makes the parts that need nothing but the configuration: keys, names, storage, limits, the way to the broker.

Owns: how each is made. Never: wires parts to each other, or runs one.
"""

import asyncio
import os
import secrets
import ssl
from collections.abc import Sequence
from pathlib import Path

from hub_agent import identity, mqtt, seal, trust
from hub_agent.alarms.device_watch import Cadence
from hub_agent.alarms.watch import AlarmBook
from hub_agent.clock import Clock, Floor
from hub_agent.config import Config
from hub_agent.delivery import Policy
from hub_agent.errors import ConfigError, StorageError
from hub_agent.health import status
from hub_agent.outbox import recovery
from hub_agent.outbox.box import LocalBox
from hub_agent.outbox.outbox import Outbox
from hub_agent.outbox.quota import MIB, Limits
from hub_agent.outbox.salvage import Salvage
from hub_agent.registry import Registry
from hub_agent.topics import Topics


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Make the TLS context: 1.3 only, the one private authority, the hub's certificate, host name checked.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    tls = config.broker.tls
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(tls.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(tls.certificate, tls.key.path(os.environ))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"broker.tls: {type(error).__name__}: {error}", hint="check ca, certificate and key"
        ) from error
    return context


class Builder:
    """Makes one hub's parts from its configuration.

    Args:
        config: the validated configuration.
        registry: the drivers there are.
        clock: the hub's.

    Raises:
        ConfigError: a key or the NOC's bundle cannot be read.
    """

    def __init__(self, config: Config, registry: Registry, clock: Clock) -> None:
        self.config = config
        self.registry = registry
        self.clock = clock
        self.topics = Topics(config.hub.id, config.broker.topic_prefix)
        self.trust = trust.load(config.noc.trust)
        self.key = identity.load(config.identity.key.path(os.environ))
        self.session = secrets.token_hex(16)
        self.floor = Floor(clock)
        self.restart = asyncio.Event()
        self.damage: recovery.Damage | None = None
        self.set_aside: Sequence[Path] = ()

    def sealer(self, journal: bytes) -> seal.Sealer:
        """Make the sealer of a journal."""
        recipients = [seal.Recipient(who.kid, who.suite, who.key()) for who in self.trust.recipients]
        return seal.Sealer(self.config.hub.id, journal, self.key, recipients)

    def outbox(self) -> Outbox:
        """Open the outbox, whatever state its file is in: ``damage`` and ``set_aside`` then say what was found.

        Raises:
            StorageError: the disk is full beyond help, or read-only.
        """
        directory, section = self.config.hub.state_dir, self.config.storage
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{directory}: {error.strerror}", hint="look at the disk") from error
        box, path = LocalBox(self.key), directory / "outbox.db"
        store, self.damage = recovery.open_store(path, box, self.clock.now(), self.clock.monotonic_s)
        self.set_aside = recovery.put_aside(path)
        limits = Limits(section.quota_mib * MIB, section.ballast_mib * MIB, section.min_free_mib * MIB)
        return Outbox(store, self.sealer, box, self.clock, limits)

    def salvage(self, aside: Path) -> Salvage:
        """Make the reader of a damaged outbox."""
        return Salvage(aside, self.config.hub.id, self.key.public_key())

    def book(self) -> AlarmBook:
        """Make the alarm book from the file's limits and devices."""
        devices = {}
        for device in self.config.devices:
            driver = self.registry.drivers.get(device.driver)
            cadence_s = device.cadence_s or (driver.cadence_s if driver else None)
            devices[device.name] = Cadence(cadence_s, device.tolerance)
        return AlarmBook(
            self.config.alarm_limits(), devices, self.clock.stamp(), escalate_s=self.config.annunciator.escalate_s
        )

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
            tls=tls_context(config),
            protocol=config.broker.protocol,
            keepalive_s=config.broker.keepalive_s,
            will=(self.topics.status, self.birth("offline")),
            subscriptions=(self.topics.confirm, self.topics.commands),
            window=config.delivery.window,
        )

    def birth(self, state: str) -> bytes:
        """Make the retained status."""
        since = self.clock.now().isoformat(timespec="seconds")
        return status(self.config.hub.id, state, self.session, self.clock.stamp().boot, since)
