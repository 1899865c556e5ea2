"""Bodies come back as they were, smaller; what was tampered with, or would be too large, does not."""

import base64
import re
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_agent.errors import SealError
from hub_agent.squeeze import PRESET, expand, squeeze
from hub_agent.wire import Item, encode
from tests.noc.ends import event, reading

DOCUMENT = Path(__file__).parent.parent / "docs" / "wire.md"


@given(st.binary(max_size=4000))
def test_any_body_comes_back(body: bytes) -> None:
    assert expand(squeeze(body), len(body)) == body


@given(st.binary(max_size=200), st.integers(1, 500))
def test_nonsense_is_refused_or_bounded(data: bytes, limit: int) -> None:
    with suppress(SealError):
        assert len(expand(data, limit)) <= limit


def test_a_body_beyond_the_limit_is_refused() -> None:
    with pytest.raises(SealError, match="limit"):
        expand(squeeze(bytes(1000)), 999)


def test_a_body_that_is_cut_short_is_refused() -> None:
    with pytest.raises(SealError, match="cut short"):
        expand(squeeze(bytes(range(256)))[:-1], 1000)


@pytest.mark.parametrize("item", [reading(97), event("alarm", condition="limit_low", priority="high", device="ill")])
def test_the_dictionary_is_worth_it_for_a_single_item(item: Item) -> None:
    body = encode([item])
    assert len(squeeze(body)) < 0.75 * len(zlib.compress(body, 9)[2:-4])


def test_the_document_has_the_dictionary() -> None:
    found = re.search(r"preset dictionary, in base64:\n\n```\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    assert base64.b64decode(found[1]) == PRESET
