"""TLS on a machine whose clock has gone back: dates are judged by the floor, and nothing else is let go."""

import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socketpair

import pytest
from cryptography import x509

from hub_agent.clock import Floor
from hub_agent.errors import ConfigError
from hub_agent.model import ClockState
from hub_agent.tls import BEHIND, context_of
from tests.broker import Authority
from tests.virtual import HandClock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOW = datetime.fromtimestamp(1_795_348_800, UTC)


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _context(here: Path, floor_at: datetime, wall_at: datetime = _EPOCH, *, ca: str = "ca") -> ssl.SSLContext:
    """Make the hub's context: its machine shows ``wall_at``, and it knows that it is not before ``floor_at``."""
    floor = Floor(HandClock(ClockState.UNSYNCED, _ns(wall_at)), _ns(floor_at))
    return context_of(here / f"{ca}.pem", here / "hub.pem", here / "hub.key", floor)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    authority = Authority(tmp_path)
    authority.issue("broker", server=True)
    authority.issue("hub")
    return tmp_path


def _shake(here: Path, context: ssl.SSLContext, name: str = "127.0.0.1") -> str:
    """Shake hands with a broker in TLS, as paho does; give the protocol."""
    broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker.load_cert_chain(here / "broker.pem", here / "broker.key")
    near, far = socketpair()

    def serve() -> None:
        far.settimeout(10)
        try:
            with broker.wrap_socket(far, server_side=True) as secured:
                secured.recv(1)
        except OSError:  # the hub hung up, as it should
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        near.settimeout(10)
        with context.wrap_socket(near, server_hostname=name, do_handshake_on_connect=False) as secured:
            secured.do_handshake()
            return str(secured.version())
    finally:
        near.close()
        thread.join()


def _dates(here: Path) -> tuple[datetime, datetime]:
    """Give from when to when the broker's certificate is valid."""
    certificate = x509.load_pem_x509_certificate((here / "broker.pem").read_bytes())
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def test_in_1970_a_certificate_is_judged_by_the_floor(here: Path) -> None:
    assert _shake(here, _context(here, _NOW)) == "TLSv1.3"


def test_a_certificate_that_has_expired_by_the_floor_is_refused(here: Path) -> None:
    _, until = _dates(here)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        _shake(here, _context(here, until + timedelta(seconds=1)))
    assert _shake(here, _context(here, until - timedelta(seconds=1))) == "TLSv1.3"


def test_a_certificate_that_is_not_valid_yet_by_the_floor_is_refused(here: Path) -> None:
    since, _ = _dates(here)
    with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
        _shake(here, _context(here, since - timedelta(seconds=1)))


def test_in_1970_name_and_authority_are_still_checked(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        _shake(here, _context(here, _NOW), "127.0.0.2")
    stranger = tmp_path_factory.mktemp("stranger")
    Authority(stranger)
    (here / "other.pem").write_bytes((stranger / "ca.pem").read_bytes())
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        _shake(here, _context(here, _NOW, ca="other"))


def test_a_clock_near_its_floor_leaves_the_dates_to_openssl(here: Path) -> None:
    """OpenSSL goes by the machine's real clock, by which the certificate is good; the floor's word is not asked."""
    _, until = _dates(here)
    late = until + timedelta(days=1)
    assert _shake(here, _context(here, late, late - BEHIND)) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="by the clock's floor"):
        _shake(here, _context(here, late, late - BEHIND - timedelta(seconds=1)))


def test_each_connection_asks_anew_how_the_clock_stands(here: Path) -> None:
    _, until = _dates(here)
    clock = HandClock(ClockState.UNSYNCED, _ns(_EPOCH))
    floor = Floor(clock, _ns(until + timedelta(days=1)))
    context = context_of(here / "ca.pem", here / "hub.pem", here / "hub.key", floor)
    with pytest.raises(ssl.SSLCertVerificationError, match="by the clock's floor"):
        _shake(here, context)
    clock.wall_ns = _ns(until + timedelta(days=1))  # NTP has answered
    assert _shake(here, context) == "TLSv1.3"


@pytest.mark.parametrize("missing", ["ca.pem", "hub.pem", "hub.key"])
def test_a_missing_or_wrong_file_is_the_configurations_fault(here: Path, missing: str) -> None:
    (here / missing).write_text("nothing")
    with pytest.raises(ConfigError, match=r"broker\.tls"):
        _context(here, _NOW)
    (here / missing).unlink()
    with pytest.raises(ConfigError, match=rf"broker\.tls\.\w+: .*{missing}: No such file"):
        _context(here, _NOW)
