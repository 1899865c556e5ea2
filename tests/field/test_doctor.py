from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hub_agent import identity
from hub_agent.config import Config, parse
from hub_agent.devices.ble.host import Change
from hub_agent.field import doctor
from hub_agent.field.doctor import Patient
from hub_agent.noc.keyring import keygen
from hub_agent.registry import load_drivers
from hub_agent.simulate.line import Line
from hub_agent.simulate.radio.air import Air
from hub_agent.simulate.radio.host import VirtualHost

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
STATUS: Mapping[str, Any] = {
    "devices": {"strap": {"state": "connected"}, "bedside": {"state": "waiting"}},
    "uplink": {"up": True, "for_s": 60.0, "why": ""},
    "delivery": {"last_confirmed_age_s": 1.0, "waiting": {"alarm": {"batches": 0}, "episodic": {"batches": 2}}},
}
_CONFIG = """
[hub]
id = "hub-1"
state_dir = "."
[broker]
host = "127.0.0.1"
port = 1
insecure = true
tls = "off"
[noc]
trust = "noc/noc-public.json"
[identity]
key = "identity.pem"
[storage]
quota_mib = 16
min_free_mib = 0
[[devices]]
name = "strap"
driver = "gatt-heart-rate"
address = "00:00:5E:00:53:09"
[[devices]]
name = "bedside"
driver = "nonin-serial"
port = "{port}"
"""


class Dead(VirtualHost):
    """A machine without a Bluetooth service."""

    @asynccontextmanager
    async def watch(self, changed: Change) -> AsyncIterator[None]:
        del changed
        yield

    async def ready(self) -> None:
        raise OSError("no bus")


def config_of(folder: Path, *changes: tuple[str, str]) -> Config:
    text = _CONFIG.format(port=folder / "bedside")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text, folder / "hub.toml")


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    identity.make(tmp_path / "identity.pem")
    keygen(tmp_path / "noc", "X25519")
    return Patient(config_of(tmp_path), load_drivers().drivers, STATUS, NOW, True, lambda: VirtualHost(Air()))


async def test_a_hub_that_is_well_is_green_all_over(patient: Patient, tmp_path: Path) -> None:
    line = Line(tmp_path / "bedside")
    line.plug()
    try:
        findings = await doctor.examine(patient)
    finally:
        line.unplug()
    assert [finding.what for finding in findings if not finding.ok] == []
    assert [finding.what for finding in findings] == [
        "hub", "clock", "disk", "keys", "TLS", "radio", "serial bedside", "broker", "NOC"
    ]  # fmt: skip
    assert all(not finding.remedy for finding in findings)


async def test_a_hub_that_is_not_running_is_red_with_what_to_do(patient: Patient) -> None:
    findings = await doctor.examine(replace(patient, status=None, synced=False))
    red = {finding.what: finding.told for finding in findings if not finding.ok}
    assert red.keys() == {"hub", "clock", "serial bedside", "broker", "NOC"}
    assert red["serial bedside"] == "is not plugged in"
    assert all(finding.remedy for finding in findings if not finding.ok)


async def test_secrets_that_only_the_service_can_open(patient: Patient, tmp_path: Path) -> None:
    """As the installer leaves them: systemd opens them for the service, and for nobody who asks the doctor."""
    certificate(tmp_path, NOW + timedelta(days=365))
    section = 'ca = "hub.pem"\ncertificate = "hub.pem"\nkey = "credential:hub-tls-key"'
    config = config_of(
        tmp_path,
        ('key = "identity.pem"', 'key = "credential:hub-identity"'),
        ('insecure = true\ntls = "off"', f"[broker.tls]\n{section}"),
    )
    store = tmp_path / "credstore.encrypted"
    store.mkdir()
    running = replace(patient, config=config, stores=[tmp_path / "none", store])
    stopped = replace(running, status=None)
    assert (doctor.keys(running).ok, doctor.tls(running).ok) == (True, True)
    assert doctor.keys(stopped).told == "credential 'hub-identity' is in no credential store"
    assert "systemd-creds encrypt --name=hub-tls-key" in doctor.tls(stopped).remedy
    for name in ("hub-identity", "hub-tls-key"):
        (store / name).touch()
    assert (doctor.keys(stopped).ok, doctor.tls(stopped).ok) == (True, True)
    assert (await doctor.broker(stopped)).told == "not tried: only the hub may open its TLS key"


@pytest.mark.parametrize(
    ("changed", "what", "told"),
    [
        ({"devices": {"strap": {"state": "parked"}}}, "hub", "parked strap"),
        ({"uplink": {"up": False, "for_s": 9.0, "why": ""}}, "broker", "away for 9 s: not yet connected"),
        ({"delivery": {**STATUS["delivery"], "last_confirmed_age_s": 500}}, "NOC", "last confirmed 500 s ago"),
        ({"delivery": {**STATUS["delivery"], "last_confirmed_age_s": None}}, "NOC", "has confirmed nothing"),
    ],
)
async def test_a_hub_that_complains_is_believed(
    patient: Patient, changed: Mapping[str, Any], what: str, told: str
) -> None:
    findings = await doctor.examine(replace(patient, status={**STATUS, **changed}))
    (finding,) = [finding for finding in findings if finding.what == what]
    assert not finding.ok
    assert finding.told.startswith(told)


async def test_a_driver_that_is_not_there_is_red(patient: Patient) -> None:
    findings = await doctor.examine(replace(patient, drivers={}))
    assert [finding.what for finding in findings if finding.told == "has no driver"] == [
        "device strap",
        "device bedside",
    ]


async def test_a_radio_that_does_not_answer_is_red(patient: Patient) -> None:
    finding = await doctor.radio(replace(patient, make_host=lambda: Dead(Air())))
    assert not finding.ok
    assert "rfkill" in finding.remedy


def test_keys_that_are_open_or_missing_are_red(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "identity.pem").chmod(0o644)
    finding = doctor.keys(patient)
    assert not finding.ok
    assert finding.remedy == f"chmod 600 {tmp_path / 'identity.pem'}"
    (tmp_path / "identity.pem").unlink()
    assert not doctor.keys(patient).ok


def test_a_disk_that_cannot_hold_an_outage_is_red(tmp_path: Path) -> None:
    greedy = config_of(
        tmp_path, ("quota_mib = 16", "quota_mib = 1000000"), ("min_free_mib = 0", "min_free_mib = 1000000")
    )
    assert not doctor.disk(greedy).ok
    nowhere = config_of(tmp_path, ('state_dir = "."', 'state_dir = "none"'))
    assert doctor.disk(nowhere).told.endswith("is not there")


def certificate(folder: Path, until: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub-1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=900))
        .not_valid_after(until)
        .sign(key, SHA256())
    )
    (folder / "hub.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "hub.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    (folder / "hub.key").chmod(0o600)


@pytest.mark.parametrize(
    ("days", "ok", "told"),
    [(300, True, "good until 2027-09-18"), (13, False, "ca expires 2026-12-05"), (-1, False, "ca expired 2026-11-21")],
)
async def test_certificates_are_told_before_they_end(
    patient: Patient,
    tmp_path: Path,
    days: int,
    ok: bool,  # noqa: FBT001 - a case
    told: str,
) -> None:
    certificate(tmp_path, NOW + timedelta(days=days))
    section = 'tls = "off"\n[broker.tls]\nca = "hub.pem"\ncertificate = "hub.pem"\nkey = "hub.key"'
    config = config_of(tmp_path, ('tls = "off"', section.removeprefix('tls = "off"\n')), ("insecure = true\n", ""))
    finding = doctor.tls(replace(patient, config=config))
    assert (finding.ok, finding.told.startswith(told)) == (ok, True)
    (tmp_path / "hub.key").write_text("no key")
    broken = replace(patient, config=config, status=None)
    assert not doctor.tls(broken).ok
    assert (await doctor.broker(broken)).told == "not tried"
