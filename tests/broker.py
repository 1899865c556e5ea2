"""A real mosquitto with a private authority, client certificates and the ACL that keeps hubs apart.

Used by tests marked ``broker``. Everything is on the loopback and in a temporary directory.
"""

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub_agent.demo.broker import find_mosquitto, free_port
from hub_agent.mqtt import Profile

NOC = "noc-collector"
INTRUDER = "intruder"
"""A client that may do anything: it stands for a broker that has fallen."""
PREFIX = "hubs/v1"
SERVER = "broker.test"
"""The broker's name, for those who know how to find it."""

_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
_UNTIL = datetime(2120, 1, 1, tzinfo=UTC)

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

_CONF = """\
per_listener_settings false
listener {port} 127.0.0.1
cafile {here}/ca.pem
certfile {here}/broker.pem
keyfile {here}/broker.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {here}/acl
max_packet_size 131072
max_keepalive 60
max_queued_messages 100000
set_tcp_nodelay true
max_inflight_messages 200
persistence {persistence}
persistence_location {here}/
connection_messages false
log_dest stderr
log_type error
log_type warning
log_type information
{user}
"""

_ACL = f"""\
user {NOC}
topic readwrite {PREFIX}/#

user {INTRUDER}
topic readwrite {PREFIX}/#

pattern write {PREFIX}/%u/up/#
pattern read {PREFIX}/%u/down/#
"""


class Authority:
    """A private certificate authority in a directory: ``ca.pem``, and ``NAME.pem`` and ``NAME.key`` for each name."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        # Python 3.13 insists on it (ssl.VERIFY_X509_STRICT)
        builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
        self._write("ca", builder.sign(self._key, SHA256()))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_SINCE)
            .not_valid_after(_UNTIL)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> None:
        (self.here / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, *, server: bool = False) -> None:
        """Write a certificate with this common name, and its key; a server's is for 127.0.0.1 and ``SERVER``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if server:
            names = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName(SERVER)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self._write(name, builder.sign(self._key, SHA256()))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.here / f"{name}.key").write_bytes(pem)

    def context(self, name: str) -> ssl.SSLContext:
        """Make a client's context: TLS 1.3, this authority alone, the name's certificate (issued when it is not)."""
        if not (self.here / f"{name}.pem").exists():
            self.issue(name)
        return client_context(self.here, name)


def client_context(here: Path, name: str) -> ssl.SSLContext:
    """Make a client's context from the files of an authority's directory."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(here / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(here / f"{name}.pem", here / f"{name}.key")
    return context


async def running(process: asyncio.subprocess.Process) -> None:
    """Wait until a mosquitto says that it runs."""
    assert process.stderr is not None
    said = []
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            said.append(line.decode())
            if line.rstrip().endswith(b"running"):
                return
    raise AssertionError("mosquitto did not start: " + "".join(said))


@dataclass
class Broker:
    """A broker that can be started, stopped and killed.

    Attributes:
        here: its directory.
        port: on 127.0.0.1.
        persistence: whether a clean stop keeps sessions.
        authority: issues certificates.
    """

    here: Path
    port: int = field(default_factory=free_port)
    persistence: bool = True
    authority: Authority = field(init=False)
    _process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        self.authority = Authority(self.here)
        self.authority.issue("broker", server=True)
        (self.here / "acl").write_text(_ACL)
        (self.here / "mosquitto.conf").write_text(
            _CONF.format(
                port=self.port,
                here=self.here,
                persistence=str(self.persistence).lower(),
                user="user root" if os.geteuid() == 0 else "",  # root may read the temporary directory
            )
        )

    async def start(self) -> None:
        """Start, and wait until it says that it runs."""
        binary = find_mosquitto()
        assert binary is not None
        self._process = await asyncio.create_subprocess_exec(
            binary, "-c", str(self.here / "mosquitto.conf"), stderr=asyncio.subprocess.PIPE
        )
        await running(self._process)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    async def stop(self) -> None:
        """End it politely: with persistence it keeps its sessions."""
        if self._process is not None:
            self._process.terminate()
            await self._end()

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        await process.communicate()

    def profile(self, name: str, subscriptions: Sequence[str] = (), *, clean: bool = False) -> Profile:
        """Make the profile of a client whose certificate bears this name."""
        return Profile(
            client_id=name,
            host="127.0.0.1",
            port=self.port,
            tls=self.authority.context(name),
            subscriptions=tuple(subscriptions),
            clean=clean,
        )
