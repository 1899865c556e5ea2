import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from hub_agent import trust
from hub_agent.errors import ConfigError
from hub_agent.noc.keyring import Keyring, keygen
from hub_agent.trust import Role


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return keygen(tmp_path_factory.mktemp("noc") / "keys")


@pytest.fixture
def bundle(noc: Keyring) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(noc.trust.model_dump_json())
    return document


def refused(document: object) -> str:
    with pytest.raises(ConfigError) as error:
        trust.parse(json.dumps(document).encode(), "noc-public.json")
    assert str(error.value).startswith("noc-public.json: ")
    assert error.value.hint
    return str(error.value)


def test_a_bundle_is_read_back_as_written(noc: Keyring) -> None:
    read = trust.load(noc.directory / trust.BUNDLE_NAME)
    assert read == noc.trust
    assert [entry.role for entry in read.commands] == list(Role)
    assert read.recipients[0].suite == "MLKEM768_X25519"
    assert isinstance(read.recipients[0].key(), hpke.MLKEM768X25519PublicKey)


def test_the_classical_suite(tmp_path: Path) -> None:
    recipient = keygen(tmp_path / "keys", "X25519").trust.recipients[0]
    assert isinstance(recipient.key(), X25519PublicKey)


def test_a_private_key_has_no_place_in_it(bundle: dict[str, Any]) -> None:
    bundle["commands"][0]["private"] = "AAAA"
    assert "commands.0.private" in refused(bundle)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("version",), 2, "version"),
        (("version",), "1", "version"),
        (("recipients",), [], "recipients"),
        (("recipients", 0, "suite"), "MLKEM512", "recipients.0.suite"),
        (("recipients", 0, "suite"), "X25519", "recipients.0"),
        (("recipients", 0, "kid"), "../evil", "recipients.0.kid"),
        (("commands", 1, "role"), "root", "commands.1.role"),
        (("commands", 1, "public"), "AAAA", "commands.1"),
        (("commands", 1, "public"), "not base64!", "commands.1"),
        (("commands", 1, "public"), "ä" * 44, "commands.1"),
        (("confirm", "kid"), "", "confirm.kid"),
        (("confirm",), None, "confirm"),
    ],
)
def test_each_mistake_is_named(path: tuple[Any, ...], value: object, place: str, bundle: dict[str, Any]) -> None:
    target: Any = bundle
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert f": {place}: " in refused(bundle)


def test_one_key_cannot_be_two_people(bundle: dict[str, Any]) -> None:
    bundle["commands"][1]["public"] = bundle["commands"][0]["public"]
    assert "two kids" in refused(bundle)


def test_one_key_cannot_have_two_duties(bundle: dict[str, Any]) -> None:
    bundle["confirm"]["public"] = bundle["commands"][0]["public"]
    assert "two kids" in refused(bundle)


def test_two_keys_cannot_share_a_name(bundle: dict[str, Any]) -> None:
    bundle["commands"][1]["kid"] = bundle["commands"][0]["kid"]
    assert "kid appears twice" in refused(bundle)


def test_a_member_named_twice_is_refused(noc: Keyring) -> None:
    text = noc.trust.model_dump_json().replace('{"version":1,', '{"version":1,"version":1,')
    with pytest.raises(ConfigError, match="twice"):
        trust.parse(text.encode(), "noc-public.json")


def test_base64_that_decodes_alike_is_one_key(bundle: dict[str, Any]) -> None:
    # 32 bytes end in a group of two characters whose last four bits are thrown away: two texts, one key.
    text = bundle["commands"][0]["public"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = text[:42] + alphabet[alphabet.index(text[42]) ^ 1] + "="
    assert base64.b64decode(twin) == base64.b64decode(text)
    bundle["commands"][1]["public"] = twin
    assert "two kids" in refused(bundle)


@given(text=st.binary(max_size=100))
def test_any_bytes_are_a_bundle_or_a_mistake(text: bytes) -> None:
    with pytest.raises(ConfigError):
        trust.parse(text, "noc-public.json")


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"noc-public\.json.*from the NOC"):
        trust.load(tmp_path / "noc-public.json")
