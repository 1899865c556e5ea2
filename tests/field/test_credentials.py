"""Where systemd will look for what the configuration calls a credential."""

from pathlib import Path

import pytest

from hub_agent.config import SecretRef
from hub_agent.errors import ConfigError
from hub_agent.field import credentials
from tests.field.test_doctor import config_of


def test_a_credential_that_no_store_has_is_doubted_with_the_way_out(tmp_path: Path) -> None:
    config = config_of(tmp_path, ('key = "identity.pem"', 'key = "credential:hub-identity"'))
    stores = [tmp_path / "encrypted", tmp_path / "clear"]
    (doubt,) = credentials.doubts(config, {}, stores)
    assert "systemd-creds encrypt --name=hub-identity" in doubt
    assert [*credentials.doubts(config, {"CREDENTIALS_DIRECTORY": "/run"}, stores)] == []  # the service opens it itself
    stores[1].mkdir()
    (stores[1] / "hub-identity").touch()
    assert [*credentials.doubts(config, {}, stores)] == []


def test_a_store_that_may_not_be_looked_into_is_no_missing_credential(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")  # any error will do: root may look everywhere
    with pytest.raises(ConfigError, match="as root"):
        credentials.require(SecretRef(None, "hub-identity"), [tmp_path / "loop"])
