"""What can be configured: one frozen model for each section of the file, strict to the last key.

Owns: names, types, defaults and ranges of every option, and what each is for.
Never: reads a file. The commented reference is ``config/hub-agent.toml``; a test keeps the two in step.
"""

import difflib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hub_agent.alarms import bounds, measures
from hub_agent.alarms.limits import Limit, Priority
from hub_agent.config.values import (
    BleAddress,
    DeviceName,
    Exact,
    FilePath,
    HubId,
    Number,
    Port,
    Secret,
    TimeZone,
    TopicPrefix,
    UsbId,
    mistake,
)
from hub_agent.errors import ConfigError
from hub_agent.model import Unit
from hub_agent.nomenclature import QUANTITIES

_LOOPBACK = ("localhost", "::1")


class _Section(BaseModel):
    """A table of the file: unknown keys are mistakes, types are taken at their word, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class Hub(_Section):
    """``[hub]``: who and where this hub is."""

    id: HubId = Field(description="the hub's name in topics, as the NOC knows it")
    timezone: TimeZone = Field(default="UTC", description="the home's time zone, for setting the clocks of devices")
    state_dir: FilePath = Field(default=Path("/var/lib/hub-agent"), description="the outbox and all that must stay")
    runtime_dir: FilePath = Field(default=Path("/run/hub-agent"), description="the control socket, and who is at work")


class Tls(_Section):
    """``[broker.tls]``: how the hub knows the broker and shows itself. TLS 1.3, no fallback."""

    ca: FilePath = Field(description="certificate of the one authority that signs the broker's")
    certificate: FilePath = Field(description="the hub's own certificate")
    key: Secret = Field(description="the hub's TLS key: a path, or credential:NAME")


def _tls(value: object) -> object:
    if value == "off":
        return None
    if value is None or not isinstance(value, (dict, Tls)):
        raise mistake("must be the table [broker.tls] with ca, certificate and key", 'or tls = "off" for a demo')
    return value


class Broker(_Section):
    """``[broker]``: the way to the NOC."""

    host: str = Field(min_length=1, max_length=253, description="name or address of the MQTT broker")
    port: int = Field(default=8883, ge=1, le=65535, description="its port")
    protocol: Literal["5", "3.1.1"] = Field(default="5", description="MQTT version; 3.1.1 only where the NOC confirms")
    topic_prefix: TopicPrefix = Field(default="hubs/v1", description="topic levels before the hub's id")
    keepalive_s: int = Field(default=5, ge=2, le=60, description="MQTT keepalive")
    insecure: bool = Field(default=False, description='allows tls = "off", on this machine only')
    tls: Annotated[Tls | None, BeforeValidator(_tls)] = Field(description="the table below")

    @model_validator(mode="after")
    def _clear_only_at_home(self) -> "Broker":
        if self.tls is None and not self.insecure:
            raise mistake('tls is "off"', "configure [broker.tls], or add insecure = true for a demo on this machine")
        if self.tls is None and self.host not in _LOOPBACK and not self.host.startswith("127."):
            raise mistake(
                'tls is "off" for a broker on another machine', "configure [broker.tls]; a demo uses 127.0.0.1"
            )
        return self


class Noc(_Section):
    """``[noc]``: whom the hub seals to and obeys."""

    trust: FilePath = Field(description="the NOC's public keys, as `hub-noc keygen` writes them")


class Identity(_Section):
    """``[identity]``: who signs for this hub."""

    key: Secret = Field(description="the hub's Ed25519 private key: a path, or credential:NAME")


class Delivery(_Section):
    """``[delivery]``: in which form readings leave, and when one counts as delivered."""

    form: Literal["sealed", "clear"] = Field(
        default="sealed", description="sealed to the NOC, or clear JSON for a site that has none"
    )
    confirm: Literal["noc", "broker"] = Field(default="noc", description="whose word ends the duty to keep a reading")
    on_no_subscribers: Literal["hold", "accept"] = Field(
        default="hold", description="what to make of a broker that took a message for nobody (reason code 0x10)"
    )
    resend_s: Number = Field(default=10.0, ge=1, le=300, description="unconfirmed for so long: send again")
    window: int = Field(default=20, ge=1, le=1000, description="messages under way at once")
    drain_kib_s: Number | None = Field(default=None, gt=0, le=1_000_000, description="the most that a backlog may send")
    drain_spread_s: Number = Field(default=30.0, ge=0, le=3600, description="a drain begins within, after an outage")


class Commit(_Section):
    """``[commit]``: how long readings may wait for a common write to storage; a power cut loses no more."""

    continuous_s: Number = Field(default=1.0, gt=0, le=10, description="readings such as SpO2 every second")
    waveform_s: Number = Field(default=5.0, gt=0, le=30, description="pleth and ECG")


class Storage(_Section):
    """``[storage]``: how much of the card the outbox may use."""

    quota_mib: int = Field(default=512, ge=16, le=1_000_000, description="the outbox's size; beyond, the least goes")
    ballast_mib: int = Field(default=8, ge=1, le=1024, description="kept in reserve, given up when the disk is full")
    min_free_mib: int = Field(default=64, ge=0, le=1_000_000, description="left free for the rest of the system")

    @model_validator(mode="after")
    def _ballast_fits(self) -> "Storage":
        if self.ballast_mib * 2 > self.quota_mib:
            raise mistake("ballast_mib is more than half of quota_mib", "lower ballast_mib or raise quota_mib")
        return self


def _measure(value: str) -> str:
    try:
        measures.codes(value)
    except KeyError:
        close = difflib.get_close_matches(value, measures.names(), n=1)
        known = f"one of {', '.join(measures.ALIASES)}, or an MDC reference identifier"
        raise mistake("is no quantity that the hub knows", f'did you mean "{close[0]}"?' if close else known) from None
    return value


class LimitSection(_Section):
    """One ``[[limits]]``: what a quantity may be before it is an alarm."""

    measure: Annotated[str, AfterValidator(_measure)] = Field(
        description="a short name such as spo2 or pulse, or an MDC reference identifier"
    )
    unit: Unit | None = Field(default=None, description="UCUM unit of the numbers; by default the quantity's first")
    low: Exact | None = Field(default=None, description="values below are an alarm; the limit itself is not")
    high: Exact | None = Field(default=None, description="values above are an alarm; the limit itself is not")
    device: DeviceName | None = Field(default=None, description="only for this device, in place of the limit for any")
    delay_s: Number = Field(default=0.0, ge=0, le=bounds.MAX_DELAY_S, description="how long it must last")
    hysteresis: Exact = Field(default=Decimal(0), ge=0, description="how far back inside a value must come to end it")
    priority: Literal["high", "medium", "low"] = Field(default="medium", description="how soon somebody must react")
    latching: bool = Field(default=False, description="stays after its end until somebody acknowledges")
    enabled: bool = Field(default=True, description="false: kept, not judged")

    @model_validator(mode="after")
    def _can_be_judged(self) -> "LimitSection":
        try:
            self.limits()
        except ConfigError as error:
            raise mistake(error.args[0], error.hint) from None
        return self

    def limits(self) -> tuple[Limit, ...]:
        """Give the limit for each code that the measure's name means."""
        return tuple(
            Limit(
                measure=code,
                unit=self.unit or QUANTITIES[code].units[0],
                low=self.low,
                high=self.high,
                device=self.device,
                delay_s=self.delay_s,
                hysteresis=self.hysteresis,
                priority=Priority[self.priority.upper()],
                latching=self.latching,
                enabled=self.enabled,
            )
            for code in measures.codes(self.measure)
        )


class Device(_Section):
    """One ``[[devices]]``: a device of this home. Give exactly one of address, port and usb."""

    name: DeviceName = Field(description="the hub's alias of it, no identity")
    driver: str = Field(min_length=1, description="one of `hub-agent drivers`")
    address: BleAddress | None = Field(default=None, description="BLE: its address, in capitals with colons")
    port: Port | None = Field(default=None, description="serial: a port whose name stays, such as a by-id link")
    usb: UsbId | None = Field(default=None, description="serial: vid:pid or vid:pid:serial of its USB adapter")
    pairing: Literal["none", "bond", "passkey"] | None = Field(
        default=None, description="BLE: how this one pairs, where it differs from its driver's habit"
    )
    cadence_s: Number | None = Field(default=None, gt=0, description="how often readings are due")
    tolerance: Number = Field(default=3.0, ge=1, le=100, description="silent for so many cadences: an alarm")
    options: dict[str, Any] = Field(default_factory=dict, description="what the driver itself lets one set")


class AnnunciatorSection(_Section):
    """``[annunciator]``: the one signal in the home."""

    bell: bool = Field(default=False, description="ring the terminal's bell")
    command: tuple[str, ...] = Field(
        default=(), strict=False, description="run this with the signal as its last argument, for a buzzer or a lamp"
    )
    led: FilePath | None = Field(default=None, description="a LED's directory in /sys/class/leds")
    escalate_s: Number = Field(default=30.0, ge=5, le=600, description="nobody acknowledged for so long: louder")
    unmonitored_after_s: Number = Field(default=60.0, ge=10, le=3600, description="NOC gone for so long: say so")


class Log(_Section):
    """``[log]``: what the hub says of itself. Never a value, a person or a device's identity."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is written")
    format: Literal["json", "console"] = Field(default="json", description="json for the journal, console for people")


class Config(_Section):
    """The whole file."""

    hub: Hub
    broker: Broker
    noc: Noc | None = None
    identity: Identity
    delivery: Delivery = Field(default_factory=Delivery)
    commit: Commit = Field(default_factory=Commit)
    storage: Storage = Field(default_factory=Storage)
    limits: tuple[LimitSection, ...] = Field(default=(), strict=False)
    devices: tuple[Device, ...] = Field(default=(), strict=False)
    annunciator: AnnunciatorSection = Field(default_factory=AnnunciatorSection)
    log: Log = Field(default_factory=Log)

    def alarm_limits(self) -> tuple[Limit, ...]:
        """Give every limit of the file, as revision 0."""
        return tuple(limit for section in self.limits for limit in section.limits())
