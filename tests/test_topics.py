"""The topic tree: names that mean one hub each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import ConfigError
from hub_agent.topics import DEFAULT_PREFIX, HUB_ID, Topics, split_up

HUB_IDS = st.from_regex(HUB_ID, fullmatch=True)
NAMES = ("alarm", "live", "backlog", "keys", "health", "status")


def test_the_tree_is_that_of_the_document() -> None:
    topics = Topics("hub-0001")
    assert [getattr(topics, name) for name in NAMES] == [f"hubs/v1/hub-0001/up/{name}" for name in NAMES]
    assert (topics.confirm, topics.commands) == ("hubs/v1/hub-0001/down/ack", "hubs/v1/hub-0001/down/commands")


@given(HUB_IDS, st.sampled_from(NAMES), st.sampled_from([DEFAULT_PREFIX, "a", "site/ward-7/hubs"]))
def test_what_goes_up_tells_its_hub(hub_id: str, name: str, prefix: str) -> None:
    topics = Topics(hub_id, prefix)
    assert split_up(getattr(topics, name), prefix) == (hub_id, name)
    assert split_up(topics.confirm, prefix) is None
    assert split_up("x" + getattr(topics, name), prefix) is None
    assert split_up(getattr(topics, name) + "/more", prefix) is None


@given(st.text(max_size=40))
def test_an_id_is_dull_or_refused(hub_id: str) -> None:
    try:
        topics = Topics(hub_id)
    except ConfigError:
        assert not HUB_ID.fullmatch(hub_id)
    else:
        assert not set(topics.live) & set("+#\0$")
        assert topics.live.count("/") == 4


@pytest.mark.parametrize("hub_id", ["", "abc", "a" * 33, "Hub-1", "hub/1", "hub+", "#", "hub 1", "hub-1\n", "hüb-1"])
def test_an_id_that_could_bend_an_access_rule_is_refused(hub_id: str) -> None:
    with pytest.raises(ConfigError, match="hub id"):
        Topics(hub_id)


@pytest.mark.parametrize("prefix", ["", "/a", "a/", "a/+", "#", "$SYS", "a b"])
def test_a_prefix_is_checked_too(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        Topics("hub-1", prefix)


@given(st.text())
def test_any_text_may_be_asked_for_its_hub(topic: str) -> None:
    assert split_up(topic) is None
