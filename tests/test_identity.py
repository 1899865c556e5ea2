"""The hub's own key."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from hub_agent import identity
from hub_agent.errors import ConfigError


def test_a_made_key_is_read_back_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = identity.make(tmp_path / "identity.pem")
    assert stat.S_IMODE((tmp_path / "identity.pem").stat().st_mode) == 0o600
    assert identity.load(tmp_path / "identity.pem").private_bytes_raw() == made.private_bytes_raw()


def test_an_identity_is_never_overwritten(tmp_path: Path) -> None:
    identity.make(tmp_path / "identity.pem")
    before = (tmp_path / "identity.pem").read_bytes()
    with pytest.raises(FileExistsError):
        identity.make(tmp_path / "identity.pem")
    assert (tmp_path / "identity.pem").read_bytes() == before


def test_the_public_half_verifies_what_the_key_signs(tmp_path: Path) -> None:
    key = identity.make(tmp_path / "identity.pem")
    public = load_pem_public_key(identity.public_pem(key))
    assert isinstance(public, Ed25519PublicKey)
    public.verify(key.sign(b"word"), b"word")
    assert b"PRIVATE" not in identity.public_pem(key)


def _pem(key: X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (None, 0o600, "No such file"),
        (b"", 0o600, "not a PEM private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600, "not a PEM private key"),
        (_pem(X25519PrivateKey.generate()), 0o600, "not an Ed25519 key"),
        (_pem(X25519PrivateKey.generate()), 0o644, "open to others"),
    ],
)
def test_an_unfit_file_is_named_with_its_fault(tmp_path: Path, content: bytes | None, mode: int, why: str) -> None:
    path = tmp_path / "identity.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=why) as fault:
        identity.load(path)
    assert str(path) in str(fault.value)


def test_a_key_under_a_password_is_no_key_for_a_daemon(tmp_path: Path) -> None:
    key = identity.make(tmp_path / "plain.pem")
    path = tmp_path / "identity.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="without password"):
        identity.load(path)
