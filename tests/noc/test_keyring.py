import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from hub_agent.errors import ConfigError
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.trust import BUNDLE_NAME, Role, Suite, encode

KEMS = {"X25519": hpke.KEM.X25519, "MLKEM768_X25519": hpke.KEM.MLKEM768_X25519}


@pytest.fixture
def noc(tmp_path: Path) -> Keyring:
    return keygen(tmp_path / "keys")


@pytest.mark.parametrize("suite", ["X25519", "MLKEM768_X25519"])
def test_what_is_sealed_to_the_bundle_opens_with_the_ring(suite: Suite, tmp_path: Path) -> None:
    keygen(tmp_path / "keys", suite)
    ring = Keyring.open(tmp_path / "keys")
    kem = hpke.Suite(KEMS[suite], hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    opening = ring.opening_keys()
    assert [entry.suite for entry in ring.trust.recipients] == [suite] * 2
    for entry in ring.trust.recipients:
        sealed = kem.encrypt(b"data key", entry.key(), info=b"epoch")
        assert kem.decrypt(sealed, opening[entry.kid], info=b"epoch") == b"data key"


def test_every_signing_key_is_the_one_in_the_bundle(noc: Keyring) -> None:
    ring = Keyring.open(noc.directory)
    confirming = ring.confirming_key()
    assert confirming.kid == ring.trust.confirm.kid
    ring.trust.confirm.key().verify(confirming.private.sign(b"stored"), b"stored")
    for entry in ring.trust.commands:
        key = ring.role_key(entry.role)
        assert (key.kid, key.role) == (entry.kid, entry.role)
        entry.key().verify(key.private.sign(b"command"), b"command")


@pytest.mark.parametrize("umask", [0, 0o277])
def test_nobody_else_can_read_it_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        ring = keygen(tmp_path / "keys")
    finally:
        os.umask(before)
    assert ring.directory.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in ring.directory.iterdir()}
    assert modes.pop(BUNDLE_NAME) == 0o644
    assert len(modes) == 6
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_open_to_others_is_refused_with_the_remedy(mode: int, noc: Keyring) -> None:
    path = noc.directory / f"{noc.trust.confirm.kid}.pem"
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        noc.confirming_key()


def test_a_directory_open_to_others_is_refused_with_the_remedy(noc: Keyring) -> None:
    noc.directory.chmod(0o750)
    with pytest.raises(ConfigError, match=f"chmod 700 {noc.directory}"):
        Keyring.open(noc.directory)


def test_keys_are_never_overwritten(noc: Keyring) -> None:
    before = {path.name: path.read_bytes() for path in noc.directory.iterdir()}
    with pytest.raises(ConfigError, match="not empty"):
        keygen(noc.directory)
    assert {path.name: path.read_bytes() for path in noc.directory.iterdir()} == before


def test_the_recovery_key_may_be_elsewhere(noc: Keyring) -> None:
    recovery = noc.trust.recipients[1].kid
    assert recovery.startswith("recovery-")
    (noc.directory / f"{recovery}.pem").unlink()
    assert list(noc.opening_keys()) == [noc.trust.recipients[0].kid]
    (noc.directory / f"{noc.trust.recipients[0].kid}.pem").unlink()
    with pytest.raises(ConfigError, match="no key that opens readings"):
        noc.opening_keys()


def test_a_key_under_another_name_is_refused(noc: Keyring) -> None:
    operator, clinician = (noc.directory / f"{noc.role_key(role).kid}.pem" for role in (Role.OPERATOR, Role.CLINICIAN))
    operator.write_bytes(clinician.read_bytes())
    with pytest.raises(ConfigError, match="not the private half"):
        noc.role_key(Role.OPERATOR)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_spoilt_file_is_named_and_its_content_is_not(content: bytes, noc: Keyring) -> None:
    path = noc.directory / f"{noc.trust.confirm.kid}.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        noc.confirming_key()
    assert str(error.value).startswith(f"{path}: ")
    assert "AAAA" not in str(error.value)


def pretend(noc: Keyring, kid: str, private: X25519PrivateKey | Ed25519PrivateKey) -> str:
    """Put another kind of key under a kid; give the public entry that would make it look right."""
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (noc.directory / f"{kid}.pem").write_bytes(pem)
    return encode(private.public_key().public_bytes_raw())


def test_a_key_of_another_kind_is_refused_even_where_its_public_half_fits(noc: Keyring) -> None:
    confirm, recipient = noc.trust.confirm, noc.trust.recipients[0]
    confirm = confirm.model_copy(update={"public": pretend(noc, confirm.kid, X25519PrivateKey.generate())})
    public = pretend(noc, recipient.kid, Ed25519PrivateKey.generate())
    recipient = recipient.model_copy(update={"public": public, "suite": "X25519"})
    fooled = Keyring(noc.directory, noc.trust.model_copy(update={"confirm": confirm, "recipients": (recipient,)}))
    with pytest.raises(ConfigError, match="not one Ed25519 key"):
        fooled.confirming_key()
    with pytest.raises(ConfigError, match="not a key of the suite X25519"):
        fooled.opening_keys()


def test_a_key_that_this_ring_never_makes_is_refused(noc: Keyring) -> None:
    path = noc.directory / f"{noc.trust.confirm.kid}.pem"
    foreign = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(foreign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="not PKCS#8"):
        noc.confirming_key()


def test_of_two_keys_of_a_role_the_newer_signs_and_a_role_without_one_is_named(noc: Keyring) -> None:
    operator, clinician = noc.trust.commands[:2]
    newer = clinician.model_copy(update={"role": Role.OPERATOR})
    ring = Keyring(noc.directory, noc.trust.model_copy(update={"commands": (operator, newer)}))
    assert ring.role_key(Role.OPERATOR).kid == clinician.kid
    with pytest.raises(ConfigError, match="no command key for the role security"):
        ring.role_key(Role.SECURITY)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Not a directory"):
        keygen(tmp_path / "file" / "keys")


def test_half_of_a_hybrid_key_is_no_key(noc: Keyring) -> None:
    path = noc.directory / f"{noc.trust.recipients[0].kid}.pem"
    path.write_bytes(path.read_bytes().split(b"-----END PRIVATE KEY-----\n")[1] + b"-----END PRIVATE KEY-----\n")
    with pytest.raises(ConfigError, match="not the private half"):
        noc.opening_keys()


def test_a_missing_directory_or_file_says_what_to_do(noc: Keyring, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hub-noc keygen"):
        Keyring.open(tmp_path / "nowhere")
    (noc.directory / f"{noc.trust.confirm.kid}.pem").unlink()
    with pytest.raises(ConfigError, match="put the file back"):
        noc.confirming_key()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_other_tools_read_the_files(noc: Keyring) -> None:
    key = noc.confirming_key()
    shown = subprocess.run(  # noqa: S603 - our own arguments
        ["openssl", "pkey", "-in", str(noc.directory / f"{key.kid}.pem"), "-pubout"],  # noqa: S607 - on the PATH
        capture_output=True,
        check=True,
    ).stdout
    assert shown == key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
