"""The files that a configuration names: good, and wrong in each of the ways that a technician meets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub_agent.config import Config, load
from hub_agent.field.files import findings
from tests.broker import Authority
from tests.configs import HUB, make_keys, tls, write


@pytest.fixture
def here(tmp_path: Path) -> Path:
    make_keys(tmp_path)
    authority = Authority(tmp_path)
    for name in (HUB, "other"):
        authority.issue(name)
        (tmp_path / f"{name}.key").chmod(0o600)
    return tmp_path


def config_in(here: Path, more: str = "") -> Config:
    return load(write(here, more, broker=tls(here)))


def wrong(config: Config, **environ: str) -> dict[str, str]:
    return {".".join(map(str, one.path)): one.reason for one in findings(config, environ)}


def test_files_as_they_should_be(here: Path) -> None:
    assert wrong(config_in(here)) == {}


def _remove(name: str) -> Callable[[Path], None]:
    return lambda here: (here / name).unlink()


def _overwrite(name: str) -> Callable[[Path], object]:
    return lambda here: (here / name).write_text("something else", encoding="ascii")


def _open(name: str) -> Callable[[Path], None]:
    return lambda here: (here / name).chmod(0o644)


def _swap(here: Path) -> None:
    (here / "other.key").replace(here / f"{HUB}.key")


@pytest.mark.parametrize(
    ("spoil", "key", "reason"),
    [
        (_remove("noc/noc-public.json"), "noc.trust", "No such file"),
        (_overwrite("noc/noc-public.json"), "noc.trust", "noc-public.json"),
        (_remove("identity.pem"), "identity.key", "No such file"),
        (_overwrite("identity.pem"), "identity.key", "not a PEM private key"),
        (_open("identity.pem"), "identity.key", "is open to others"),
        (_remove("ca.pem"), "broker.tls.ca", "No such file"),
        (_overwrite("ca.pem"), "broker.tls.ca", "not a certificate"),
        (_remove(f"{HUB}.pem"), "broker.tls.certificate", "No such file"),
        (_overwrite(f"{HUB}.pem"), "broker.tls.certificate", "not a certificate"),
        (_remove(f"{HUB}.key"), "broker.tls.key", "No such file"),
        (_open(f"{HUB}.key"), "broker.tls.key", "is open to others"),
        (_overwrite(f"{HUB}.key"), "broker.tls.key", "SSLError"),
        (_swap, "broker.tls.key", "KEY_VALUES_MISMATCH"),
        (lambda here: (here / "state").write_text(""), "hub.state_dir", "no directory"),
    ],
)
def test_each_file_that_is_not_is_named_by_its_key(
    here: Path, spoil: Callable[[Path], object], key: str, reason: str
) -> None:
    config = config_in(here)
    spoil(here)
    found = wrong(config)
    assert found.keys() == {key}
    assert reason in found[key]


def test_a_credential_is_looked_at_only_where_it_is_given(here: Path) -> None:
    path = write(here, broker=tls(here))
    text = path.read_text(encoding="utf-8")
    text = text.replace('"identity.pem"', '"credential:hub-identity"').replace(
        f'"{here}/{HUB}.key"', '"credential:hub-tls-key"'
    )
    path.write_text(text, encoding="utf-8")
    config = load(path)
    assert wrong(config) == {}
    given = here / "credentials"
    given.mkdir()
    assert wrong(config, CREDENTIALS_DIRECTORY=str(given)).keys() == {"identity.key", "broker.tls.key"}
    (here / "identity.pem").rename(given / "hub-identity")
    (here / f"{HUB}.key").rename(given / "hub-tls-key")
    assert wrong(config, CREDENTIALS_DIRECTORY=str(given)) == {}


def test_a_lamp_and_a_buzzer_that_are_not_there(here: Path) -> None:
    more = '[annunciator]\nled = "/sys/class/leds/none"\ncommand = ["/nowhere/buzz"]\n'
    assert wrong(config_in(here, more)).keys() == {"annunciator.led", "annunciator.command"}
    (here / "brightness").write_text("0", encoding="ascii")
    more = f'[annunciator]\nled = "{here}"\ncommand = ["true"]\n'
    assert wrong(config_in(here, more)) == {}
