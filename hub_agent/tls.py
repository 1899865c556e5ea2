"""TLS to the broker, also on a machine whose clock has gone back to 1970.

Owns: the hub's TLS context, and at which instant certificates must be valid.
Never: leaves a check out: what OpenSSL cannot check at the right instant is checked here, before a byte is sent.

A Pi has no clock of its own. Until NTP answers, its wall clock may be years behind, and then every certificate is "not
yet valid". The hub knows better: it cannot be earlier than the clock's floor (the release, what was persisted, the
NOC's newest signed word). Python's ``ssl`` cannot tell OpenSSL an instant (X509_VERIFY_PARAM_set_time(3) is not
offered), so where the wall clock is plainly behind the floor, OpenSSL is told to leave the dates alone
(X509_V_FLAG_NO_CHECK_TIME) and verifies chain and host name; the dates of the broker's certificate and of the authority
are then compared with the floor. A wall clock that is ahead of the truth cannot be told from a right one: certificates
look expired, and the hub waits for NTP with the technical alarms ``clock_unsynced`` and ``uplink_down``.
"""

import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509

from hub_agent.clock import Floor
from hub_agent.errors import ConfigError

BEHIND: Final = timedelta(hours=1)
"""The wall clock so far behind the floor is plainly wrong; less is the difference of two good clocks."""

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME, openssl/x509_vfy.h


class _Socket(ssl.SSLSocket):
    """A socket that is not open for use before the dates are right."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's
        super().do_handshake(block)
        if isinstance(self.context, FloorContext):
            self.context.check_dates(self.getpeercert(binary_form=True))


class FloorContext(ssl.SSLContext):
    """A client's context that judges dates by the clock's floor while the wall clock is behind it.

    Whether it is, is asked anew for every connection.
    """

    sslsocket_class = _Socket

    def __new__(cls) -> Self:
        """Make a context with the checks of a client: chain and host name required."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self) -> None:
        self._floor: Floor | None = None
        self._authorities: list[x509.Certificate] = []
        self._at: datetime | None = None

    def judge_by(self, floor: Floor, ca: Path) -> None:
        """Trust the authorities of a PEM file, dated by a floor.

        Raises:
            OSError, ValueError: the file is missing or holds no certificates.
        """
        self.load_verify_locations(cafile=ca)
        self._authorities = x509.load_pem_x509_certificates(ca.read_bytes())
        self._floor = floor

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401 - the base class's
        """Begin TLS on a connected socket."""
        self._at = None
        if self._floor is not None and self._floor.behind() > BEHIND:
            self._at = self._floor.now()
        flags = self.verify_flags & ~_NO_CHECK_TIME
        self.verify_flags = flags if self._at is None else flags | _NO_CHECK_TIME
        return super().wrap_socket(*args, **options)

    def check_dates(self, der: bytes | None) -> None:
        """Check what OpenSSL was told to leave alone; nothing where it was not.

        Raises:
            ssl.SSLCertVerificationError: a certificate is not valid at the floor.
        """
        if self._at is None:
            return
        if der is None:
            raise ssl.SSLCertVerificationError("the broker showed no certificate")
        for certificate in (x509.load_der_x509_certificate(der), *self._authorities):
            if self._at < certificate.not_valid_before_utc:
                raise ssl.SSLCertVerificationError("a certificate is not yet valid at the clock's floor")
            if self._at > certificate.not_valid_after_utc:
                raise ssl.SSLCertVerificationError("a certificate has expired, even by the clock's floor")


def context_of(ca: Path, certificate: Path, key: Path, floor: Floor) -> ssl.SSLContext:
    """Make the TLS context: 1.3 only, the one private authority, the hub's certificate, host name checked.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    for name, file in (("ca", ca), ("certificate", certificate), ("key", key)):
        try:
            with file.open("rb"):  # OpenSSL does not say which one it misses
                pass
        except OSError as error:
            raise ConfigError(f"broker.tls.{name}: {file}: {error.strerror}", hint="`hub-agent check`") from error
    try:
        context = FloorContext()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.judge_by(floor, ca)
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"broker.tls: {type(error).__name__}: {error}", hint="check ca, certificate and key"
        ) from error
    return context


def valid_until(certificate: Path) -> datetime:
    """Say when a certificate ends; of a file with a chain, the one that ends first.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    try:
        return min(found.not_valid_after_utc for found in x509.load_pem_x509_certificates(certificate.read_bytes()))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a certificate in PEM"
        raise ConfigError(f"{certificate}: {reason}", hint="get a new one from the NOC") from error
